import { within } from '../../core/time/within.ts';
import type { EventReply, EventRequest } from '../../tokens/events/event-receiver.ts';
import type { PrimaryRequest } from './worker-messages.ts';

/** Longer than the primary waits for keys. */
const TIMEOUT_MS = 15_000;

/** Has the primary check a logout token or security event, since it keeps revocations and what was received before. */
export async function receiveByPrimary(
  ask: <Reply>(request: PrimaryRequest) => Promise<Reply>,
  request: EventRequest,
): Promise<EventReply> {
  try {
    return await within(TIMEOUT_MS, ask<EventReply>({ ask: 'receiveEvent', request }));
  } catch {
    // It did not respond, or is ending: nothing was confirmed, so the sender has to try again.
    return { outcome: 'unavailable', description: 'the process that keeps revocations does not respond' };
  }
}
