import {
  createHistogram,
  type DurationHistogram,
  observeDuration,
} from '../../telemetry/duration-histogram.ts';

/** How a call of an endpoint ended: with what was asked for, with an error status, or without a response that can be used. */
const CALL_OUTCOMES = ['ok', 'rejected', 'invalid', 'timeout', 'unreachable'] as const;

export type CallOutcome = (typeof CALL_OUTCOMES)[number];

/** Upper bounds in milliseconds, for what crosses a network. */
export const CALL_BOUNDS_MS = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000] as const;

/** The calls of one endpoint of a provider: plain data. */
export interface CallStats {
  readonly endpoint: 'introspection' | 'token';
  /** The configured name of the issuer or upstream. */
  readonly name: string;
  readonly calls: Readonly<Record<CallOutcome, number>>;
  readonly durations: DurationHistogram;
  readonly inFlight: number;
  /** Why the last call failed; undefined when it did not, or only refused a caller. */
  readonly lastError: string | undefined;
}

/** What is kept of the responses of one endpoint: plain data. */
export interface CallCacheStats {
  readonly hits: number;
  readonly misses: number;
  readonly entries: number;
  readonly bytes: number;
  readonly evictions: number;
}

/** Counts the calls of one endpoint. */
export interface CallCounter {
  begin(): void;
  end(outcome: CallOutcome, durationMs: number, reason: string | undefined): void;
  stats(): CallStats;
}

export function createCallCounter(endpoint: CallStats['endpoint'], name: string): CallCounter {
  const calls = Object.fromEntries(CALL_OUTCOMES.map((outcome) => [outcome, 0])) as Record<
    CallOutcome,
    number
  >;
  const durations = createHistogram(CALL_BOUNDS_MS);
  let inFlight = 0;
  let lastError: string | undefined;
  return {
    begin() {
      inFlight += 1;
    },
    end(outcome, durationMs, reason) {
      inFlight -= 1;
      calls[outcome] += 1;
      observeDuration(durations, durationMs);
      lastError = reason;
    },
    stats: () => ({
      endpoint,
      name,
      calls: { ...calls },
      durations: { ...durations, counts: [...durations.counts] },
      inFlight,
      lastError,
    }),
  };
}
