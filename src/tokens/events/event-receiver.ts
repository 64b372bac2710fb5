import type { EventSource } from '../../config/event-paths.ts';
import type { Clock } from '../../core/time/clock.ts';
import { type Scheduler, systemScheduler } from '../../core/time/scheduler.ts';
import type { EventOutcome } from '../revocation/event-counts.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { CompiledEvents } from './compile-events.ts';
import { type EventBody, readEventBody } from './event-body.ts';
import { type EventError, type EventFault, isEventFault } from './event-fault.ts';
import { createEventLog, type EventLogSink } from './event-log.ts';
import { createSeenEvents, type SeenEvents } from './seen-events.ts';
import type { EventStatement } from './statement.ts';

/** A logout token or security event that was pushed, on its way between processes as well. */
export interface EventRequest extends EventSource, EventBody {}

/** What became of it. */
export interface EventReply {
  readonly outcome: EventOutcome;
  /** For the sender. Texts of this code, without anything of the token. */
  readonly description: string;
  /** Of an invalid one. */
  readonly error?: EventError | undefined;
  readonly retryAfterSeconds?: number | undefined;
}

/** Receives what providers push. It runs in the process that keeps revocations, and outlives configurations. */
export interface EventReceiver {
  receive(request: EventRequest, events: CompiledEvents): Promise<EventReply>;
}

export interface EventReceiverOptions {
  readonly revocations: Revocations;
  readonly clock: Clock;
  readonly scheduler?: Scheduler;
  readonly log?: EventLogSink | undefined;
}

/** Ids that are remembered of each kind and issuer. */
const MAX_SEEN = 100_000;
/** For how long one without an end is remembered: transmitters repeat what was not confirmed within minutes. */
const SEEN_MS = 24 * 3_600_000;

const NOT_RECEIVED: EventFault = { error: undefined, description: 'nothing is received here any longer' };

/** Makes the receiver of a gateway. */
export function createEventReceiver({
  revocations,
  clock,
  scheduler = systemScheduler,
  log,
}: EventReceiverOptions): EventReceiver {
  const eventLog = createEventLog(log, scheduler);
  const memories = new Map<string, SeenEvents>();
  const pending = new Map<string, Promise<unknown>>();

  function memoryOf({ issuer, kind }: EventSource): SeenEvents {
    const key = `${kind} ${issuer}`;
    let memory = memories.get(key);
    if (memory === undefined) {
      memory = createSeenEvents({ clock, scheduler, maxEntries: MAX_SEEN });
      memories.set(key, memory);
    }
    return memory;
  }

  async function read(request: EventRequest, events: CompiledEvents): Promise<EventStatement | EventFault> {
    const readToken = events.find(request);
    if (readToken === undefined) return NOT_RECEIVED;
    const rawToken = readEventBody(request.kind, request);
    return typeof rawToken === 'string' ? readToken(rawToken, clock) : rawToken;
  }

  /** What was not confirmed may come again, so an id counts as seen once its entry is kept. */
  async function apply(
    { kind }: EventRequest,
    { jti, entry, rejectedFromMs }: EventStatement,
    memory: SeenEvents,
  ): Promise<EventReply> {
    if (memory.has(jti)) return { outcome: 'repeated', description: 'its `jti` was received before' };
    if (!memory.hasRoom()) return { outcome: 'full', description: 'too many ids are remembered' };
    const kept = entry === undefined ? 'kept' : await revocations.add([entry], kind);
    if (kept === 'full') return { outcome: 'full', description: 'there is no room for its entry' };
    if (kept !== 'kept') return { outcome: 'unavailable', description: 'its entry could not be kept' };
    memory.add(jti, rejectedFromMs ?? clock() + SEEN_MS);
    return entry === undefined
      ? { outcome: 'ignored', description: 'nothing follows from its event' }
      : { outcome: 'accepted', description: 'its entry is kept' };
  }

  /** Two of the same id take turns: the second one may find the first confirmed, or not. */
  async function applyInTurn(request: EventRequest, statement: EventStatement): Promise<EventReply> {
    const key = JSON.stringify([request.kind, request.issuer, statement.jti]);
    for (let before = pending.get(key); before !== undefined; before = pending.get(key)) await before;
    const applied = apply(request, statement, memoryOf(request));
    const settled = applied.then(done, done);
    function done(): void {
      if (pending.get(key) === settled) pending.delete(key);
    }
    pending.set(key, settled);
    return applied;
  }

  return {
    async receive(request, events) {
      const statement = await read(request, events);
      const reply = isEventFault(statement) ? replyToFault(statement) : await applyInTurn(request, statement);
      const { issuer, kind } = request;
      const { outcome, description: why } = reply;
      revocations.events.count({ issuer, kind }, outcome);
      const isRefused = outcome !== 'accepted' && outcome !== 'ignored';
      // Transmitters repeat events by design.
      if (isRefused && !(outcome === 'repeated' && kind === 'events')) {
        const reason = isEventFault(statement) ? statement.reason : undefined;
        eventLog.refused({ issuer, kind, outcome, why, reason });
      }
      return reply;
    },
  };
}

function replyToFault({ error, description, retryAfterSeconds }: EventFault): EventReply {
  if (error === undefined) return { outcome: 'unavailable', description, retryAfterSeconds };
  return { outcome: 'invalid', description, error };
}
