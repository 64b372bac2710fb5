import t from 'tap';
import { startCountingUpstream } from '../support/backends/counting-upstream.ts';
import { startGateway } from '../support/gateway/gateway.ts';
import { createKeyServer } from '../support/tokens/key-server.ts';
import { mint, type SigningKey, signingKey } from '../support/tokens/mint.ts';

const one = signingKey('ES256', { kid: 'one' });
const two = signingKey('ES256', { kid: 'two' }, 'second');
const now = Math.floor(Date.now() / 1000);
const claims = (iss: string) => ({ iss, aud: 'api', sub: 'u1', iat: now, exp: now + 600 });

t.test('an issuer that is down at first, comes up, rotates and goes down again', async (t) => {
  const keys = await createKeyServer();
  const upstream = await startCountingUpstream();
  const iss = keys.issuer('/a');
  keys.publish(one);
  await keys.down();
  const gateway = await startGateway(
    `
issuers:
  corp: { issuer: '${iss}', audiences: [api], keys: { cooldown: 1h } }
upstreams: { app: { url: '${upstream.url}' } }
routes:
  - { name: api, path: /, upstream: app, access: authenticated }
  - { name: open, path: /open, upstream: app, access: public }
`,
    { untilReady: false },
  );
  t.teardown(async () => {
    await gateway.close();
    await keys.close();
    await upstream.close();
  });
  const ask = (key: SigningKey, path = '/x') =>
    fetch(gateway.url + path, { headers: { authorization: `Bearer ${mint(key, claims(iss))}` } });
  const refresh = () => fetch(`${gateway.adminUrl}/keys/refresh/corp`, { method: 'POST' });

  const dead = await ask(one);
  t.equal(dead.status, 503);
  t.match(await dead.json(), { code: 'keys_unavailable' });
  t.ok(Number(dead.headers.get('retry-after')) > 3_500);
  t.equal((await ask(one, '/open')).status, 200, 'what needs no keys goes on');
  const line = await gateway.waitForLine(({ msg, code }) => msg === 'request' && code === 'keys_unavailable');
  t.match(line, { issuer: 'corp', reason: /ECONNREFUSED/ }, 'one line has the reason');

  await keys.up();
  t.ok((await refresh()).ok);
  t.equal((await ask(one)).status, 200);
  const unknown = await ask(two);
  t.match([unknown.status, await unknown.json()], [401, { code: 'key_unknown' }]);
  const named = await gateway.waitForLine(({ msg, code }) => msg === 'request' && code === 'key_unknown');
  t.match(named.reason, /"two".*published: "one"/, 'what was looked for, and what there was');

  keys.publish(two);
  await refresh();
  t.equal((await ask(two)).status, 200);
  t.equal((await ask(one)).status, 401, 'the key that left is trusted no more');
  await keys.down();
  await refresh();
  t.equal((await ask(two)).status, 200, 'the last good keys serve');
  t.equal((await ask(one)).status, 503, 'a token that cannot be verified is not refused');
});

t.test('a provider that sends the token in its own header', async (t) => {
  const keys = await createKeyServer();
  const upstream = await startCountingUpstream();
  keys.publish(one);
  const gateway = await startGateway(`
issuers:
  iap: { preset: google-iap, audiences: [/projects/1/apps/x], jwksUri: '${keys.jwksUri}' }
upstreams: { app: { url: '${upstream.url}' } }
routes: [{ name: api, path: /, upstream: app, access: authenticated }]
`);
  t.teardown(async () => {
    await gateway.close();
    await keys.close();
    await upstream.close();
  });
  const token = mint(one, { ...claims('https://cloud.google.com/iap'), aud: '/projects/1/apps/x' });
  const ask = (headers: Record<string, string>) => fetch(gateway.url, { headers });
  t.equal((await ask({ 'X-Goog-IAP-JWT-Assertion': token })).status, 200);
  t.equal((await ask({})).status, 401);
  t.equal((await ask({ 'x-goog-iap-jwt-assertion': token, authorization: `Bearer ${token}` })).status, 400);
});

t.test(
  'at the level debug each fetch of metadata and keys has a line, without the secrets of its query',
  async (t) => {
    const keys = await createKeyServer();
    t.teardown(() => keys.close());
    keys.publish(one);
    const gateway = await startGateway(`
log: { level: debug }
issuers:
  found: { issuer: '${keys.issuer('/a')}', audiences: [api], keys: { cooldown: 1h } }
  named: { issuer: 'https://x.example', audiences: [api], jwksUri: '${keys.jwksUri}?code=hush', keys: { cooldown: 1h } }
defaults: { issuers: any }
routes: [{ name: api, path: /, upstream: 'http://127.0.0.1:1', access: authenticated }]
`);
    t.teardown(() => gateway.close());
    const fetches = (issuer: string) =>
      gateway.lines.filter(({ msg, ...line }) => msg === 'fetched from the issuer' && line.issuer === issuer);
    const refresh = (issuer: string) =>
      fetch(`${gateway.adminUrl}/keys/refresh/${issuer}`, { method: 'POST' });
    const good = { level: 'debug', status: 200, outcome: 'ok' };
    t.match(fetches('found'), [
      { ...good, url: `${keys.origin}/a/.well-known/openid-configuration` },
      { ...good, url: `${keys.origin}/a/keys` },
    ]);
    t.match(fetches('named'), [
      { ...good, url: keys.jwksUri, bytes: JSON.stringify({ keys: keys.keys }).length },
    ]);
    for (const { durationMs } of fetches('found'))
      t.ok(Number.isInteger(durationMs) && Number(durationMs) >= 0);

    const bad = [
      ['error', { status: 500, outcome: 'refused', reason: /500 instead of 200/ }],
      ['html', { status: 200, outcome: 'refused', reason: /is not a JSON object/ }],
      ['redirect', { status: 302, outcome: 'refused', reason: /redirects/ }],
      ['reset', { outcome: 'unreachable', bytes: 0 }],
      ['cut', { status: 200, outcome: 'unreachable' }],
      ['empty', { status: 200, outcome: 'ok' }],
    ] as const;
    for (const [mode, wanted] of bad) {
      keys.mode = mode;
      const before = fetches('named').length;
      await refresh('named');
      t.equal(fetches('named').length, before + 1, mode);
      t.match(fetches('named').at(-1), { level: 'debug', url: keys.jwksUri, ...wanted }, mode);
      const failed = gateway.lines.findLast(({ msg }) => msg === 'the keys were not refreshed');
      t.match(failed, { level: 'debug', issuer: 'named', reason: /\/keys: / }, mode);
    }
    t.notMatch(JSON.stringify(gateway.lines), 'hush');
  },
);
