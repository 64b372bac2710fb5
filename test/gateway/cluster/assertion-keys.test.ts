import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import t from 'tap';
import { startGatewayProcess } from '../../support/gateway/gateway-process.ts';
import { until } from '../../support/gateway/workers-harness.ts';

const textOf = (algorithm: string) => `
listen: { port: 0, publicUrl: https://gw.example }
admin: { port: 0 }
workers: 2
identity: { assertion: { keys: keys.json, algorithm: ${algorithm} } }
upstreams: { backend: { url: 'http://127.0.0.1:1' } }
routes: [{ name: all, path: /, upstream: backend, access: public }]
`;

t.test(
  'all workers publish the keys that the primary wrote, also after a reload',
  { timeout: 120_000 },
  async (t) => {
    const gateway = await startGatewayProcess(t, textOf('ES256'));
    const keysNow = async (): Promise<{ kid: string; alg: string }[]> => {
      // A connection of its own each time, so that every worker gets some.
      const response = await fetch(`${gateway.url}/.well-known/sealgate/jwks.json`, {
        headers: { connection: 'close' },
      });
      return ((await response.json()) as { keys: { kid: string; alg: string }[] }).keys;
    };
    const setsOfAll = async () =>
      new Set(await Promise.all(Array.from({ length: 6 }, async () => JSON.stringify(await keysNow()))));
    t.equal((await setsOfAll()).size, 1);
    const before = await keysNow();
    t.strictSame(
      before.map(({ alg }) => alg),
      ['ES256', 'ES256'],
    );
    const { keys } = JSON.parse(await readFile(join(dirname(gateway.file), 'keys.json'), 'utf8')) as {
      keys: unknown[];
    };
    t.equal(keys.length, 2);

    await writeFile(gateway.file, textOf('EdDSA'));
    await gateway.line('configuration applied');
    await until(async () => (await setsOfAll()).size === 1);
    const after = await keysNow();
    t.equal(after[0]?.kid, before[0]?.kid, 'the key that signs');
    t.strictSame(
      after.map(({ alg }) => alg),
      ['ES256', 'EdDSA'],
    );
    gateway.child.kill('SIGTERM');
    t.same(await gateway.ended, [0, null], 'no timer keeps it alive');
  },
);
