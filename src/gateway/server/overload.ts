import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Refusal, refuse } from '../../core/refusals.ts';

/** Says whether the process is so far behind that taking on more would only make everybody wait. */
export interface OverloadGuard {
  /** The refusal for requests that come now; undefined while there is room. */
  refusal(): Refusal | undefined;
  stop(): void;
}

/** Where the delays of the event loop since the last look come from, in milliseconds. */
export interface DelaySource {
  /** The median since the last call. */
  take(): number;
  stop(): void;
}

/** How often the delay is looked at. */
const LOOK_MS = 500;
/** One pause, such as a long collection of garbage or a suspended machine, is no overload; two looks in a row are. */
const LOOKS_IN_A_ROW = 2;
const RESOLUTION_MS = 20;

const OVERLOADED = refuse(
  'event_loop_behind',
  'the event loop is further behind than listen.overload allows',
  {
    retryAfterSeconds: 1,
  },
);

/** Watches the delay of the event loop. `limitMs` is asked at every look, so a reload counts from the next one. */
export function guardOverload({
  limitMs,
  delays = measureDelays(),
}: {
  readonly limitMs: () => number;
  readonly delays?: DelaySource;
}): OverloadGuard & { look(): void } {
  let inARow = 0;
  const look = (): void => {
    inARow = delays.take() > limitMs() ? inARow + 1 : 0;
  };
  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  return {
    look,
    refusal: () => (inARow >= LOOKS_IN_A_ROW ? OVERLOADED : undefined),
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
