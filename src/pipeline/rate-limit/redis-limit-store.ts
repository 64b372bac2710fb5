import { createHash } from 'node:crypto';
import { createClient } from '@redis/client';
import type { RateLimitStoreConfig } from '../../config/schema/config.ts';
import { within } from '../../core/within.ts';
import { COUNT_SCRIPT, type Count, type RateQuota, readScriptReply } from './gcra.ts';
import type { LimitStore } from './limit-store.ts';

const SCRIPT_SHA1 = createHash('sha1').update(COUNT_SCRIPT).digest('hex');

const KEY_PREFIX = 'sealgate:limit:';
/** No request waits for a store that failed less than this ago. */
const PAUSE_MS = 1000;
const LONGEST_RECONNECT_MS = 2000;

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
