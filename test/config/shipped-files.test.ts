import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';

const root = resolve(import.meta.dirname, '../..');

const FILES = [
  ['config/gateway.yaml', []],
  ['config/examples/contract.yaml', ['route `health` is public: it needs no token']],
] as const;

for (const [path, warnings] of FILES) {
  t.test(`${path} is valid as it is shipped, with no variable set`, async (t) => {
    const { config, problems } = loadConfig({ file: resolve(root, path), env: {} });
    t.same(
      problems.map(({ message }) => message),
      warnings,
    );
    t.ok(config);
  });

  t.test(`${path} names its schema, so that editors help`, async (t) => {
    const text = await readFile(resolve(root, path), 'utf8');
    const [, schema = ''] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(text) ?? [];
    const file = resolve(root, path, '..', schema);
    t.match(JSON.parse(await readFile(file, 'utf8')), { title: 'Sealgate configuration' });
  });
}

t.test('the default file takes a provider and a backend from the environment', async (t) => {
  const env = {
    SEALGATE_ISSUER: 'https://id.example.com',
    SEALGATE_UPSTREAM: 'http://app:8000',
    SEALGATE_PORT: '8081',
  };
  const { config } = loadConfig({ file: resolve(root, 'config/gateway.yaml'), env });
  t.match(config, {
    listen: { port: 8081 },
    issuers: { main: { issuer: 'https://id.example.com' } },
    upstreams: { api: { url: 'http://app:8000' } },
  });
});
