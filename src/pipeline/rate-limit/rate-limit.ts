import type { RateLimitConfig } from '../../config/schema/config.ts';
import { networkOf } from '../../core/network/client-network.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import { isDistinctScalar, nameClaim, toClaimPath } from '../../tokens/jwt/claim-values.ts';
import { readClaim, readClient } from '../../tokens/jwt/read-claims.ts';
import type { VerifiedToken } from '../../tokens/verified-token.ts';
import type { Count, RateQuota } from './gcra.ts';
import type { LimitStore } from './limit-store.ts';

/** The limits of one route in the two places where they can be checked. */
export interface RateLimits {
  /** Counted before the token is verified: they slow down clients that guess tokens. */
  readonly byAddress: readonly RateLimit[];
  /** Counted after access, by verified claims. */
  readonly byToken: readonly RateLimit[];
}

export interface RateLimit {
  /** What the `RateLimit` fields call it: `ip`, `subject`, `client` or `claim`; `dpop` is the share of a key in the replay store. */
  readonly by: string;
  /** Begins every key; the same limit of the same route keeps its counts over a reload. */
  readonly prefix: string;
  readonly quota: RateQuota;
  readonly store: LimitStore;
  /** What it counts by; undefined when the token lacks it, and then the address is counted. */
  readonly read: (token: VerifiedToken) => string | undefined;
}

/** The refusal, if there is one, and the fields that the response carries either way. */
export interface RateLimitResult {
  readonly refusal: Refusal | undefined;
  /** Names and values in turn. */
  readonly headers: readonly string[];
}

/** Compiles the `rateLimit` key of a route, one limit or several. */
export function compileRateLimits(
  config: RateLimitConfig | readonly RateLimitConfig[],
  { routeName, store }: { readonly routeName: string; readonly store: LimitStore },
): RateLimits {
  const seen = new Map<string, number>();
  const limits = [config].flat().map((limit) => {
    const kind = kindOf(limit);
    const nth = (seen.get(kind) ?? 0) + 1;
    seen.set(kind, nth);
    // Two limits by the same thing, such as one per second and one per hour, have counts of their own.
    const prefix = nth === 1 ? `${routeName}\n${kind}\n` : `${routeName}\n${kind}\n${nth}\n`;
    return compileRateLimit(limit, prefix, store);
  });
  return {
    byAddress: limits.filter(({ by }) => by === 'ip'),
    byToken: limits.filter(({ by }) => by !== 'ip'),
  };
}

/**
 * Counts one request under the given limits and stops at the first that is used up (429 `rate_limited`). Refuses with 503 `overloaded`
 * when the store is down. A promise only where the store is shared. `before` is the result of earlier limits.
 */
export function consume(
  limits: readonly RateLimit[] | undefined,
  caller: LimitedCaller,
  before: RateLimitResult = NOTHING_CONSUMED,
): RateLimitResult | Promise<RateLimitResult> {
  return limits === undefined ? before : consumeFrom(limits, 0, caller, before);
}

export interface LimitedCaller {
  readonly clientAddress: string;
  readonly token?: VerifiedToken | undefined;
}

export const NOTHING_CONSUMED: RateLimitResult = { refusal: undefined, headers: [] };

function consumeFrom(
  limits: readonly RateLimit[],
  at: number,
  caller: LimitedCaller,
  before: RateLimitResult,
): RateLimitResult | Promise<RateLimitResult> {
  const limit = limits[at];
  if (limit === undefined) return before;
  const proceed = (count: Count | undefined): RateLimitResult | Promise<RateLimitResult> => {
    if (count === undefined) return { refusal: STORE_DOWN, headers: before.headers };
    const headers = describeQuota(limit, count);
    if (count.allowed) return consumeFrom(limits, at + 1, caller, { refusal: undefined, headers });
    const retryAfterSeconds = Math.max(1, Math.ceil(count.retryMs / 1000));
    const refusal = refuse('rate_limited', `the limit by ${limit.by} is used up`, { retryAfterSeconds });
    return { refusal, headers };
  };
  const counted = limit.store.take(keyOf(limit, caller), limit.quota);
  return counted instanceof Promise ? counted.then(proceed) : proceed(counted);
}

const STORE_DOWN = refuse('limit_store_down', 'rateLimitStore does not respond', { retryAfterSeconds: 1 });

/** A token without the claim is counted by address, so that leaving the claim out does not evade the limit. */
function keyOf(limit: RateLimit, { clientAddress, token }: LimitedCaller): string {
  const value = token === undefined ? undefined : limit.read(token);
  return value === undefined
    ? `${limit.prefix}ip\n${networkOf(clientAddress)}`
    : `${limit.prefix}${token?.issuer}\n${value}`;
}

/**
 * The fields of draft-ietf-httpapi-ratelimit-headers-10, and beside them the three of its first drafts, which more clients
 * know. Both describe the limit that was checked last.
 */
export function describeQuota(
  { by, quota }: Pick<RateLimit, 'by' | 'quota'>,
  { remaining, resetMs }: Pick<Count, 'remaining' | 'resetMs'>,
): readonly string[] {
  const resetSeconds = Math.ceil(resetMs / 1000);
  return [
    ...['ratelimit-policy', `"${by}";q=${quota.max};w=${Math.ceil(quota.windowMs / 1000)}`],
    ...['ratelimit', `"${by}";r=${remaining};t=${resetSeconds}`],
    ...['ratelimit-limit', String(quota.max)],
    ...['ratelimit-remaining', String(remaining)],
    ...['ratelimit-reset', String(resetSeconds)],
  ];
}

function compileRateLimit(
  { max, window, by }: RateLimitConfig,
  prefix: string,
  store: LimitStore,
): RateLimit {
  const quota = { max, windowMs: window };
  if (typeof by === 'string') return { by, prefix, quota, store, read: READERS[by] };
  const path = toClaimPath(by.claim);
  const read = (token: VerifiedToken) => textOf(readClaim(token.claims, path));
  return { by: 'claim', prefix, quota, store, read };
}

/** What a limit counts by, as its keys name it. */
function kindOf({ by }: RateLimitConfig): string {
  return typeof by === 'string' ? by : `claim ${nameClaim(toClaimPath(by.claim))}`;
}

const READERS = {
  ip: () => undefined,
  subject: (token) => textOf(readClaim(token.claims, ['sub'])),
  client: (token) => textOf(readClient(token)),
} as const satisfies Record<string, (token: VerifiedToken) => string | undefined>;

function textOf(value: unknown): string | undefined {
  return isDistinctScalar(value) && value !== '' ? `${typeof value} ${value}` : undefined;
}
