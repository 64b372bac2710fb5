import { isRefusal } from '../core/refusals.ts';
import type { Trace } from '../core/trace.ts';
import { authorize, type Caller } from './access/authorize.ts';
import { composeIdentity } from './identity/identity.ts';
import type { RoutePolicy, TokenAuthorization } from './route.ts';

/** The result of a policy in the notes of its token. */
interface Note extends TokenAuthorization {
  readonly policy: RoutePolicy;
  readonly older: Note | undefined;
}

/** Notes are part of what a remembered token costs: so many of so many characters each, and what is beyond is checked each time. */
const MAX_NOTES = 4;
const MAX_NOTE_LENGTH = 512;

/**
 * Authorizes a token and composes its identity headers. Where both rest on the token and the rules alone, the response is noted with
 * the token while it is remembered; its validity is the verifier's affair on every request.
 */
export function authorizeToken(policy: RoutePolicy, caller: Caller, trace?: Trace): TokenAuthorization {
  const { notes } = caller.token;
  if (notes === undefined || trace !== undefined) return authorizeAfresh(policy, caller, trace);
  const newest = notes.newest as Note | undefined;
  let count = 0;
  for (let note = newest; note !== undefined; note = note.older) {
    if (note.policy !== policy) count += 1;
    else if (!policy.access.asksRequest) return note;
    else return { access: authorize(policy.access, caller), identity: note.identity };
  }
  const authorization = authorizeAfresh(policy, caller);
  if (count < MAX_NOTES && isShort(authorization)) notes.newest = { policy, ...authorization, older: newest };
  return authorization;
}

function isShort({ identity }: TokenAuthorization): boolean {
  if (isRefusal(identity)) return true;
  let length = 0;
  for (const text of identity) length += text.length;
  return length <= MAX_NOTE_LENGTH;
}

function authorizeAfresh(policy: RoutePolicy, caller: Caller, trace?: Trace): TokenAuthorization {
  const access = authorize(policy.access, caller, trace);
  const identity = composeIdentity(policy.identity, caller.token);
  return { access, identity: isRefusal(identity) ? { ...identity, issuer: caller.token.issuer } : identity };
}
