import t, { type Test } from 'tap';
import { folderWith, sealgate } from '../support/cli/cli.ts';
import { openEndpoint, type Respond, sendJson } from '../support/tokens/scripted-endpoint.ts';

const SECRET = 's3cret-of-the-gateway';
const TOKEN = 'lgc_0123456789';

const active: Respond = (_, response) =>
  sendJson(response, { active: true, aud: 'orders', sub: 'alice', scope: 'read' });

/** A folder with a file whose issuer is introspected at this endpoint. */
async function fileOf(t: Test, respond: Respond, more = '') {
  const endpoint = await openEndpoint(respond);
  t.teardown(() => endpoint.close());
  const path = await folderWith(
    {
      secret: SECRET,
      'gateway.yaml': `
issuers:
  legacy:
    issuer: ${endpoint.origin}
    audiences: [orders]
    jwks: none
    introspection:
      url: ${endpoint.url}
      auth: { clientId: gateway, clientSecret: '\${file:secret}' }
      ${more}
upstreams: { app: { url: "${endpoint.origin}" } }
routes:
  - { name: a, path: /a, upstream: app, access: { scopes: [read] } }
  - { name: b, path: /b, upstream: app, access: { scopes: [write] } }
`,
    },
    t,
  );
  return { endpoint, file: path('gateway.yaml') };
}

t.test('explain asks with --online only', async (t) => {
  const { endpoint, file } = await fileOf(t, active);
  const ask = ['explain', '-c', file, '/a', '--token', TOKEN];
  const offline = await sealgate(ask);
  t.equal(offline.code, 1, 'undecided');
  t.match(offline.stdout, /introspection_unavailable[\s\S]*only the introspection endpoint of legacy knows/);
  t.match(offline.stdout, /add `--online`/);
  t.match(offline.stdout, /^Cannot decide by route a: introspection_unavailable/m);
  t.notMatch(offline.stdout, /Refused|503/);
  t.equal(endpoint.requests.length, 0);

  const online = await sealgate([...ask, '--online']);
  t.equal(online.code, 0);
  t.match(online.stdout, /an opaque token[\s\S]*introspection +active[\s\S]*x-user-id/);
  t.equal(endpoint.requests.length, 1);
  const json = JSON.parse((await sealgate([...ask, '--online', '--format', 'json'])).stdout);
  t.match(
    json.steps.map(({ step }: { step: string }) => step),
    ['path', 'host', 'match', 'token', 'form', 'introspection', 'issuer', 'kind', 'claims', 'times'],
  );
  t.match(
    json.steps.find(({ step }: { step: string }) => step === 'form'),
    { ok: true, expected: /or an opaque token/, got: 'an opaque token' },
  );
  const refused = await sealgate(['explain', '-c', file, '/b', '--token', TOKEN, '--online']);
  t.equal(refused.code, 3);
  t.match(refused.stdout, /insufficient_scope/);
  for (const { stdout } of [offline, online, refused]) t.notMatch(stdout, new RegExp(`${SECRET}|0123456789`));
});

t.test('explain shows what the provider states, and what keeps it from stating anything', async (t) => {
  const { endpoint, file } = await fileOf(t, (_, response) => sendJson(response, { active: false }));
  const ask = ['explain', '-c', file, '/a', '--token', TOKEN, '--online'];
  const inactive = await sealgate(ask);
  t.equal(inactive.code, 3);
  t.match(inactive.stdout, /token_inactive[\s\S]*states that the token is not active/);
  await endpoint.down();
  const down = await sealgate(ask);
  t.equal(down.code, 1);
  t.match(down.stdout, /introspection_unavailable[\s\S]*nothing listens/);
  await endpoint.up();
});

t.test('keys shows issuers without keys as introspected', async (t) => {
  const { file } = await fileOf(t, active);
  const { code, stdout } = await sealgate(['keys', '-c', file]);
  t.equal(code, 0);
  t.match(stdout, /legacy .*\n {2}keys {3}- \(none: its tokens are introspected\)\n/);
  const json = JSON.parse((await sealgate(['keys', '-c', file, '--format', 'json'])).stdout);
  t.match(json.issuers, [{ name: 'legacy', ok: true, keysFrom: 'introspection', keys: [], problems: [] }]);
});

t.test('check --online asks about a token that is none, and shows what it found', async (t) => {
  const rows: readonly [Respond, RegExp, code: number][] = [
    [
      (_, to) => sendJson(to, { active: false }),
      /note: .*accepts the gateway as a client, and knows no token/,
      0,
    ],
    [active, /error: .*states that a token which nobody issued is active/, 1],
    [(_, to) => sendJson(to, { active: 'false' }), /error: .*neither true nor false/, 1],
    [
      (_, to) => sendJson(to, { error: 'invalid_client' }, 401),
      /error: .*does not accept the gateway as a client: responded with 401 and `invalid_client`: .*credentials[\s\S]*compare `introspection.auth`/,
      1,
    ],
    [(_, to) => void to.writeHead(404).end(), /error: .*no token can be introspected: responded with 404/, 1],
    [(_, to) => void to.writeHead(302, { location: '/login' }).end(), /redirects are refused/, 1],
    [(_, to) => void to.writeHead(200, { 'content-type': 'text/html' }).end('<p>'), /not JSON/, 1],
  ];
  for (const [respond, words, code] of rows) {
    const { endpoint, file } = await fileOf(t, respond, 'prefix: lgc_');
    const { stdout, code: got } = await sealgate(['check', '-c', file, '--online']);
    t.match(stdout, words);
    t.equal(got, code, stdout);
    t.same(
      endpoint.requests.map(({ form }) => form.get('token')),
      ['lgc_sealgate-check-no-token'],
    );
    t.notMatch(stdout, new RegExp(SECRET));
  }
});

t.test('check without --online asks nobody', async (t) => {
  const { endpoint, file } = await fileOf(t, active);
  t.equal((await sealgate(['check', '-c', file])).code, 0);
  t.equal(endpoint.requests.length, 0);
});
