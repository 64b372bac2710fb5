import { isRefusal } from '../core/refusals.ts';
import type { Trace } from '../core/trace.ts';
import { type Asker, authorize } from './authorize.ts';
import { composeIdentity } from './identity.ts';
import type { Judgement, Route } from './route.ts';

/**
 * Authorizes a token and composes its identity headers. Where both rest on the token and the route alone, the answer is kept
 * for as long as the token lives; its validity is the verifier's affair on every request.
 */
export function judgeToken(route: Route, asker: Asker, trace?: Trace): Judgement {
  if (trace !== undefined) return judgeAfresh(route, asker, trace);
  const known = route.judgements.get(asker.token);
  if (known === undefined) {
    const judgement = judgeAfresh(route, asker);
    route.judgements.set(asker.token, judgement);
    return judgement;
  }
  if (!route.access.asksRequest) return known;
  return { access: authorize(route.access, asker), identity: known.identity };
}

function judgeAfresh(route: Route, asker: Asker, trace?: Trace): Judgement {
  const access = authorize(route.access, asker, trace);
  const identity = composeIdentity(route.identity, asker.token);
  return { access, identity: isRefusal(identity) ? { ...identity, issuer: asker.token.issuer } : identity };
}
