import { isRefusal, type Refusal, refuse } from '../core/refusals.ts';
import { UNMET_EXPECTATION } from '../http/expectation.ts';
import type { Decision } from '../pipeline/gate.ts';
import { isDirectResponse, isServedHere } from '../pipeline/messages/direct-response.ts';
import type { Permit } from '../pipeline/permit.ts';
import type { AskedRequest } from './asked-request.ts';

/** What the asking proxy is to do with a request that is allowed. */
export interface AllowedReply {
  /** Fields to set, in place of what the client sent: identity and forwarded credentials. Lower-case names and values in turn. */
  readonly set: readonly string[];
  /** Fields from which the token is to be cut, since it is not forwarded. */
  readonly cut: readonly CutField[];
  /** Fields for the response to the client: of a preflight, what the proxy mode responds to it. Names and values in turn. */
  readonly toClient: readonly string[];
}

export interface CutField {
  /** Lower case. */
  readonly name: 'cookie' | 'sec-websocket-protocol';
  /** What is left of it; undefined where nothing is. */
  readonly rest: string | undefined;
}

const NOTHING: readonly never[] = Object.freeze([]);

const MCP_ASKED = refuse(
  'mcp_asked',
  'the route has `mcp` rules, which need the body of the request: no question has it',
);
const TOKEN_IN_QUERY = refuse(
  'question_token',
  'the query holds the token, which the route does not forward and the asking proxy would',
);
const TOKEN_STAYS = refuse(
  'question_token',
  'a cookie or Sec-WebSocket-Protocol holds the token, which the route does not forward and the asking proxy would',
);
const HANDSHAKE_METHOD = refuse('handshake_malformed', 'a WebSocket handshake is a GET');
const SERVED_HERE = refuse('internal', 'a decision for another proxy was to be served here');

/** Turns a decision into the reply to its question. What a way of asking has no words for is refused, since the proxy would forward it. */
export function replyTo(outcome: Decision['outcome'], asked: AskedRequest): AllowedReply | Refusal {
  if (isRefusal(outcome)) return outcome;
  // The asking proxy, or its backend, responds to the preflight, with these fields.
  if (isDirectResponse(outcome))
    return outcome.directResponse === 'preflight'
      ? { set: NOTHING, cut: NOTHING, toClient: outcome.headers }
      : SERVED_HERE;
  if (isServedHere(outcome)) return SERVED_HERE;
  if (outcome.mcp !== undefined) return MCP_ASKED;
  const { method, isUpgrade } = asked.facts;
  // The proxy refuses these two when it forwards.
  if (isUpgrade === true && method !== 'GET') return HANDSHAKE_METHOD;
  if (isUpgrade !== true && asked.hasUnmetExpectation) return UNMET_EXPECTATION;
  const { identity, credentials, proof, exchange } = outcome;
  if (proof !== undefined) throw new Error('a request would be allowed without using up its proof');
  if (exchange !== undefined) throw new Error('a request would be allowed without its token for the backend');
  const set = credentials.length === 0 ? identity : [...identity, ...credentials];
  if (!leavesTokenOut(outcome)) return { set, cut: NOTHING, toClient: NOTHING };
  if (outcome.target.query !== queryOf(asked.facts.rawTarget)) return TOKEN_IN_QUERY;
  const cut = cutFields(outcome, asked);
  if (cut.length > 0 && (asked.via === 'forward-auth' || asked.via === 'auth-request')) return TOKEN_STAYS;
  return { set, cut, toClient: NOTHING };
}

/** Whether the permit may lack a part of the request that had the token. */
function leavesTokenOut({ token, route: { tokenSources, identity } }: Permit): boolean {
  return token !== undefined && tokenSources.places.length > 0 && !identity.forwardsToken;
}

function queryOf(rawTarget: string): string {
  const at = rawTarget.indexOf('?');
  return at === -1 ? '' : rawTarget.slice(at);
}

function cutFields({ headers }: Permit, { facts }: AskedRequest): readonly CutField[] {
  return (['cookie', 'sec-websocket-protocol'] as const).flatMap((name) => {
    const rest = joinedValue(headers.passed, name);
    return rest === joinedValue(facts.rawHeaders, name) ? [] : [{ name, rest }];
  });
}

/** All values of a field as one (RFC 9110 §5.3; RFC 6265 §4.2.1 for cookies). */
function joinedValue(pairs: readonly string[], name: CutField['name']): string | undefined {
  const values = pairs.filter((_, at) => at % 2 === 1 && pairs[at - 1]?.toLowerCase() === name);
  return values.length === 0 ? undefined : values.join(name === 'cookie' ? '; ' : ', ');
}
