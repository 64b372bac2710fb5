import { type ChallengeError, REFUSALS, type RefusalCode, type RefusalRow } from '../core/refusals.ts';

/** The beginning of the challenge of each code that has one: scheme, `realm` and what went wrong. */
export type ChallengeHeads = Readonly<Partial<Record<RefusalCode, string>>>;

/**
 * Renders the beginnings of `WWW-Authenticate` (RFC 6750 §3). They reveal no more than the titles of the refusals, so that guessing
 * tokens teaches nothing.
 */
export function challengeHeads(realm: string): ChallengeHeads {
  const start = `Bearer realm=${quote(realm)}`;
  return Object.fromEntries(
    Object.entries<RefusalRow>(REFUSALS).flatMap(([code, { challenge, title }]) => {
      if (challenge === undefined || isOfDpop(challenge)) return [];
      const error = challenge === 'none' ? '' : `, error="${challenge}", error_description=${quote(title)}`;
      return [[code, start + error]];
    }),
  );
}

/** Whether an error only concerns the proof of a bound token, which bearer tokens need none of. */
export function isOfDpop(error: RefusalRow['challenge']): boolean {
  return DPOP_ERRORS.has(error);
}

const DPOP_ERRORS: ReadonlySet<unknown> = new Set([
  'invalid_dpop_proof',
  'use_dpop_nonce',
] satisfies ChallengeError[]);

/** The beginning of the challenge of each code, by the scheme `DPoP` (RFC 9449 §7.1). `algorithms` are those of proofs. */
export function dpopChallengeHeads(algorithms: readonly string[]): ChallengeHeads {
  const algs = `algs=${quote(algorithms.join(' '))}`;
  return Object.fromEntries(
    Object.entries<RefusalRow>(REFUSALS).flatMap(([code, { challenge, title }]) => {
      if (challenge === undefined) return [];
      if (challenge === 'none') return [[code, `DPoP ${algs}`]];
      return [[code, `DPoP error="${challenge}", ${algs}, error_description=${quote(title)}`]];
    }),
  );
}

/** What stands behind a challenge for bearer tokens where bound ones are accepted too. */
export function dpopChallenge(algorithms: readonly string[]): string {
  return `, DPoP algs=${quote(algorithms.join(' '))}`;
}

/** Renders the rest of a challenge: the scopes that would do, and where the protected resource describes itself (RFC 9728 §5.1). */
export function challengeTail(scopes: readonly string[], resourceMetadata: string | undefined): string {
  const scope = scopes.length === 0 ? '' : `, scope=${quote(scopes.join(' '))}`;
  return resourceMetadata === undefined ? scope : `${scope}, resource_metadata=${quote(resourceMetadata)}`;
}

/** Renders what a refusal adds to its challenge, such as the `acr_values` of RFC 9470 §3. */
export function challengeParameters(parameters: Readonly<Record<string, string>> | undefined): string {
  if (parameters === undefined) return '';
  return Object.entries(parameters)
    .map(([name, value]) => `, ${name}=${quote(value)}`)
    .join('');
}

/** A quoted-string without what RFC 6750 §3 keeps out of the values: quotes, backslashes, controls and non-ASCII. */
function quote(text: string): string {
  return `"${text.replace(/["\\]|[^ -~]/g, "'")}"`;
}
