import { quoteUntrusted } from '../core/quote.ts';
import { type Refusal, refuse } from '../core/refusals.ts';
import type { Trace } from '../core/trace.ts';
import type { VerifiedToken } from '../tokens/verified-token.ts';
import type { AccessBlock, AccessRules, ClaimRule, Wanted } from './access-rules.ts';
import { claimHas, readClaim } from './claim-values.ts';

/** One kind of rule a block can hold. */
interface Check {
  readonly step: string;
  /** What the block wants, in names of the file; undefined when it wants nothing of this kind. */
  readonly expected: (block: AccessBlock) => string | undefined;
  /** What the token has instead. Shown to whoever may see claim values. */
  readonly got: (block: AccessBlock, token: VerifiedToken) => unknown;
  readonly judge: (block: AccessBlock, token: VerifiedToken) => Refusal | undefined;
}

/** In the order of contract §3, so that codes are stable: how far a block got is the index of the check that failed. */
const CHECKS: readonly Check[] = [
  {
    step: 'issuers',
    expected: (block) => [...block.issuers].join(' or '),
    got: (_, token) => token.issuer,
    judge: judgeIssuer,
  },
  {
    step: 'audiences',
    expected: (block) => [...block.audiences.values()].map(describeAudiences).join(' or '),
    got: (_, token) => token.audiences,
    judge: judgeAudience,
  },
  {
    step: 'scopes',
    expected: ({ scopes }) => scopes && describeWanted(scopes),
    got: (_, token) => token.scopes,
    judge: judgeScopes,
  },
  {
    step: 'roles',
    expected: ({ roles }) => roles && describeWanted(roles),
    got: (_, token) => token.roles,
    judge: judgeRoles,
  },
  {
    step: 'claims',
    expected: ({ claims }) => (claims.length === 0 ? undefined : claims.map(describeClaim).join(' and ')),
    got: ({ claims }, token) => claims.map((rule) => readClaim(token.claims, rule.path)),
    judge: judgeClaims,
  },
];

/**
 * Judges a verified token by the access rules of a route: one of the blocks must hold. Undefined when it does; otherwise the
 * refusal of the block that got furthest, the first of equals.
 */
export function authorize(rules: AccessRules, token: VerifiedToken, trace?: Trace): Refusal | undefined {
  let furthest = -1;
  let answer: Refusal | undefined;
  for (const [at, block] of rules.blocks.entries()) {
    const label = rules.blocks.length === 1 ? '' : ` (alternative ${at + 1})`;
    const failed = judgeBlock(block, token, trace, label);
    if (failed === undefined) return undefined;
    if (failed.progress > furthest) {
      furthest = failed.progress;
      answer = failed.refusal;
    }
  }
  return answer === undefined ? undefined : { ...answer, issuer: token.issuer };
}

function judgeBlock(
  block: AccessBlock,
  token: VerifiedToken,
  trace: Trace | undefined,
  label: string,
): { readonly progress: number; readonly refusal: Refusal } | undefined {
  for (let progress = 0; progress < CHECKS.length; progress++) {
    const check = CHECKS[progress] as Check;
    const refusal = check.judge(block, token);
    if (trace !== undefined) traceCheck(trace, check, { block, token, label, refusal });
    if (refusal !== undefined) return { progress, refusal };
  }
  return undefined;
}

function traceCheck(
  trace: Trace,
  check: Check,
  facts: { block: AccessBlock; token: VerifiedToken; label: string; refusal: Refusal | undefined },
): void {
  const expected = check.expected(facts.block);
  if (expected === undefined) return;
  const shown = trace.showClaims
    ? (JSON.stringify(check.got(facts.block, facts.token)) ?? 'nothing')
    : undefined;
  const got = shown ?? facts.refusal?.reason;
  trace.add({
    step: check.step + facts.label,
    ok: facts.refusal === undefined,
    expected,
    ...(got === undefined ? {} : { got }),
  });
}

function judgeIssuer({ issuers }: AccessBlock, { issuer }: VerifiedToken): Refusal | undefined {
  if (issuers.has(issuer)) return undefined;
  return refuse('issuer_not_allowed', `the route does not accept tokens of ${issuer}`);
}

/** RFC 7519 §4.1.3: one of the token's audiences must be one of ours. */
function judgeAudience(block: AccessBlock, { issuer, audiences }: VerifiedToken): Refusal | undefined {
  const wanted = block.audiences.get(issuer);
  if (wanted === 'any') return undefined;
  if (audiences === undefined) return refuse('claim_missing', 'the token names no audience');
  if (wanted !== undefined && audiences.some((audience) => wanted.has(audience))) return undefined;
  const named = quoteUntrusted(audiences.join(' '));
  return refuse(
    'audience_mismatch',
    `the token is for ${named}, not for ${describeAudiences(wanted ?? new Set())}`,
  );
}

function judgeScopes({ scopes }: AccessBlock, token: VerifiedToken): Refusal | undefined {
  const lack = scopes && describeLack(scopes, token.scopes);
  if (scopes === undefined || lack === undefined) return undefined;
  return refuse('insufficient_scope', `the token lacks the scope ${lack}`, {
    scopes: [...scopes.all, ...scopes.any],
  });
}

function judgeRoles({ roles }: AccessBlock, token: VerifiedToken): Refusal | undefined {
  const lack = roles && describeLack(roles, token.roles);
  return lack === undefined ? undefined : refuse('role_missing', `the token lacks the role ${lack}`);
}

function judgeClaims({ claims }: AccessBlock, token: VerifiedToken): Refusal | undefined {
  for (const rule of claims) {
    const value = readClaim(token.claims, rule.path);
    if (value === undefined) return refuse('claim_mismatch', `the token has no claim ${rule.label}`);
    const has = (wanted: ClaimRule['values'][number]) => claimHas(value, wanted);
    if (rule.quantifier === 'all' ? rule.values.every(has) : rule.values.some(has)) continue;
    return refuse('claim_mismatch', `the claim ${rule.label} does not have the required value`);
  }
  return undefined;
}

/** What is missing, in names of the file; undefined when nothing is. */
function describeLack({ all, any }: Wanted, present: readonly string[]): string | undefined {
  const missing = all.find((name) => !present.includes(name));
  if (missing !== undefined) return JSON.stringify(missing);
  if (any.length === 0 || any.some((name) => present.includes(name))) return undefined;
  return any.map((name) => JSON.stringify(name)).join(' or ');
}

function describeWanted({ all, any }: Wanted): string {
  const parts = [];
  if (all.length > 0) parts.push(all.join(' and '));
  if (any.length > 0)
    parts.push(any.length > 1 && all.length > 0 ? `(${any.join(' or ')})` : any.join(' or '));
  return parts.join(' and ');
}

function describeClaim({ label, quantifier, values }: ClaimRule): string {
  const wanted = values.map((value) => JSON.stringify(value));
  return `${label} is ${wanted.join(quantifier === 'all' ? ' and ' : ' or ')}`;
}

function describeAudiences(wanted: ReadonlySet<string> | 'any'): string {
  return wanted === 'any' ? 'any' : [...wanted].map((name) => JSON.stringify(name)).join(' or ');
}
