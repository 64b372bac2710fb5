import { DEFAULT_KEYS } from '../../config/schema/config.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { Engine } from '../engine.ts';
import type { KeyReply } from './worker-messages.ts';

/** Gives workers the keys that the primary has fetched. */
export interface KeyBroker {
  keysOf(request: { readonly issuer: string; readonly hasNone: boolean }): Promise<KeyReply>;
}

/**
 * Makes the broker. A worker gets the present keys if they were fetched within the issuer's cooldown, and joins or starts a fetch
 * otherwise, so that all workers together fetch no more often than one process would.
 */
export function createKeyBroker(engine: Engine, clock: Clock): KeyBroker {
  const attemptedAtMs = new Map<string, number>();
  const running = new Map<string, Promise<void>>();

  function refresh(issuer: string): Promise<void> {
    const known = running.get(issuer);
    if (known !== undefined) return known;
    const started = engine.refreshKeys(issuer).finally(() => {
      running.delete(issuer);
      attemptedAtMs.set(issuer, clock());
    });
    running.set(issuer, started);
    return started;
  }

  return {
    async keysOf({ issuer, hasNone }) {
      const { config, verifier } = engine.current();
      const { cooldown } = config.issuers[issuer]?.keys ?? DEFAULT_KEYS;
      const latestMs = Math.max(attemptedAtMs.get(issuer) ?? 0, verifier.record(issuer)?.fetchedAtMs ?? 0);
      if (clock() - latestMs >= cooldown) await refresh(issuer);
      const record = verifier.record(issuer);
      const status = verifier.status().find(({ name }) => name === issuer);
      const serves = status?.state === 'fresh' || (hasNone && status?.state === 'stale');
      if (record === undefined || !serves) {
        return { error: status?.lastError ?? 'the keys have not been fetched yet' };
      }
      return { record };
    },
  };
}
