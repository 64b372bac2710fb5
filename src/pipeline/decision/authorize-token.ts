import { isRefusal } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import { createTokenMemo } from '../../tokens/token-memo.ts';
import { authorize } from '../access/authorize.ts';
import type { Caller } from '../access/checks.ts';
import { composeIdentity } from '../identity/identity.ts';
import type { RoutePolicy, TokenAuthorization } from '../route.ts';

/** The result of a policy for a token, the latest of a list. */
interface PolicyResult extends TokenAuthorization {
  readonly policy: RoutePolicy;
  readonly older: PolicyResult | undefined;
  readonly length: number;
}

const resultsOfTokens = createTokenMemo<PolicyResult>();

/** What is kept counts in what a cached token costs; beyond these limits a result is made each time. */
const MAX_RESULTS = 4;
const MAX_IDENTITY_LENGTH = 512;

/**
 * Authorizes a token and composes its identity headers, once for a policy where both depend on the token and the rules alone. The
 * verifier has checked that the token still holds.
 */
export function authorizeToken(policy: RoutePolicy, caller: Caller, trace?: Trace): TokenAuthorization {
  // Another connection with the same token may come with another certificate.
  if (trace !== undefined || policy.identity.asksCertificate) return authorizeAfresh(policy, caller, trace);
  const latest = resultsOfTokens.get(caller.token);
  for (let result = latest; result !== undefined; result = result.older) {
    if (result.policy !== policy) continue;
    if (!policy.access.varies) return result;
    return { access: authorize(policy.access, caller), identity: result.identity };
  }
  const authorization = authorizeAfresh(policy, caller);
  const length = (latest?.length ?? 0) + 1;
  if (length <= MAX_RESULTS && isShort(authorization)) {
    resultsOfTokens.set(caller.token, { policy, ...authorization, older: latest, length });
  }
  return authorization;
}

function isShort({ identity }: TokenAuthorization): boolean {
  if (isRefusal(identity)) return true;
  return identity.reduce((length, text) => length + text.length, 0) <= MAX_IDENTITY_LENGTH;
}

function authorizeAfresh(policy: RoutePolicy, caller: Caller, trace?: Trace): TokenAuthorization {
  const access = authorize(policy.access, caller, trace);
  const identity = composeIdentity(policy.identity, caller);
  return { access, identity: isRefusal(identity) ? { ...identity, issuer: caller.token.issuer } : identity };
}
