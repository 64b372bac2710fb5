import t from 'tap';
import { startFront } from '../support/oauth/front-harness.ts';
import { respondWith, startScriptedProvider, TOKENS } from '../support/oauth/scripted-provider.ts';

/** Keys that need no provider, so that the gateway is ready without one. */
async function withStaticKeys() {
  const provider = await startScriptedProvider(t);
  return { provider, issuer: { jwks: { keys: [provider.key.jwk] } } };
}

async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { code: string }).code;
}

t.test('a provider that names itself in its responses is refused (RFC 9207)', async (t) => {
  const provider = await startScriptedProvider(t);
  provider.metadata = { authorization_response_iss_parameter_supported: true };
  const front = await startFront(t, { provider });
  for (const ask of [front.metadata, front.authorize, front.token, front.refresh]) {
    const response = await ask();
    t.equal(response.status, 502);
    t.equal(response.headers.get('location'), null);
    t.equal(await codeOf(response), 'upstream_invalid');
  }
  t.strictSame(provider.tokenCalls(), []);
  const line = await front.gateway.waitForLine(
    ({ msg }) => msg === 'the front for OAuth clients lacks its provider',
  );
  t.match(line.reason, /RFC 9207/);
  t.equal((await front.metadata()).headers.get('cache-control'), 'no-store');

  for (const value of ['true', 1, null, {}]) {
    provider.metadata = { authorization_response_iss_parameter_supported: value };
    const other = await startFront(t, { provider });
    const refused = value === null ? 200 : 502;
    t.equal(
      (await other.metadata()).status,
      refused,
      `${JSON.stringify(value)}: what is no clear no is a yes`,
    );
  }
});

t.test('a dead provider keeps the gateway from nothing, and the front serves when it is back', async (t) => {
  const { provider, issuer } = await withStaticKeys();
  await provider.down();
  const front = await startFront(t, { provider, issuer });
  for (const ask of [front.metadata, front.authorize, front.token]) {
    const response = await ask();
    t.equal(response.status, 502);
    t.equal(await codeOf(response), 'upstream_unreachable');
  }
  t.equal((await front.register({ redirect_uris: ['https://app.example/callback'] })).status, 201);
  await provider.up();
  t.equal((await front.metadata()).status, 502, 'within `keys.cooldown` no client makes it ask again');
  t.equal(provider.metadataCalls(), 0);
});

t.test('a crowd of clients makes the gateway ask no more often', async (t) => {
  const { provider, issuer } = await withStaticKeys();
  provider.metadataMode = 'error';
  const front = await startFront(t, { provider, issuer });
  t.equal((await front.metadata()).status, 502);
  const asked = provider.metadataCalls();
  t.equal(asked, 2, 'OpenID Connect Discovery, then RFC 8414');
  const many = await Promise.all(Array.from({ length: 20 }, () => front.metadata()));
  t.ok(many.every(({ status }) => status === 502));
  t.equal(provider.metadataCalls(), asked);
});

t.test('requests that come before the metadata wait for it', async (t) => {
  const { provider, issuer } = await withStaticKeys();
  provider.metadataMode = 'hang';
  const hanging = await startFront(t, {
    provider,
    issuer: { ...issuer, keys: undefined, jwks: issuer.jwks },
  });
  const waiting = hanging.metadata();
  await provider.down();
  t.equal((await waiting).status, 502);
});

t.test('metadata that must not be used', async (t) => {
  const rows = [
    { issuer: 'https://evil.example' },
    { authorization_endpoint: 'http://login.example/authorize' },
    { authorization_endpoint: 'javascript:alert(1)' },
    { authorization_endpoint: undefined },
    { authorization_endpoint: 'https://login.example/authorize#x' },
    { token_endpoint: 'http://login.example/token' },
    { token_endpoint: 'https://user:pass@login.example/token' },
    { token_endpoint: ['https://login.example/token'] },
    { token_endpoint: '/token' },
  ];
  for (const metadata of rows) {
    const { provider, issuer } = await withStaticKeys();
    provider.metadata = metadata;
    const front = await startFront(t, { provider, issuer });
    const [response, login] = await Promise.all([front.metadata(), front.authorize()]);
    t.strictSame([response.status, login.status], [502, 502], JSON.stringify(metadata));
  }
});

t.test('token responses that must not be relayed', async (t) => {
  const front = await startFront(t);
  const rows: readonly (readonly [string, typeof front.provider.onToken, string])[] = [
    [
      'a redirect',
      (_, response) => response.writeHead(307, { location: '/elsewhere' }).end(),
      'upstream_invalid',
    ],
    ['a page', respondWith(503, '<html>down</html>'), 'upstream_invalid'],
    ['no JSON', respondWith(200, '{"access_token":'), 'upstream_invalid'],
    ['a list', respondWith(200, [TOKENS]), 'upstream_invalid'],
    ['another status', respondWith(204, ''), 'upstream_invalid'],
    ['too long', respondWith(200, { ...TOKENS, access_token: 'x'.repeat(66_000) }), 'upstream_invalid'],
    ['compressed', respondWith(200, 'gz', { 'content-encoding': 'gzip' }), 'upstream_invalid'],
    ['a reset', (_, response) => response.destroy(), 'upstream_unreachable'],
    [
      'a broken body',
      (_, response) => {
        response.writeHead(200, { 'content-length': '1000' }).write('{');
        setImmediate(() => response.destroy());
      },
      'upstream_unreachable',
    ],
  ];
  for (const [what, onToken, code] of rows) {
    front.provider.onToken = onToken;
    const before = front.provider.tokenCalls().length;
    const response = await front.token();
    t.equal(response.status, 502, what);
    t.equal(await codeOf(response), code, what);
    t.equal(response.headers.get('access-control-allow-origin'), '*');
    t.equal(front.provider.tokenCalls().length, before + 1, 'it is asked once');
  }
  t.notOk(front.provider.calls.some(({ path }) => path === '/elsewhere'));
  await front.provider.down();
  const response = await front.token();
  t.strictSame([response.status, await codeOf(response)], [502, 'upstream_unreachable']);
});

t.test('a slow provider is waited for no longer than `keys.timeout`', async (t) => {
  const front = await startFront(t, { issuer: { keys: { timeout: '200ms' } } });
  front.provider.onToken = () => {};
  const silent = await front.token();
  t.strictSame([silent.status, await codeOf(silent)], [504, 'upstream_timeout']);
  front.provider.onToken = (_, response) => void response.writeHead(200).write('{');
  const dripping = await front.token();
  t.strictSame([dripping.status, await codeOf(dripping)], [504, 'upstream_timeout']);
});

t.test('so many requests wait for a slow provider, an eighth of them of one client', async (t) => {
  const front = await startFront(t, {
    issuer: { keys: { timeout: '1m' } },
    listen: { trustedProxies: ['127.0.0.1'] },
  });
  const held: (() => void)[] = [];
  let arrived = () => {};
  const full = new Promise<void>((done) => {
    arrived = done;
  });
  front.provider.onToken = (call, response) => {
    held.push(() => respondWith(200, TOKENS)(call, response));
    if (held.length === 32) arrived();
  };
  const from = (address: string) => front.token({}, { 'x-forwarded-for': address });
  const waiting = Array.from({ length: 32 }, () => from('192.0.2.1'));
  await full;
  const refused = await from('192.0.2.1');
  t.strictSame([refused.status, await codeOf(refused)], [503, 'overloaded']);
  t.ok(refused.headers.get('retry-after'));
  const other = from('192.0.2.2');
  front.provider.onToken = respondWith(200, TOKENS);
  for (const release of held) release();
  t.ok((await Promise.all(waiting)).every(({ status }) => status === 200));
  t.equal((await other).status, 200);
  t.equal((await from('192.0.2.1')).status, 200);
});
