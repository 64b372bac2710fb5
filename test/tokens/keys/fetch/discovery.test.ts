import t, { type Test } from 'tap';
import { freezeTime, until } from '../../../support/core/frozen-time.ts';
import { createKeyServer, type KeyServer } from '../../../support/tokens/key-server.ts';
import { mint, signingKey } from '../../../support/tokens/mint.ts';
import { ANY_ISSUER, codeOf, verifierOf } from '../../../support/tokens/verifier.ts';

const key = signingKey('ES256', { kid: 'one' });

async function rigOf(t: Test, prepare: (server: KeyServer) => void, path = '/tenants/a', more = {}) {
  const server = await createKeyServer();
  t.teardown(() => server.close());
  server.publish(key);
  prepare(server);
  const time = freezeTime();
  const issuer = server.issuer(path);
  const verifier = verifierOf({ corp: { issuer, audiences: ['api'], ...more } }, { time });
  t.teardown(() => verifier.close());
  await verifier.start();
  const code = () =>
    codeOf(verifier.verify(mint(key, { iss: issuer, exp: time.clock() / 1000 + 3600 }), ANY_ISSUER));
  const status = () => {
    const [first] = verifier.status();
    if (first === undefined) throw new Error('no issuer');
    return first;
  };
  return { server, time, verifier, code, status };
}

t.test('keys are found through metadata, for issuers with and without a path', async (t) => {
  const rows: readonly [path: string, asked: readonly string[]][] = [
    ['', ['/.well-known/openid-configuration', '/keys']],
    ['/', ['/.well-known/openid-configuration', '//keys']],
    ['/tenants/a', ['/tenants/a/.well-known/openid-configuration', '/tenants/a/keys']],
  ];
  for (const [path, asked] of rows) {
    const { server, code } = await rigOf(t, () => {}, path);
    t.equal(code(), path === '/' ? 'keys_unavailable' : 'ok', `issuer at "${path}"`);
    if (path !== '/') t.same(server.asked, asked);
  }
});

t.test('RFC 8414 metadata comes second, with its well-known part before the path', async (t) => {
  const { server, code } = await rigOf(t, (server) => {
    server.metadataMode = 'oauth-only';
  });
  t.equal(code(), 'ok');
  t.same(server.asked, [
    '/tenants/a/.well-known/openid-configuration',
    '/.well-known/oauth-authorization-server/tenants/a',
    '/tenants/a/keys',
  ]);
});

t.test('metadata that cannot be believed leads to no keys', async (t) => {
  const rows: readonly [mode: KeyServer['metadataMode'], error: RegExp][] = [
    ['missing', /no metadata: .*openid-configuration: responded with 404.*oauth-authorization-server/],
    ['error', /responded with 500/],
    ['redirect', /redirects are refused/],
    ['wrong-issuer', /its issuer is not the configured one/],
    ['http-keys', /its jwks_uri is not https/],
  ];
  for (const [mode, error] of rows) {
    const { server, code, status } = await rigOf(t, (server) => {
      server.metadataMode = mode;
    });
    t.equal(code(), 'keys_unavailable', mode);
    t.match(status().lastError, error, mode);
    t.equal(server.fetches(), 0, `${mode}: no keys were asked for`);
  }
});

t.test('an issuer that differs by a slash at the end is named as such', async (t) => {
  const { status } = await rigOf(t, () => {}, '/realms/a/');
  t.match(status().lastError, /differs from the configured one by a slash at the end/);
});

t.test('a provider may move its keys', async (t) => {
  const { server, time, code, status } = await rigOf(t, () => {});
  server.keysPath = '/moved';
  time.advance(540_000);
  await until(() => status().nextRefreshMs !== undefined);
  t.equal(code(), 'ok');
  t.equal(server.asked.at(-1), '/tenants/a/moved');
});

t.test('while only the metadata is down, the keys are asked for where they were', async (t) => {
  const { server, time, code, status } = await rigOf(t, () => {});
  server.metadataMode = 'error';
  time.advance(540_000);
  await until(() => status().nextRefreshMs !== undefined);
  t.equal(server.asked.at(-1), '/tenants/a/keys');
  t.equal(status().state, 'fresh');
  t.equal(code(), 'ok');
});

t.test('while the metadata hangs, the keys get the other half of the time-out', async (t) => {
  const { server, time, code, status } = await rigOf(t, () => {});
  server.metadataMode = 'hang';
  const asked = server.asked.length;
  time.advance(540_000);
  await until(() => server.asked.length > asked);
  time.advance(2_500);
  await until(() => status().nextRefreshMs !== undefined);
  t.equal(status().state, 'fresh');
  t.equal(code(), 'ok');
});

t.test('metadata that names another issuer all of a sudden ends nothing and changes nothing', async (t) => {
  const { server, time, code, status } = await rigOf(t, () => {});
  server.metadataMode = 'wrong-issuer';
  server.keys = [];
  time.advance(540_000);
  await until(() => status().nextRefreshMs !== undefined);
  t.match(status(), { state: 'stale', lastError: /its issuer is not the configured one/ });
  t.equal(server.fetches(), 1, 'its keys are not asked for');
  t.equal(code(), 'ok', 'the last good keys serve');
});

t.test('configured headers go with every request to the issuer', async (t) => {
  const headers = { authorization: 'Bearer sa-token', 'x-team': 'a' };
  const { server, code } = await rigOf(t, () => {}, '/a', { keys: { headers } });
  t.equal(code(), 'ok');
  for (const request of server.requests) {
    t.match(request.headers, { ...headers, 'user-agent': /^sealgate\//, 'accept-encoding': 'identity' });
  }
  t.equal(server.requests.length, 2);
});

t.test('configured headers, which may hold a secret, go to no host that only metadata names', async (t) => {
  const headers = { authorization: 'Bearer secret', 'x-team': 'a' };
  const other = await createKeyServer();
  t.teardown(() => other.close());
  other.publish(key);
  const names = ['127.0.0.1', 'localhost'].map((host) => other.jwksUri.replace('127.0.0.1', host));
  for (const uri of names) {
    const { server, code } = await rigOf(t, (rig) => (rig.keysUri = uri), '/a', { keys: { headers } });
    t.equal(code(), 'ok', uri);
    t.match(server.requests[0]?.headers, headers, 'the issuer gets them');
    const sent = other.requests.at(-1)?.headers;
    t.same([sent?.authorization, sent?.['x-team']], [undefined, undefined], 'the other one does not');
  }

  const named = await rigOf(t, () => {}, '/a', { jwksUri: other.jwksUri, keys: { headers } });
  t.equal(named.code(), 'ok');
  t.match(other.requests.at(-1)?.headers, headers, 'a place that the file names gets them');

  other.mode = 'forbidden';
  const { status } = await rigOf(t, (rig) => (rig.keysUri = other.jwksUri), '/a', { keys: { headers } });
  t.match(
    status().lastError,
    /\/keys: responded with 403 .*`keys.headers` are not sent to http:\S+, which only the metadata names/,
  );
});

t.test('what becomes of keys.headers does not change when metadata cannot be had any more', async (t) => {
  const other = await createKeyServer();
  t.teardown(() => other.close());
  other.publish(key);
  const headers = { authorization: 'Bearer secret' };
  const { server, time } = await rigOf(t, (rig) => (rig.keysUri = other.jwksUri), '/a', {
    keys: { headers },
  });
  server.metadataMode = 'error';
  time.advance(540_000);
  await until(() => other.fetches() === 2);
  t.same(
    other.requests.map((request) => request.headers.authorization),
    [undefined, undefined],
  );
});
