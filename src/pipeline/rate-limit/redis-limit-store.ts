import { createHash } from 'node:crypto';
import type { RateLimitStoreConfig } from '../../config/schema/config.ts';
import { NoReplyError, within } from '../../core/time/within.ts';
import { openRedisConnection, type RedisClient } from '../../tokens/redis/redis-connection.ts';
import { COUNT_SCRIPT, type Count, type RateQuota, readScriptReply } from './gcra.ts';
import type { LimitStore } from './limit-store.ts';

const SCRIPT_SHA1 = createHash('sha1').update(COUNT_SCRIPT).digest('hex');

const KEY_PREFIX = 'sealgate:limit:';
/** No request waits for a store that failed less than this ago: a new connection does not show that a slow one is fast again. */
const PAUSE_MS = 1000;
const LEAST_CONNECT_TIMEOUT_MS = 1000;

export interface RedisLimitStoreContext {
  /** Counts for this gateway alone while the shared store is down and the file sets `onFailure: open`. */
  readonly local: LimitStore;
  /** Called once when the store fails and once when it is back. The error never holds the URL's password. */
  readonly onState: (state: 'up' | 'down', error?: Error) => void;
}

/**
 * Counts in Redis or Valkey, shared by every gateway that names the same store. Its keys are digests, not claim values.
 * Never rejects: when the store fails or is slower than `timeout`, `open` counts in this gateway alone and `closed` returns undefined.
 */
export function createRedisLimitStore(
  config: RateLimitStoreConfig,
  { local, onState }: RedisLimitStoreContext,
): LimitStore {
  let isDown = false;
  let pausedUntilMs = 0;
  // The requests do not wait for the first connection, which may never be.
  const connection = openRedisConnection(config.url, {
    timeoutMs: Math.max(config.timeout, LEAST_CONNECT_TIMEOUT_MS),
    onFailed: failed,
  });

  return {
    take(key, quota) {
      const { client } = connection;
      if (client === undefined || performance.now() < pausedUntilMs) return instead(key, quota);
      return run(client, key, quota).then(
        (count) => {
          worked();
          return count;
        },
        (error: Error) => {
          pausedUntilMs = performance.now() + PAUSE_MS;
          failed(error);
          if (error instanceof NoReplyError) connection.leave(client, error);
          return instead(key, quota);
        },
      );
    },
    async close() {
      connection.close();
      await local.close();
    },
  };

  async function run(client: RedisClient, key: string, quota: RateQuota): Promise<Count> {
    const digest = createHash('sha256').update(key).digest('base64url');
    const options = {
      keys: [`${KEY_PREFIX}${digest}`],
      arguments: [String(quota.max), String(quota.windowMs * 1000)],
    };
    const reply = await within(
      config.timeout,
      client.evalSha(SCRIPT_SHA1, options).catch((error: Error) => {
        if (!error.message.startsWith('NOSCRIPT')) throw error;
        return client.eval(COUNT_SCRIPT, options);
      }),
    );
    return readScriptReply(reply, quota);
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
