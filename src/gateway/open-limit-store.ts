import type { RateLimitStoreConfig } from '../config/schema/config.ts';
import type { Clock } from '../core/time/clock.ts';
import { createMemoryLimitStore, type LimitStore } from '../pipeline/rate-limit/limit-store.ts';
import type { Logger } from '../telemetry/logger.ts';

/** Opens what requests are counted in: memory, or the store of the file. Does not wait for a store that is down. */
export async function openLimitStore(
  config: RateLimitStoreConfig | undefined,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<LimitStore> {
  const local = createMemoryLimitStore({ clock });
  if (config === undefined) return local;
  const { onFailure } = config;
  // Loaded only where it is asked for: most gateways count in memory.
  const { createRedisLimitStore } = await import('../pipeline/rate-limit/redis-limit-store.ts');
  return createRedisLimitStore(config, {
    local,
    onState: (state, error) => {
      if (state === 'up') log.info('the rate limit store answers again');
      else log.warn({ reason: error?.message, onFailure }, 'the rate limit store does not answer');
    },
  });
}
