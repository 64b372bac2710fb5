import type { Test } from 'tap';
import { createRedisReplayStore } from '../../../src/tokens/replay/redis-replay-store.ts';
import { proofUse, type ReplayOutcome } from '../../../src/tokens/replay/replay-store.ts';
import { type RedisServer, startRedisServer } from '../peers/redis-server.ts';

/** Stops with the test. */
export async function serve(t: Test, port?: number, folder?: string): Promise<RedisServer> {
  const server = await startRedisServer(port, folder);
  t.teardown(() => server.stop());
  return server;
}

/** A store over it, as one gateway has it. */
export function connect(t: Test, url: string, clock: () => number = Date.now) {
  const states: string[] = [];
  const store = createRedisReplayStore(url, {
    clock,
    toleranceMs: () => 30_000,
    onState: (state) => states.push(state),
  });
  t.teardown(() => store.close());
  const use = async (jti: string, { key = 'key', issuedMs = clock(), lastMs = clock() + 60_000 } = {}) =>
    store.use(proofUse({ thumbprint: key, jti, issuedMs, lastMs }));
  return {
    store,
    states,
    use,
    /** Until the store takes proofs again, with one that is new each time. */
    async stored(): Promise<ReplayOutcome> {
      for (let i = 0; i < 1000; i += 1) {
        const outcome = await use(`probe ${i} ${Math.random()}`);
        if (outcome === 'stored') return outcome;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return 'down';
    },
  };
}

export async function admin(t: Test, url: string) {
  const { createClient } = await import('@redis/client');
  const client = await createClient({ url }).connect();
  t.teardown(() => client.destroy());
  client.on('error', () => {});
  return client;
}

export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !condition(); i += 1) await new Promise((resolve) => setTimeout(resolve, 10));
}
