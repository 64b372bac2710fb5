import { type Refusal, refuse } from '../../core/refusals.ts';
import type { VerifiedToken } from '../verified-token.ts';
import type { RevocationKind, RevocationSource } from './entry.ts';
import type { FoundRevocation, RevocationIndex } from './revocation-index.ts';

/** Whether tokens are revoked, as far as this process knows. It outlives configurations. */
export interface RevocationCheck {
  /** The refusal of a verified token; undefined where it is not revoked. */
  refuse(token: VerifiedToken): Refusal | undefined;
  /** The same by the entries alone, for what is open: a store that is silent ends nothing. */
  refuseRevoked(token: VerifiedToken): Refusal | undefined;
  /** Grows with each entry, so that a decision that waited can see whether it must look again. */
  readonly revision: number;
}

export interface RevocationCheckSources {
  readonly index: RevocationIndex;
  /** Whether entries may be missing that other gateways know; undefined in files without a store, or with `onFailure: open`. */
  readonly isIncomplete: (() => boolean) | undefined;
}

const INCOMPLETE = refuse(
  'revocation_unavailable',
  'the store of `revocation` has been silent for so long that entries may be missing',
  { retryAfterSeconds: 1 },
);

/** Looks a token up; costs one comparison where there is nothing to look up. */
export function refuseToken(
  { index, isIncomplete }: RevocationCheckSources,
  token: VerifiedToken,
): Refusal | undefined {
  const revoked = refuseRevoked(index, token);
  if (revoked !== undefined || isIncomplete === undefined) return revoked;
  return isIncomplete() ? { ...INCOMPLETE, issuer: token.issuer } : undefined;
}

export function refuseRevoked(index: RevocationIndex, token: VerifiedToken): Refusal | undefined {
  if (index.size === 0) return undefined;
  const found = index.find(token);
  return found && refuse('token_revoked', describeRevocation(found), { issuer: token.issuer });
}

const KINDS: Readonly<Record<RevocationKind, string>> = {
  jti: 'the token itself',
  sid: 'its session',
  subject: 'the tokens of its subject up to its `iat`',
};

const SOURCES: Readonly<Record<RevocationSource, string>> = {
  file: 'the file of `revocation`',
  store: 'the store of `revocation`',
  admin: 'the admin listener',
  logout: 'a logout token',
  events: 'a security event',
};

/** For logs and `explain`: without values. */
export function describeRevocation({ kind, source }: FoundRevocation): string {
  return `an entry revokes ${KINDS[kind]}; it came from ${SOURCES[source]}`;
}
