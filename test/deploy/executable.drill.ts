import { execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { VERSION } from '../../src/core/version.ts';

const FILE = `
listen: { port: 0 }
admin: { port: 0 }
workers: 2
issuers:
  corp: { issuer: https://corp.example, audiences: [api], jwks: { file: keys.json } }
upstreams:
  orders: { url: http://127.0.0.1:9 }
routes:
  - { name: read, path: /orders, upstream: orders, access: authenticated }
`;

const folder = mkdtempSync(join(tmpdir(), 'sealgate-executable-test-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'gateway.yaml');
writeFileSync(file, FILE);
const key = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
writeFileSync(join(folder, 'keys.json'), JSON.stringify({ keys: [{ ...key, kid: '1' }] }));

t.test('the executable runs without Node, and its workers are processes of it', async (t) => {
  execFileSync(process.execPath, ['scripts/build-executable.mjs', '--out', folder], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const name = readdirSync(folder).find((entry) => /^sealgate-.*-linux-(?:x64|arm64)$/.test(entry)) ?? '';
  const program = join(folder, name);
  const env = { PATH: '/nonexistent' };
  const run = (...words: string[]): string => execFileSync(program, words, { env, encoding: 'utf8' });
  t.equal(run('--version'), `${VERSION}\n`);
  t.match(run('check', '-c', file), ': valid');
  t.match(readFileSync(`${program}.cdx.json`, 'utf8'), '"pkg:npm/node-linux-', 'Node is in the SBOM');
  t.match(
    readFileSync(`${program}.THIRD-PARTY-LICENSES.txt`, 'utf8'),
    'Node.js is licensed for use as follows',
  );

  const child = spawn(program, ['start', '-c', file], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout })) {
    const { msg, url } = JSON.parse(line);
    if (msg !== 'listening') continue;
    const response = await fetch(new URL('/orders', url));
    t.match(await response.json(), { code: 'token_missing' }, 'a worker decides');
    child.kill('SIGTERM');
    break;
  }
  t.same(await exited, [0, null]);
});
