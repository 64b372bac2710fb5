import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { startCountingUpstream } from '../../support/backends/counting-upstream.ts';
import { startGatewayProcess } from '../../support/gateway/gateway-process.ts';
import { createKeyServer } from '../../support/tokens/key-server.ts';
import { mint, signingKey } from '../../support/tokens/mint.ts';

const TOKEN = 's3cret-of-the-admin-listener';
const KEY = signingKey('ES256');
const NOW = Math.floor(Date.now() / 1000);
const line = (json: object): string => `${JSON.stringify({ issuer: 'corp', at: NOW, ...json })}\n`;

async function setUp(t: Test, workers = 1) {
  const issuer = await createKeyServer();
  issuer.publish(KEY);
  const upstream = await startCountingUpstream((_req, res) => res.end('fine'));
  t.teardown(async () => {
    await upstream.close();
    await issuer.close();
  });
  const file = `${t.testdir()}/revoked.jsonl`;
  const text = `listen: { port: 0 }
admin: { port: 0, token: ${TOKEN} }
workers: ${workers}
shutdown: { grace: 1s }
issuers: { corp: { issuer: '${issuer.issuer()}', audiences: [api], maxTokenAge: 1h } }
revocation: { file: '${file}' }
upstreams: { backend: { url: '${upstream.url}' } }
routes: [{ name: a, path: /a, upstream: backend, access: authenticated }]
`;
  const token = (claims: object) =>
    mint(KEY, { iss: issuer.issuer(), aud: 'api', sub: 's', iat: NOW, exp: NOW + 600, ...claims });
  const get = async (url: string, jti: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token({ jti })}`, connection: 'close' };
    const response = await fetch(`${url}/a`, { headers });
    await response.text();
    return response.status;
  };
  return { file, text, get };
}

t.test('entries of the file survive SIGKILL, and arrive while the gateway runs', async (t) => {
  const { file, text, get } = await setUp(t);
  writeFileSync(file, line({ jti: 'a' }));
  const first = await startGatewayProcess(t, text);
  t.equal(await get(first.url, 'a'), 401);
  t.equal(await get(first.url, 'b'), 200);
  appendFileSync(file, line({ jti: 'b' }));
  while ((await get(first.url, 'b')) === 200) await delay(20);
  first.child.kill('SIGKILL');
  await first.ended;
  const second = await startGatewayProcess(t, text);
  t.equal(await get(second.url, 'a'), 401, 'from the first request on');
  t.equal(await get(second.url, 'b'), 401);
  rmSync(file);
  await second.line('revocation.file is gone; its entries still count');
  t.equal(await get(second.url, 'a'), 401);
});

t.test('what was confirmed before a SIGKILL is revoked after it', async (t) => {
  const { file, text, get } = await setUp(t);
  const first = await startGatewayProcess(t, text);
  const confirmed: string[] = [];
  const revoke = async (jti: string): Promise<void> => {
    const response = await fetch(`${first.adminUrl}/revocations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ jti }),
    }).catch(() => undefined);
    if (response?.status === 204 && confirmed.push(jti) === 50) first.child.kill('SIGKILL');
  };
  const callers = Array.from({ length: 8 }, async (_, caller) => {
    for (let at = 0; first.child.signalCode === null && at < 500; at += 1) await revoke(`${caller}-${at}`);
  });
  await first.ended;
  await Promise.all(callers);
  t.ok(confirmed.length >= 50);
  // As if it had been killed in the middle of a line.
  appendFileSync(file, '{"issuer":"corp","jt');
  const second = await startGatewayProcess(t, text);
  for (const jti of confirmed) t.equal(await get(second.url, jti), 401, jti);
  t.equal(await get(second.url, 'another'), 200);
});

t.test('every worker knows them, from the first request on', async (t) => {
  const { file, text, get } = await setUp(t, 2);
  writeFileSync(file, line({ jti: 'a' }));
  const { url } = await startGatewayProcess(t, text);
  const all = (jti: string) => Promise.all(Array.from({ length: 20 }, () => get(url, jti)));
  t.same(new Set(await all('a')), new Set([401]));
  t.same(new Set(await all('b')), new Set([200]));
  appendFileSync(file, line({ jti: 'b' }));
  await delay(1_000);
  t.same(new Set(await all('b')), new Set([401]), 'within a second');
});

t.test('a mistake in a line keeps the gateway from starting', async (t) => {
  const { file, text } = await setUp(t);
  writeFileSync(file, `${line({ jti: 'a' })}{"issuer":"corp"}\n`);
  await t.rejects(startGatewayProcess(t, text), /revoked\.jsonl:2:1: name exactly one of/);
});
