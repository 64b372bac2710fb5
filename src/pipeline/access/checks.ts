import { quoteForLog } from '../../core/escape.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import { claimHas } from '../../tokens/jwt/claim-values.ts';
import { readClaim } from '../../tokens/jwt/read-claims.ts';
import type { VerifiedToken } from '../../tokens/verified-token.ts';
import { checkBinding } from '../binding/check-binding.ts';
import type { FilteredRequest } from '../messages/request.ts';
import { STEP_BUDGET } from './cel/condition-meter.ts';
import type { AccessBlock, ClaimRule, Wanted } from './compile-access.ts';
import { describeAll, describeAudiences, describeClaim, describeWanted } from './describe-rules.ts';
import { refuseClaim, refuseLack } from './explain-claims.ts';
import { checkAge, checkClass, describeAge, describeClasses } from './step-up.ts';

/** A verified token and its request. */
export interface Caller {
  readonly token: VerifiedToken;
  readonly request: FilteredRequest;
}

/** One kind of rule a block can hold. */
export interface Check {
  readonly step: string;
  /** What the block requires of this token, or of any, in names of the file; undefined when nothing of this kind. */
  readonly expected: (block: AccessBlock, token?: VerifiedToken) => string | undefined;
  /** What the token has instead; shown where claim values may be. */
  readonly got: (block: AccessBlock, caller: Caller) => unknown;
  readonly check: (block: AccessBlock, caller: Caller, trace?: Trace) => Refusal | undefined;
}

/** Whom a token is from and for. These come before the proof that its client holds it, all other checks after. */
export const ADDRESSING: readonly Check[] = [
  {
    step: 'issuers',
    expected: ({ issuers }) => [...issuers.keys()].join(' or '),
    got: (_, { token }) => token.issuer,
    check: checkIssuer,
  },
  {
    step: 'audiences',
    expected: ({ issuers }, token) => {
      const own = token && issuers.get(token.issuer);
      const counting = own === undefined ? [...issuers.values()] : [own];
      return [...new Set(counting.map(describeAudiences))].join(' or ');
    },
    got: (_, { token }) => token.audiences,
    check: checkAudience,
  },
];

/** In the order that docs/access.md promises, so that codes are stable. The index of the failed check is how far a block got. */
export const RULES: readonly Check[] = [
  {
    step: 'binding',
    expected: ({ bindings }) => describeAll(bindings),
    got: (_, { token }) => token.claims.cnf ?? null,
    check: ({ bindings, neededScopes: scopes }, { token }) => {
      const refusal = checkBinding(bindings, token);
      return refusal && { ...refusal, scopes };
    },
  },
  {
    step: 'scopes',
    expected: ({ scopes }) => describeAll(scopes.map(describeWanted)),
    got: (_, { token }) => token.scopes,
    check: checkScopes,
  },
  {
    step: 'roles',
    expected: ({ roles }) => describeAll(roles.map(describeWanted)),
    got: (_, { token }) => token.roles,
    check: checkRoles,
  },
  {
    step: 'claims',
    expected: ({ claims }) => describeAll(claims.map(describeClaim)),
    got: ({ claims }, { token }) =>
      Object.fromEntries(claims.map(({ path, label }) => [label, readClaim(token.claims, path) ?? null])),
    check: checkClaims,
  },
  {
    step: 'when',
    expected: ({ conditions }) => describeAll(conditions.map(({ source }) => source)),
    got: ({ conditions }, { token, request }) =>
      Object.assign({}, ...conditions.map(({ show }) => show(token, request))),
    check: checkConditions,
  },
  {
    step: 'acr',
    expected: ({ stepUp }) => stepUp && describeClasses(stepUp),
    got: (_, { token }) => token.claims.acr ?? null,
    check: (block, { token }) => asChallenged(block, checkClass(block.stepUp, token.claims)),
  },
  {
    step: 'maxAuthAge',
    expected: ({ stepUp }) => stepUp && describeAge(stepUp),
    got: (_, { token }) => token.claims.auth_time ?? null,
    check: (block, { token }) => {
      const toleranceMs = block.issuers.get(token.issuer)?.clockToleranceMs ?? 0;
      return asChallenged(block, checkAge(block.stepUp, token.claims, toleranceMs));
    },
  },
];

function checkIssuer({ issuers }: AccessBlock, { token }: Caller): Refusal | undefined {
  if (issuers.has(token.issuer)) return undefined;
  return refuse('issuer_not_allowed', `the route does not accept tokens of ${token.issuer}`);
}

/** What people take for the same audience, and providers do not write alike. */
function fold(audience: string): string {
  return audience
    .toLowerCase()
    .replace(/^api:\/\//, '')
    .replace(/\/$/, '');
}

/** RFC 7519 §4.1.3: one of the token's audiences must be one of ours. The log names those of the token, `explain` only on request. */
function checkAudience({ issuers }: AccessBlock, { token }: Caller, trace?: Trace): Refusal | undefined {
  const accepted = issuers.get(token.issuer);
  if (accepted === undefined || accepted.audiences === 'any') return undefined;
  const { audiences: names, audienceHint: hint } = accepted;
  const { audiences } = token;
  for (const audience of audiences ?? []) if (names.has(audience)) return undefined;
  const wanted = `${describeAudiences(accepted)}${hint === undefined ? '' : `; ${hint}`}`;
  if (audiences === undefined)
    return refuse('audience_missing', `the token names no audience, expected ${wanted}`);
  if (audiences.length === 0) {
    const reason = `its audience is neither a text nor a list of texts, expected ${wanted}`;
    return refuse('audience_unreadable', reason);
  }
  const near = [...names].find((name) => audiences.some((audience) => fold(audience) === fold(name)));
  if (near !== undefined) {
    const ours = quoteForLog(near);
    return refuse(
      'audience_nearly_accepted',
      `its audience differs from ${ours} only by case, by a slash at the end or by \`api://\` in front`,
    );
  }
  const joined = audiences.length === 1 ? (audiences[0] as string).split(/[\s,;]+/) : [];
  const inside = joined.length > 1 ? joined.find((audience) => names.has(audience)) : undefined;
  if (inside !== undefined) {
    const reason = `its audience is one text with separators, which is compared as a whole; ${quoteForLog(inside)} is in it`;
    return refuse('audience_joined', reason);
  }
  const mayName = trace === undefined || trace.showClaims || trace.isForLog === true;
  const named = mayName ? quoteForLog(audiences.join(' ')) : 'another audience';
  return refuse('audience_mismatch', `the token is for ${named}, expected ${wanted}`);
}

export function checkScopes({ scopes, issuers }: AccessBlock, { token }: Caller): Refusal | undefined {
  for (const wanted of scopes) {
    const lack = describeLack(wanted, token.scopes);
    if (lack === undefined) continue;
    const paths = issuers.get(token.issuer)?.scopeClaims ?? [];
    return refuseLack('scope', `the token lacks the scope ${lack}`, {
      claims: token.claims,
      paths,
      wanted: lacking(wanted, token.scopes),
      held: token.scopes,
    });
  }
  return undefined;
}

function checkRoles({ roles, issuers }: AccessBlock, { token }: Caller): Refusal | undefined {
  for (const wanted of roles) {
    const lack = describeLack(wanted, token.roles);
    if (lack === undefined) continue;
    const paths = issuers.get(token.issuer)?.roleClaims ?? [];
    return refuseLack('role', `the token lacks the role ${lack}`, {
      claims: token.claims,
      paths,
      wanted: lacking(wanted, token.roles),
      held: token.roles,
    });
  }
  return undefined;
}

function checkClaims({ claims }: AccessBlock, { token }: Caller): Refusal | undefined {
  for (const rule of claims) {
    const value = readClaim(token.claims, rule.path);
    const has = (wanted: ClaimRule['values'][number]) => claimHas(value, wanted);
    if (rule.quantifier === 'all' ? rule.values.every(has) : rule.values.some(has)) continue;
    return refuseClaim(rule, token.claims, value);
  }
  return undefined;
}

/** The reason quotes the condition, which is the operator's text, and none of the values it read. */
function checkConditions({ conditions }: AccessBlock, { token, request }: Caller): Refusal | undefined {
  for (const { evaluate } of conditions) {
    const result = evaluate(token, request);
    if (result.kind === 'true') continue;
    if (result.kind === 'exceeded') {
      return refuse(
        'condition_exceeded',
        `the condition of the route takes more than its ${STEP_BUDGET} steps`,
      );
    }
    if (result.kind === 'false') return refuse('condition_failed', 'the condition of the route is false');
    return (
      (result.atCertificate ? findCertificateLack(request) : undefined) ??
      refuse('condition_not_evaluated', `the condition of the route could not be evaluated at ${result.near}`)
    );
  }
  return undefined;
}

/** Why a condition could not read the client certificate, or a name in it. */
function findCertificateLack({ certificate }: FilteredRequest): Refusal | undefined {
  const shown = certificate?.();
  if (shown === undefined)
    return refuse(
      'condition_without_certificate',
      'the condition of the route reads the client certificate, and the request came without one',
    );
  if (shown.names() !== undefined) return undefined;
  return refuse(
    'condition_certificate_unvouched',
    'the condition of the route reads names of the client certificate, and no authority of the file vouches for it',
  );
}

/** Clients are asked for all that the block asks of an authentication, and its scopes, which a new token must have again. */
function asChallenged(
  { stepUp, neededScopes: scopes }: AccessBlock,
  refusal: Refusal | undefined,
): Refusal | undefined {
  if (refusal === undefined || stepUp === undefined) return undefined;
  return { ...refusal, scopes, parameters: stepUp.parameters };
}

/** What is missing, in names of the file; undefined when nothing is. */
function describeLack(wanted: Wanted, present: readonly string[]): string | undefined {
  const names = lacking(wanted, present);
  return names.length === 0 ? undefined : names.map((name) => JSON.stringify(name)).join(' or ');
}

/** The first of `all` that is missing, else all of `any` where none is there. */
function lacking({ all, any }: Wanted, present: readonly string[]): readonly string[] {
  const missing = all.find((name) => !present.includes(name));
  if (missing !== undefined) return [missing];
  return any.some((name) => present.includes(name)) ? [] : any;
}
