import type { EventSource } from '../../config/event-paths.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusals.ts';
import type { IncomingRequest } from '../../http/client-messages.ts';
import { readSmallBody } from '../../http/read-small-body.ts';
import type { EventCall } from '../../pipeline/messages/direct-response.ts';
import type { CallGate } from '../../tokens/endpoints/call-gate.ts';
import type { EventReply, EventRequest } from '../../tokens/events/event-receiver.ts';
import type { ServedResponse } from '../server/listener-events.ts';
import type { OwnResponse } from '../server/send-response.ts';
import type { Transaction } from './transaction.ts';

/** Hands what was pushed to the process that keeps revocations, and gives what became of it. */
export type ReceiveEvent = (request: EventRequest) => Promise<EventReply>;

interface EventServing {
  readonly call: EventCall;
  readonly req: IncomingRequest;
  readonly res: ServedResponse;
  readonly transaction: Transaction;
  /** Requests that are read or checked, so that they take so much memory and no more. */
  readonly calls: CallGate;
  readonly receive: ReceiveEvent;
  /** For an error that nobody foresaw. */
  readonly failed: (error: unknown) => void;
}

/** At a time. Of one address half of them: most providers push from one. */
export const MOST_EVENTS = 256;
/** A slow sender would hold a place. */
const BODY_MS = 10_000;
const MAX_BYTES = { logout: 16 * 1024, events: 64 * 1024 } as const;
const TOO_LARGE = {
  logout: refuse('event_body', `the logout token is larger than ${MAX_BYTES.logout} bytes`),
  events: refuse('event_body', `the security event is larger than ${MAX_BYTES.events} bytes`),
} as const;
const TOO_MANY = refuse('event_full', `${MOST_EVENTS} logout tokens and security events are being checked`, {
  retryAfterSeconds: 1,
});

/** Receives a logout token or security event. */
export function serveEvent(serving: EventServing): void {
  const { transaction, calls, failed } = serving;
  const { client } = transaction.forwarded;
  transaction.watchClient();
  if (!calls.enter(client)) {
    transaction.refused(TOO_MANY);
    return;
  }
  serve(serving)
    .catch(failed)
    .finally(() => calls.leave(client));
}

async function serve({ call, req, res, transaction, receive }: EventServing): Promise<void> {
  const source = call.eventCall;
  const { bodyIdle } = transaction.generation.config.listen.limits;
  if (req.headers.expect !== undefined) res.writeContinue();
  const body = await readSmallBody(res, {
    timeoutMs: Math.min(bodyIdle, BODY_MS),
    maxBytes: MAX_BYTES[source.kind],
    tooLarge: TOO_LARGE[source.kind],
  });
  if (body === undefined) return;
  if (isRefusal(body)) {
    transaction.refused(body);
    return;
  }
  const reply = await receive({
    ...source,
    contentType: req.headers['content-type'],
    contentEncoding: req.headers['content-encoding'],
    body: body.toString('latin1'),
  });
  const refusal = refusalOf(source, reply);
  if (refusal === undefined || refusal.cause === 'event_refused')
    transaction.respondDirectly(responseTo(source, reply), refusal);
  else transaction.refused(refusal);
}

/** Whether it was confirmed. A logout token counts once (OpenID Connect Back-Channel Logout 1.0 §2.6); an event may be pushed again (RFC 8935 §2). */
function refusalOf(
  { issuer, kind }: EventSource,
  { outcome, description, retryAfterSeconds = 1 }: EventReply,
): Refusal | undefined {
  switch (outcome) {
    case 'accepted':
    case 'ignored':
      return undefined;
    case 'repeated':
      return kind === 'events' ? undefined : refuse('event_refused', description, { issuer });
    case 'invalid':
      return refuse('event_refused', description, { issuer });
    case 'full':
      return refuse('event_full', description, { issuer, retryAfterSeconds });
    case 'unavailable':
      return refuse('event_unavailable', description, { issuer, retryAfterSeconds });
  }
}

/** The body of an error has the form of RFC 6749 §5.2 for logout tokens, and of RFC 8935 §2.3 for events. */
function responseTo({ kind }: EventSource, reply: EventReply): OwnResponse {
  const { outcome, description, error = 'invalid_request' } = reply;
  const isConfirmed =
    outcome === 'accepted' || outcome === 'ignored' || (kind === 'events' && outcome === 'repeated');
  const cache = ['cache-control', 'no-store'];
  if (isConfirmed)
    return {
      status: kind === 'logout' ? 200 : 202,
      headers: ['content-length', '0', ...cache],
      body: undefined,
    };
  const body = JSON.stringify(
    kind === 'logout'
      ? { error: 'invalid_request', error_description: description }
      : { err: error, description },
  );
  const length = String(Buffer.byteLength(body));
  // RFC 8935 §2.3 asks for the language of descriptions.
  const language = kind === 'events' ? ['content-language', 'en'] : [];
  return {
    status: 400,
    headers: ['content-type', 'application/json', 'content-length', length, ...language, ...cache],
    body,
  };
}
