/** So many requests in so long a time, evenly refilled. */
export interface RateQuota {
  readonly max: number;
  readonly windowMs: number;
}

/** What a store reports of one request. */
export interface Count {
  readonly allowed: boolean;
  /** Whole requests that may follow at once. */
  readonly remaining: number;
  /** Milliseconds until the whole quota is there again. */
  readonly resetMs: number;
  /** Milliseconds until one more request is allowed; 0 while some remain. */
  readonly retryMs: number;
}

/** Sums of fractions of a millisecond must not cost the last request of a quota. */
const ROUNDING_MS = 0.001;

/**
 * One step of the generic cell rate algorithm. A quota that is used owes time: each request adds its share of the window, and time
 * pays it off. `owedMs` is what was owed before the request. It is clamped to the window, so that a clock set back or a window made
 * shorter by a reload cannot lock a client out for longer than the window.
 */
export function countOne(owedMs: number, quota: RateQuota): Count {
  const { max, windowMs } = quota;
  const before = Math.min(Math.max(owedMs, 0), windowMs);
  const after = before + windowMs / max;
  const allowed = after <= windowMs + ROUNDING_MS;
  return describeOwed({ allowed, owedMs: allowed ? after : before }, quota);
}

/**
 * The same step for Redis, in microseconds and by its clock, so that gateways whose clocks differ agree. The key holds the moment
 * at which nothing is owed any more. Its whole microseconds and their fraction are read apart, as a double has no room for both.
 * A script runs whole or not at all.
 */
export const COUNT_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local max = tonumber(ARGV[1])
local window = tonumber(ARGV[2])
local whole, fraction = string.match(redis.call('GET', KEYS[1]) or '0', '^(%d+)(.*)$')
local owed = math.min(math.max(whole - now + ('0' .. fraction), 0), window)
local allowed = owed + window / max <= window + 1 and 1 or 0
owed = owed + allowed * window / max
local rest = math.floor(owed % 1 * 1000000)
redis.call('SET', KEYS[1], string.format('%.0f.%06d', now + math.floor(owed), rest), 'PX', math.ceil(owed / 1000) + 1)
return { allowed, string.format('%.6f', owed) }
`;

/** Reads what `COUNT_SCRIPT` returned. */
export function readScriptReply(reply: unknown, quota: RateQuota): Count {
  const [allowed, owedMicroseconds] = Array.isArray(reply) ? reply : [];
  const owedMs = Number(owedMicroseconds) / 1000;
  if (!Number.isFinite(owedMs)) throw new Error('the store sent a malformed reply');
  return describeOwed({ allowed: allowed === 1, owedMs }, quota);
}

function describeOwed(
  { allowed, owedMs }: { readonly allowed: boolean; readonly owedMs: number },
  { max, windowMs }: RateQuota,
): Count {
  const perRequest = windowMs / max;
  const remaining = Math.max(0, Math.floor((windowMs - owedMs + ROUNDING_MS) / perRequest));
  return { allowed, remaining, resetMs: owedMs, retryMs: remaining > 0 ? 0 : owedMs + perRequest - windowMs };
}
