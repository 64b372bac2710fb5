import { createClient } from '@redis/client';
import t, { type Test } from 'tap';
import {
  COUNT_SCRIPT,
  type Count,
  type RateQuota,
  readScriptReply,
} from '../../../src/pipeline/rate-limit/gcra.ts';
import { createMemoryLimitStore } from '../../../src/pipeline/rate-limit/limit-store.ts';
import { hasRedisServer, startRedisServer } from '../../support/peers/redis-server.ts';
import { GCRA_VECTORS } from './gcra-vectors.ts';

const START = Date.parse('2026-11-30T12:00:00.123Z');

type Take = (atMs: number, quota: RateQuota, takes: number) => Promise<readonly Count[]>;

/** Runs every vector against a counter that is new for each. */
async function follow(t: Test, counterFor: () => Take) {
  for (const [name, steps] of Object.entries(GCRA_VECTORS)) {
    const take = counterFor();
    for (const [nth, { at, quota, takes, passed, last }] of steps.entries()) {
      const counts = await take(START + at, quota, takes);
      const what = `${name}, step ${nth + 1}`;
      t.equal(counts.filter(({ allowed }) => allowed).length, passed, `${what}: passed`);
      const found = counts.at(-1) as Count;
      t.equal(found.remaining, last.remaining, `${what}: remaining`);
      for (const key of ['resetMs', 'retryMs'] as const)
        t.ok(
          Math.abs(found[key] - last[key]) < 0.001,
          `${what}: ${key} ${found[key]}, expected ${last[key]}`,
        );
    }
  }
}

t.test('in memory', async (t) => {
  await follow(t, () => {
    let now = 0;
    const store = createMemoryLimitStore({ clock: () => now });
    return async (atMs, quota, takes) => {
      now = atMs;
      return Array.from({ length: takes }, () => store.take('a', quota) as Count);
    };
  });
});

/** The script as it is, but at the time of the vector and many times over. Its key must not expire by the time of the server. */
const AT_A_TIME = `
local function count(KEYS, ARGV, time)
${COUNT_SCRIPT.replace("redis.call('TIME')", 'time')}
end
local replies = {}
for nth = 1, tonumber(ARGV[3]) do replies[nth] = count(KEYS, ARGV, { ARGV[4], ARGV[5] }) end
redis.call('PERSIST', KEYS[1])
return replies
`;

t.test('in Redis', { skip: hasRedisServer() ? false : 'redis-server is not installed' }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const client = await createClient({ url: server.url }).connect();
  t.teardown(() => client.destroy());
  await client.configSet('lua-time-limit', '60000');
  let vector = 0;
  await follow(t, () => {
    const key = `vector ${vector++}`;
    return async (atMs, quota, takes) => {
      const replies = await client.eval(AT_A_TIME, {
        keys: [key],
        arguments: [
          quota.max,
          quota.windowMs * 1000,
          takes,
          Math.floor(atMs / 1000),
          (atMs % 1000) * 1000,
        ].map(String),
      });
      return (replies as unknown[]).map((reply) => readScriptReply(reply, quota));
    };
  });
});
