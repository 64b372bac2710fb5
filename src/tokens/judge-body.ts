import { isRefusal, type Refusal } from '../core/refusals.ts';
import type { Trace } from '../core/trace.ts';
import type { CompiledIssuer } from './compiled-issuer.ts';
import { judgeKind, judgePresence } from './judge-claims.ts';
import { type Lifetime, readLifetime } from './judge-times.ts';
import type { UnverifiedToken } from './parse-token.ts';
import { readAudiences, readRoles, readScopes } from './read-claims.ts';
import type { VerifiedToken } from './verified-token.ts';

/** A token that holds, and the span in which it does. */
export interface Holding {
  readonly token: VerifiedToken;
  readonly lifetime: Lifetime;
}

/** Judges the claims of a token whose signature holds. Whether it is in its time is judged at each use. `isKept`: it will be remembered. */
export function judgeBody(
  { header, unverifiedClaims: claims }: UnverifiedToken,
  issuer: CompiledIssuer,
  { trace, isKept }: { readonly trace: Trace | undefined; readonly isKept: boolean },
): Holding | Refusal {
  const foreign = judgeKind(claims, issuer);
  trace?.add({
    step: 'kind',
    ok: foreign === undefined,
    expected: issuer.idTokens ? 'an access token or an ID token' : 'an access token',
    ...(foreign && { got: foreign.reason }),
  });
  if (foreign !== undefined) return { ...foreign, issuer: issuer.name };
  const lifetime = judgePresence(claims, issuer.requiredClaims) ?? readLifetime(claims, issuer);
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
    notes: isKept ? { newest: undefined } : undefined,
  };
  return { token, lifetime };
}
