import { valuesAt } from '../../places.ts';
import type { PathProblem } from '../../problem.ts';
import { error, type Rule, warning } from '../rule.ts';

/** Between which milliseconds a time makes sense. */
interface Bounds {
  /** A shorter time is an error. */
  readonly least?: number;
  /** `0s` means no limit, and so does a time too long for a timer. */
  readonly mayBeUnlimited?: true;
  /** Outside of these it is likely a mistake; `why` names the consequence. */
  readonly usual?: readonly [least: number, most: number, why: string];
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** The longest timer of Node.js; a longer one fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

const SLOW_UPSTREAM = 'requests fail before a backend can respond, or wait that long for one that is gone';

/** Where rules stand. */
const RULES = ['policies.*', 'routes.*.access', 'routes.*.access.*', 'routes.*.mcp.*.*'];

/** Every time in the file. */
const TIMES: Readonly<Record<string, Bounds>> = {
  'listen.limits.headerTimeout': {
    least: 1,
    usual: [
      500,
      5 * MINUTE,
      'clients are cut off in the middle of a request, or hold a connection that long',
    ],
  },
  'listen.limits.bodyIdle': {
    least: 1,
    usual: [SECOND, HOUR, 'uploads are cut off, or hold a connection that long'],
  },
  'listen.overload.eventLoopDelay': {
    usual: [100, MINUTE, 'requests wait that long instead of being refused'],
  },
  'readiness.wait': { usual: [0, HOUR, 'the gateway is not ready for that long while a provider is down'] },
  'shutdown.delay': { usual: [0, 10 * MINUTE, 'the process keeps serving that long after SIGTERM'] },
  'shutdown.grace': { usual: [0, HOUR, 'one open request keeps the process that long after SIGTERM'] },
  'rateLimitStore.timeout': {
    least: 1,
    usual: [5, 10 * SECOND, 'every limited request waits that long while the store is down'],
  },
  'revocation.keep': {
    least: 1,
    usual: [5 * MINUTE, 366 * DAY, 'revoked tokens count again that soon, or entries take memory that long'],
  },
  'issuers.*.clockTolerance': { usual: [0, 10 * MINUTE, 'tokens are accepted that long after they expire'] },
  'issuers.*.maxTokenAge': {
    least: 1,
    usual: [30 * SECOND, 366 * DAY, 'tokens are too old when they arrive, or are never too old'],
  },
  ...forRules('maxAuthAge', {
    usual: [0, 366 * DAY, 'hardly any user has to authenticate again because of it'],
  }),
  'issuers.*.dpop.maxAge': {
    usual: [5 * SECOND, 10 * MINUTE, 'proofs are too old when they arrive, or are remembered that long'],
  },
  'issuers.*.keys.refresh': {
    usual: [10 * SECOND, DAY, 'a key that the provider withdraws is still accepted that long'],
  },
  'issuers.*.keys.cooldown': { usual: [SECOND, HOUR, 'a new key of the provider is refused that long'] },
  'issuers.*.keys.timeout': { least: 1, usual: [100, MINUTE, 'requests wait that long for keys'] },
  'issuers.*.introspection.timeout': {
    least: 1,
    usual: [50, 30 * SECOND, 'requests fail before the provider can respond, or wait that long for it'],
  },
  'issuers.*.introspection.cache.active': {
    usual: [0, HOUR, 'a token that the provider revokes still passes that long'],
  },
  'issuers.*.introspection.cache.inactive': {
    usual: [0, HOUR, 'a token that becomes active is still refused that long'],
  },
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
    usual: [0, HOUR, 'backends close connections sooner, and requests on them fail'],
  },
  'upstreams.*.health.interval': { usual: [0, HOUR, 'a backend that is gone gets requests that long'] },
  'upstreams.*.health.timeout': {
    least: 1,
    usual: [20, 5 * MINUTE, 'healthy backends fail, or hanging ones pass'],
  },
  'upstreams.*.ejection.base': { least: 1 },
  'upstreams.*.ejection.max': { least: 1 },
  'upstreams.*.exchange.timeout': {
    least: 1,
    usual: [100, MINUTE, 'requests wait that long for an exchanged token'],
  },
  'routes.*.timeouts.response': {
    mayBeUnlimited: true,
    usual: [20, Number.POSITIVE_INFINITY, SLOW_UPSTREAM],
  },
  'routes.*.timeouts.idle': { mayBeUnlimited: true, usual: [20, Number.POSITIVE_INFINITY, SLOW_UPSTREAM] },
};

/** A time among the rules of routes, policies and entries under `mcp`. */
function forRules(key: string, bounds: Bounds): Record<string, Bounds> {
  return Object.fromEntries(RULES.map((place) => [`${place}.${key}`, bounds]));
}

/** Times that are compared with a clock, or cut to the longest timer. */
const NO_TIMER: ReadonlySet<string> = new Set([
  ...RULES.map((place) => `${place}.maxAuthAge`),
  'issuers.*.introspection.cache.active',
  'issuers.*.introspection.cache.inactive',
  'issuers.*.clockTolerance',
  'revocation.keep',
  'issuers.*.maxTokenAge',
  'upstreams.*.timeouts.keepAlive',
  'upstreams.*.health.interval',
  'upstreams.*.health.timeout',
]);

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
            '`base` is longer than `max`, so `max` always applies',
          ),
        ]
      : []),
    ...(health !== undefined && health.timeout > health.interval
      ? [
          warning(
            ['upstreams', name, 'health', 'timeout'],
            'a check may take longer than the `interval` between two checks',
            {
              hint: 'make it shorter than `interval`',
            },
          ),
        ]
      : []),
  ]),
];
