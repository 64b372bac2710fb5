import { valuesAt } from '../../places.ts';
import type { PathProblem } from '../../problem.ts';
import { error, type Rule, warning } from '../rule.ts';

/** Milliseconds from which on a time makes sense, and up to which it does. */
interface Bounds {
  /** Below it the value is an error, since nothing is done in no time. */
  readonly least?: number;
  /** `0s` is no limit, and what no timer can wait for is none either. */
  readonly mayBeUnlimited?: true;
  /** Outside of these it is most likely a mistake; `why` says what it would come to. */
  readonly usual?: readonly [least: number, most: number, why: string];
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** What a timer of Node.js can wait; a longer one ends at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

const SLOW_UPSTREAM =
  'requests are refused before a backend can answer, or wait that long for one that is gone';

/** Every time that something waits for. */
const TIMES: Readonly<Record<string, Bounds>> = {
  'listen.limits.headerTimeout': {
    least: 1,
    usual: [500, 5 * MINUTE, 'clients are cut off in mid-request, or hold a connection that long'],
  },
  'listen.limits.bodyIdle': {
    least: 1,
    usual: [SECOND, HOUR, 'uploads are cut off, or hold a connection that long'],
  },
  'listen.overload.eventLoopDelay': {
    usual: [100, MINUTE, 'requests wait that long instead of being refused'],
  },
  'readiness.wait': { usual: [0, HOUR, 'the gateway is not ready for that long while a provider is down'] },
  'shutdown.delay': { usual: [0, 10 * MINUTE, 'the process goes on that long after SIGTERM'] },
  'shutdown.grace': { usual: [0, HOUR, 'one open request keeps the process that long after SIGTERM'] },
  'rateLimitStore.timeout': {
    least: 1,
    usual: [5, 10 * SECOND, 'every limited request waits that long while the store is down'],
  },
  'issuers.*.clockTolerance': { usual: [0, 10 * MINUTE, 'tokens are accepted that long after their end'] },
  'issuers.*.maxTokenAge': {
    least: 1,
    usual: [30 * SECOND, 366 * DAY, 'tokens are too old when they arrive, or never'],
  },
  'issuers.*.keys.refresh': {
    usual: [10 * SECOND, DAY, 'a key that the provider takes back verifies that long'],
  },
  'issuers.*.keys.cooldown': { usual: [SECOND, HOUR, 'a new key of the provider is refused that long'] },
  'issuers.*.keys.timeout': { least: 1, usual: [100, MINUTE, 'requests wait that long for keys'] },
  'upstreams.*.timeouts.connect': {
    mayBeUnlimited: true,
    usual: [10, Number.POSITIVE_INFINITY, SLOW_UPSTREAM],
  },
  'upstreams.*.timeouts.response': {
    mayBeUnlimited: true,
    usual: [20, Number.POSITIVE_INFINITY, SLOW_UPSTREAM],
  },
  'upstreams.*.timeouts.idle': { mayBeUnlimited: true, usual: [20, Number.POSITIVE_INFINITY, SLOW_UPSTREAM] },
  'upstreams.*.timeouts.keepAlive': {
    usual: [0, HOUR, 'backends close connections sooner, and requests meet their end'],
  },
  'upstreams.*.health.interval': { usual: [0, HOUR, 'a backend that is gone gets requests that long'] },
  'upstreams.*.health.timeout': {
    least: 1,
    usual: [20, 5 * MINUTE, 'a backend that is well fails, or one that hangs passes'],
  },
  'upstreams.*.ejection.base': { least: 1 },
  'upstreams.*.ejection.max': { least: 1 },
  'routes.*.timeouts.response': {
    mayBeUnlimited: true,
    usual: [20, Number.POSITIVE_INFINITY, SLOW_UPSTREAM],
  },
  'routes.*.timeouts.idle': { mayBeUnlimited: true, usual: [20, Number.POSITIVE_INFINITY, SLOW_UPSTREAM] },
};

/** Times that are compared with a clock and not waited for, or cut to what a timer can wait. */
const NO_TIMER: ReadonlySet<string> = new Set([
  'issuers.*.clockTolerance',
  'issuers.*.maxTokenAge',
  'upstreams.*.timeouts.keepAlive',
  'upstreams.*.health.interval',
  'upstreams.*.health.timeout',
]);

/** No time at all is no time-out, and a very long one is none either. */
export const durationsMakeSense: Rule = ({ config }) => [
  ...Object.entries(TIMES).flatMap(([pattern, bounds]) =>
    valuesAt(config, pattern).flatMap(({ path, value }): readonly PathProblem[] => {
      const time = value as number;
      if (bounds.mayBeUnlimited && time === 0) return [];
      if (time < (bounds.least ?? 0)) {
        return [error(path, 'expected more than 0', { hint: 'leave the key out for the default' })];
      }
      if (time > LONGEST_TIMER && !bounds.mayBeUnlimited && !NO_TIMER.has(pattern)) {
        return [error(path, 'no timer waits longer than 24 days')];
      }
      const [least, most, why] = bounds.usual ?? [0, Number.POSITIVE_INFINITY, ''];
      return time < least || time > most
        ? [warning(path, `unusually ${time < least ? 'short' : 'long'}: ${why}`)]
        : [];
    }),
  ),
  ...Object.entries(config.upstreams).flatMap(([name, { ejection, health }]): readonly PathProblem[] => [
    ...(ejection !== undefined && ejection.base > ejection.max
      ? [
          warning(
            ['upstreams', name, 'ejection', 'base'],
            '`base` is longer than `max`, which then always counts',
          ),
        ]
      : []),
    ...(health !== undefined && health.timeout > health.interval
      ? [
          warning(
            ['upstreams', name, 'health', 'timeout'],
            'a check may take longer than the `interval` between two',
            {
              hint: 'make it shorter than `interval`',
            },
          ),
        ]
      : []),
  ]),
];
