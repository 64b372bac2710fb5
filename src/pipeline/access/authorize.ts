import { quoteForLog } from '../../core/escape.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import { claimHas } from '../../tokens/jwt/claim-values.ts';
import { readClaim } from '../../tokens/jwt/read-claims.ts';
import { validateBinding } from '../../tokens/jwt/validate-claims.ts';
import type { VerifiedToken } from '../../tokens/verified-token.ts';
import type { FilteredRequest } from '../messages/request.ts';
import { STEP_BUDGET } from './cel/condition-meter.ts';
import type { AccessBlock, AccessRules, ClaimRule, Wanted } from './compile-access.ts';
import { describeAll, describeAudiences, describeClaim, describeWanted } from './describe-rules.ts';
import { refuseClaim, refuseLack } from './explain-claims.ts';

/** A verified token and its request. */
export interface Caller {
  readonly token: VerifiedToken;
  readonly request: FilteredRequest;
}

/** One kind of rule a block can hold. */
interface Check {
  readonly step: string;
  /** What the block requires of this token, or of any, in names of the file; undefined when nothing of this kind. */
  readonly expected: (block: AccessBlock, token?: VerifiedToken) => string | undefined;
  /** What the token has instead; shown where claim values may be. */
  readonly got: (block: AccessBlock, caller: Caller) => unknown;
  readonly check: (block: AccessBlock, caller: Caller, trace?: Trace) => Refusal | undefined;
}

/** In the order that docs/access.md promises, so that codes are stable. The index of the failed check is how far a block got. */
const CHECKS: readonly Check[] = [
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
  {
    step: 'binding',
    expected: () => 'a token that is bound to no key',
    got: (_, { token }) => token.claims.cnf ?? null,
    check: (_, { token }) => validateBinding(token.claims),
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
];

const SCOPES = CHECKS.findIndex(({ step }) => step === 'scopes');

/**
 * Applies the access rules of a route to a verified token: one of the blocks must hold. Undefined when it does; otherwise the
 * refusal of the block that got furthest, the first of equals. Of those that lack scopes, one that lacks nothing else comes first: its
 * refusal names the scopes, since a client that obtains them is let in.
 */
export function authorize(rules: AccessRules, caller: Caller, trace?: Trace): Refusal | undefined {
  let furthest = -1;
  let result: Refusal | undefined;
  let decisive: AccessBlock | undefined;
  for (let at = 0; at < rules.blocks.length; at += 1) {
    const block = rules.blocks[at] as AccessBlock;
    const label = rules.blocks.length === 1 ? '' : ` (alternative ${at + 1})`;
    const failed = checkBlock(block, caller, trace, label);
    if (failed === undefined) return undefined;
    if (failed.progress > furthest) {
      furthest = failed.progress;
      result = failed.refusal;
      decisive = block;
    }
  }
  if (result === undefined) return undefined;
  const { issuer } = caller.token;
  const curable =
    furthest === SCOPES ? rules.blocks.find((block) => holdsButForScopes(block, caller)) : undefined;
  if (curable === undefined) return { ...result, issuer };
  const lack = curable === decisive ? result : (checkScopes(curable, caller) as Refusal);
  return { ...lack, issuer, scopes: curable.neededScopes };
}

/** The first alternative that holds for the caller. */
export function findHeld({ blocks }: AccessRules, caller: Caller): AccessBlock | undefined {
  return blocks.find((block) => checkBlock(block, caller, undefined, '') === undefined);
}

/** Only asked where no alternative got further than to its scopes: one that holds otherwise lacks them. */
function holdsButForScopes(block: AccessBlock, caller: Caller): boolean {
  return CHECKS.every(({ check }, progress) => progress === SCOPES || check(block, caller) === undefined);
}

/** What each alternative wants, for people to read: `issuers corp, scopes a and b`. */
export function describeAccess({ token, blocks }: AccessRules): string {
  if (token === 'public') return 'public';
  const alternatives = blocks.map((block) => {
    const wants = CHECKS.flatMap(({ step, expected }) => {
      const wanted = expected(block);
      return wanted === undefined || ALWAYS_THERE.has(step) ? [] : `${step} ${wanted}`;
    });
    return wants.join(', ');
  });
  return `${token === 'optional' ? 'optional: ' : ''}${alternatives.join('; or ')}`;
}

/** Steps that no block has to ask for. */
const ALWAYS_THERE: ReadonlySet<string> = new Set(['audiences', 'binding']);

function checkBlock(
  block: AccessBlock,
  caller: Caller,
  trace: Trace | undefined,
  label: string,
): { readonly progress: number; readonly refusal: Refusal } | undefined {
  for (let progress = 0; progress < CHECKS.length; progress++) {
    const check = CHECKS[progress] as Check;
    const refusal = check.check(block, caller, trace);
    if (trace !== undefined) traceCheck(trace, check, { block, caller, label, refusal });
    if (refusal !== undefined) return { progress, refusal };
  }
  return undefined;
}

function traceCheck(
  trace: Trace,
  check: Check,
  facts: { block: AccessBlock; caller: Caller; label: string; refusal: Refusal | undefined },
): void {
  const expected = check.expected(facts.block, facts.caller.token);
  if (expected === undefined) return;
  const shown = trace.showClaims ? JSON.stringify(check.got(facts.block, facts.caller)) : undefined;
  const got = [facts.refusal?.reason, shown].filter((part) => part !== undefined).join('; ');
  trace.add({
    step: check.step + facts.label,
    ok: facts.refusal === undefined,
    expected,
    ...(got === '' ? {} : { got }),
    ...(facts.refusal && { refusal: facts.refusal }),
  });
}

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

function checkScopes({ scopes, issuers }: AccessBlock, { token }: Caller): Refusal | undefined {
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
    return result.kind === 'false'
      ? refuse('condition_failed', 'the condition of the route is false')
      : refuse(
          'condition_not_evaluated',
          `the condition of the route could not be evaluated at ${result.near}`,
        );
  }
  return undefined;
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
