import { isRefusal, type Refusal } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import type { CompiledIssuer } from '../compiled-issuer.ts';
import type { VerifiedToken } from '../verified-token.ts';
import type { UnverifiedToken } from './parse-token.ts';
import { readAudiences, readRoles, readScopes } from './read-claims.ts';
import { validateKind, validatePresence } from './validate-claims.ts';
import { type Lifetime, readLifetime } from './validate-lifetime.ts';

/** A token whose claims hold, and the span in which it does. */
export interface ValidatedToken {
  readonly token: VerifiedToken;
  readonly lifetime: Lifetime;
}

/** Validates the claims of a token whose signature holds. Its lifetime is checked at each use. */
export function validatePayload(
  { header, unverifiedClaims: claims }: UnverifiedToken,
  issuer: CompiledIssuer,
  trace: Trace | undefined,
): ValidatedToken | Refusal {
  const foreign = validateKind(claims, issuer);
  trace?.add({
    step: 'kind',
    ok: foreign === undefined,
    expected: issuer.idTokens ? 'an access token or an ID token' : 'an access token',
    ...(foreign && { got: foreign.reason }),
  });
  if (foreign !== undefined) return { ...foreign, issuer: issuer.name };
  const lifetime = validatePresence(claims, issuer.requiredClaims) ?? readLifetime(claims, issuer);
  const refusal = isRefusal(lifetime) ? lifetime : undefined;
  trace?.add({
    step: 'claims',
    ok: refusal === undefined,
    expected: ['exp', ...issuer.requiredClaims].join(', '),
    ...(refusal && { note: refusal.reason }),
  });
  if (isRefusal(lifetime)) return { ...lifetime, issuer: issuer.name };
  const token: VerifiedToken = {
    issuer: issuer.name,
    header,
    claims,
    audiences: readAudiences(claims, issuer),
    scopes: readScopes(claims, issuer),
    roles: readRoles(claims, issuer),
    rejectedFromMs: Math.min(lifetime.expiresMs, lifetime.tooOldFromMs),
  };
  return { token, lifetime };
}
