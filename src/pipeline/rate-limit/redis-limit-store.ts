import { createHash } from 'node:crypto';
import { createClient } from '@redis/client';
import type { RateLimitStoreConfig } from '../../config/schema/config.ts';
import type { Count, LimitStore, RateQuota } from './limit-store.ts';

/**
 * The same step as in memory, in microseconds and by the clock of the store, so that gateways whose clocks differ agree.
 * A script runs whole or not at all. The key goes away by itself once its quota is whole again.
 */
const SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local max = tonumber(ARGV[1])
local window = tonumber(ARGV[2])
local owed = math.min(math.max((tonumber(redis.call('GET', KEYS[1])) or now) - now, 0), window)
local allowed = 0
if owed + window / max <= window + 1 then
  allowed = 1
  owed = owed + window / max
  redis.call('SET', KEYS[1], string.format('%.0f', now + owed), 'PX', math.ceil(owed / 1000) + 1)
end
return { allowed, string.format('%.0f', owed) }
`;
const SCRIPT_SHA1 = createHash('sha1').update(SCRIPT).digest('hex');

const KEY_PREFIX = 'sealgate:limit:';
/** After a failure the store is left alone for so long, so that no request waits for a dead one. */
const PAUSE_MS = 1000;
const LONGEST_RECONNECT_MS = 2000;

/** What the store needs around it. */
export interface RedisLimitStoreContext {
  /** Counts for this gateway alone while the shared store is down and the file says `onFailure: open`. */
  readonly local: LimitStore;
  /** Told once when the store fails and once when it is back. The error never holds the URL's password. */
  readonly onState: (state: 'up' | 'down', error?: Error) => void;
}

/**
 * Counts in Redis or Valkey, shared by every gateway that names the same store. Its keys hold digests, no claim values.
 * Never rejects: when the store fails or is slower than `timeout`, `open` counts in this gateway alone and `closed` cannot tell.
 */
export function createRedisLimitStore(
  config: RateLimitStoreConfig,
  { local, onState }: RedisLimitStoreContext,
): LimitStore {
  const client = createClient({
    url: config.url,
    disableOfflineQueue: true,
    socket: {
      connectTimeout: Math.max(config.timeout, 1000),
      reconnectStrategy: (attempts) => Math.min(50 * 2 ** Math.min(attempts, 10), LONGEST_RECONNECT_MS),
    },
  });
  let isDown = false;
  let pausedUntilMs = 0;
  client.on('error', (error: Error) => failed(error));
  client.on('ready', () => {
    pausedUntilMs = 0;
  });
  // Resolves with the first connection, which may be never; the requests do not wait for it.
  client.connect().catch(failed);

  return {
    take(key, quota) {
      if (!client.isReady || performance.now() < pausedUntilMs) return instead(key, quota);
      return run(key, quota).then(
        (count) => {
          worked();
          return count;
        },
        (error: Error) => {
          pausedUntilMs = performance.now() + PAUSE_MS;
          failed(error);
          return instead(key, quota);
        },
      );
    },
    async close() {
      client.destroy();
      await local.close();
    },
  };

  async function run(key: string, quota: RateQuota): Promise<Count> {
    const digest = createHash('sha256').update(key).digest('base64url');
    const options = {
      keys: [`${KEY_PREFIX}${digest}`],
      arguments: [String(quota.max), String(quota.windowMs * 1000)],
    };
    const reply = await within(
      config.timeout,
      client.evalSha(SCRIPT_SHA1, options).catch((error: Error) => {
        if (!error.message.startsWith('NOSCRIPT')) throw error;
        return client.eval(SCRIPT, options);
      }),
    );
    return readCount(reply, quota);
  }

  function instead(key: string, quota: RateQuota): Count | Promise<Count | undefined> {
    return config.onFailure === 'open' ? local.take(key, quota) : Promise.resolve(undefined);
  }

  function failed(error: Error): void {
    if (isDown) return;
    isDown = true;
    onState('down', error);
  }

  function worked(): void {
    if (!isDown) return;
    isDown = false;
    onState('up');
  }
}

function readCount(reply: unknown, { max, windowMs }: RateQuota): Count {
  const [allowed, owedMicroseconds] = Array.isArray(reply) ? reply : [];
  const owes = Number(owedMicroseconds) / 1000;
  if (!Number.isFinite(owes)) throw new Error('the store gave an answer that is none');
  const perRequest = windowMs / max;
  const remaining = Math.max(0, Math.floor((windowMs - owes + 0.002) / perRequest));
  return {
    allowed: allowed === 1,
    remaining,
    resetMs: owes,
    retryMs: remaining > 0 ? 0 : owes + perRequest - windowMs,
  };
}

/** A command that was sent cannot be taken back; what it answers after its time is dropped. */
function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`the store did not answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
