import type { EventSource } from '../../config/event-paths.ts';
import type { Scheduler } from '../../core/time/scheduler.ts';
import type { EventOutcome } from '../revocation/event-counts.ts';

/** Fits a pino logger. */
export interface EventLogSink {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

/** Why one was not accepted. `why` is one of few texts. */
export interface RefusedEvent extends EventSource {
  readonly outcome: EventOutcome;
  readonly why: string;
  /** Nothing of the token beyond what refusals of tokens have. */
  readonly reason?: string | undefined;
}

export interface EventLog {
  refused(event: RefusedEvent): void;
}

/** Anybody can send garbage: of one source and cause comes a line in so long, with how many there were since the last. */
const PAUSE_MS = 10_000;

/** Writes why logout tokens and security events are not accepted. */
export function createEventLog(
  log: EventLogSink | undefined,
  { monotonicMs }: Pick<Scheduler, 'monotonicMs'>,
): EventLog {
  const lines = new Map<string, { nextMs: number; more: number }>();
  return {
    refused({ issuer, kind, outcome, why, reason }) {
      const key = JSON.stringify([issuer, kind, outcome, why]);
      const line = lines.get(key) ?? { nextMs: 0, more: 0 };
      lines.set(key, line);
      if (monotonicMs() < line.nextMs) {
        line.more += 1;
        return;
      }
      const { more } = line;
      line.nextMs = monotonicMs() + PAUSE_MS;
      line.more = 0;
      log?.warn(
        { issuer, kind, outcome, why, ...(reason !== undefined && { reason }), ...(more > 0 && { more }) },
        kind === 'logout' ? 'a logout token was not accepted' : 'a security event was not accepted',
      );
    },
  };
}
