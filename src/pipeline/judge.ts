import { isRefusal } from '../core/refusals.ts';
import type { Trace } from '../core/trace.ts';
import type { VerifiedToken } from '../tokens/verified-token.ts';
import { authorize } from './authorize.ts';
import { composeIdentity } from './identity.ts';
import type { Judgement, Route } from './route.ts';

/**
 * Authorizes a token and composes its identity headers. Both rest on the token and the route alone, so the answer is kept
 * for as long as the token lives; its validity is the verifier's affair on every request.
 */
export function judgeToken(route: Route, token: VerifiedToken, trace?: Trace): Judgement {
  if (trace !== undefined) return judgeAfresh(route, token, trace);
  const known = route.judgements.get(token);
  if (known !== undefined) return known;
  const judgement = judgeAfresh(route, token);
  route.judgements.set(token, judgement);
  return judgement;
}

function judgeAfresh(route: Route, token: VerifiedToken, trace?: Trace): Judgement {
  const access = authorize(route.access, token, trace);
  const identity = composeIdentity(route.identity, token);
  return { access, identity: isRefusal(identity) ? { ...identity, issuer: token.issuer } : identity };
}
