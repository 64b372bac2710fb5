import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Refusal, refuse } from '../../core/refusals.ts';

/** Refuses requests while the process is so far behind that more of them would only delay all others. */
export interface OverloadGuard {
  /** The refusal for requests that come now; undefined while there is room. */
  refusal(): Refusal | undefined;
  stop(): void;
}

/** Measures the delays of the event loop, in milliseconds. */
export interface DelaySource {
  /** The median since the last call. */
  take(): number;
  stop(): void;
}

/** How often the delay is checked. */
const CHECK_MS = 500;
/** One pause, such as a long garbage collection or a suspended machine, is no overload; two checks in a row are. */
const CHECKS_IN_A_ROW = 2;
const RESOLUTION_MS = 20;

const OVERLOADED = refuse(
  'event_loop_behind',
  'the event loop is further behind than listen.overload allows',
  {
    retryAfterSeconds: 1,
  },
);

/** Watches the delay of the event loop. `limitMs` is called at every check, so a reload takes effect with the next one. */
export function guardOverload({
  limitMs,
  delays = measureDelays(),
}: {
  readonly limitMs: () => number;
  readonly delays?: DelaySource;
}): OverloadGuard & { check(): void } {
  let inARow = 0;
  const check = (): void => {
    inARow = delays.take() > limitMs() ? inARow + 1 : 0;
  };
  const timer = setInterval(check, CHECK_MS);
  timer.unref();
  return {
    check,
    refusal: () => (inARow >= CHECKS_IN_A_ROW ? OVERLOADED : undefined),
    stop() {
      clearInterval(timer);
      delays.stop();
    },
  };
}

function measureDelays(): DelaySource {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  return {
    take() {
      const median = histogram.percentile(50) / 1e6;
      histogram.reset();
      return median;
    },
    stop: () => void histogram.disable(),
  };
}
