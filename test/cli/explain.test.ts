import t from 'tap';
import { folderWith, sealgate } from '../support/cli/cli.ts';
import { createKeyServer } from '../support/tokens/key-server.ts';
import { mint, signingKey } from '../support/tokens/mint.ts';
import { inPlace } from '../support/tokens/verifier.ts';

const KEY = signingKey('ES256');
const NOW = Date.parse('2026-01-31T12:00:00Z') / 1000;
const AT = ['--at', '2026-01-31T12:00:00Z'];
const SECRET = 'S3CR3T';

const FILE = `
listen: { publicUrl: https://api.example.com }
issuers:
  corp: { issuer: https://corp.example, jwksUri: https://corp.example/keys, audiences: [api] }
routes:
  - { name: open, path: /open, upstream: http://127.0.0.1:1, access: public }
  - { name: read, path: /orders, methods: [GET], upstream: http://127.0.0.1:1, access: { scopes: [orders:read] } }
  - { name: own, path: /users/:id, upstream: http://127.0.0.1:1, access: { when: claims.sub == params.id } }
  - { name: tenant, path: /tenant, upstream: http://127.0.0.1:1, access: { claims: { tenant: acme } } }
`;

const claims = {
  iss: 'https://corp.example',
  aud: 'api',
  sub: SECRET,
  iat: NOW - 60,
  exp: NOW + 300,
  scope: 'orders:read',
};

const path = await folderWith({ 'gw.yaml': FILE, 'keys.json': JSON.stringify(inPlace(KEY)) }, t);
const offline = ['-c', path('gw.yaml'), '--jwks', path('keys.json'), ...AT];

async function explain(...words: string[]) {
  const { code, stdout, stderr } = await sealgate(['explain', ...offline, '--format', 'json', ...words]);
  return { exit: code, stderr, ...(stdout === '' ? {} : JSON.parse(stdout)) };
}

const tokenWith = (changes: Record<string, unknown> = {}) => mint(KEY, { ...claims, ...changes });

t.test('reports what the gate would decide, with the exit code of the result', async (t) => {
  const table: [string[], number, Record<string, unknown>][] = [
    [
      ['/orders/7', '--token', tokenWith()],
      0,
      { decision: 'allow', code: 'allow', status: null, route: 'read', issuer: 'corp' },
    ],
    [['/open'], 0, { decision: 'allow', route: 'open', issuer: null, identity: {} }],
    [
      ['/orders/7'],
      3,
      { decision: 'refuse', code: 'token_missing', status: 401, route: 'read', identity: null },
    ],
    [
      ['/orders', '--token', tokenWith({ scope: 'x' })],
      3,
      { code: 'insufficient_scope', status: 403, issuer: 'corp' },
    ],
    [['/orders', '--token', tokenWith({ exp: NOW - 3600 })], 3, { code: 'token_expired', issuer: 'corp' }],
    [['/orders', '--token', tokenWith({ iss: 'https://corp.example/' })], 3, { code: 'issuer_unknown' }],
    [['/orders', '--token', tokenWith({ aud: 'other' })], 3, { code: 'audience_mismatch' }],
    [['/orders', '--token', `${tokenWith().slice(0, -8)}AAAAAAAA`], 3, { code: 'signature_invalid' }],
    [['/orders', '--token', 'opaque'], 3, { code: 'token_malformed' }],
    [
      ['/orders', '--method', 'POST', '--token', tokenWith()],
      3,
      { code: 'method_not_allowed', status: 405, route: null },
    ],
    [['/nowhere'], 3, { code: 'route_unknown', status: 404 }],
    [['//orders'], 3, { code: 'ambiguous_path', status: 400 }],
    [['/open', '--host', 'a@b'], 3, { code: 'bad_request' }],
    [['https://other.example/open?x=1'], 0, { route: 'open' }],
    [[`/users/${SECRET}`, '--token', tokenWith()], 0, { route: 'own' }],
    [['/users/8', '--token', tokenWith()], 3, { code: 'condition_failed' }],
    [['/tenant', '--token', tokenWith({ tenant: 'other' })], 3, { code: 'claim_mismatch' }],
    [
      ['/orders', '--header', 'Authorization: Bearer a', '--token', tokenWith()],
      3,
      { code: 'multiple_tokens' },
    ],
    [['/open', '--header', 'Upgrade: websocket'], 3, { code: 'upgrade_refused', status: 400, route: 'open' }],
    [['/open', '--header', 'Upgrade: h2c'], 0, { route: 'open' }],
    [
      ['/open', '--header', 'authorization: Bearer a', '--header', 'Authorization: Bearer b'],
      3,
      { code: 'multiple_tokens' },
    ],
  ];
  for (const [words, exit, expected] of table) {
    const response = await explain(...words);
    t.match({ ...response, exit: response.exit }, { exit, ...expected }, words.join(' ').slice(0, 90));
    t.equal(response.steps.at(-1).ok, exit === 0, 'the last step is the result');
    for (const step of response.steps) {
      t.strictSame(Object.keys(step), ['step', 'ok', 'expected', 'got', 'note']);
      if (!step.ok) t.ok(step.expected, `${step.step} names what it expects`);
    }
  }
});

t.test('claim values are hidden unless asked for', async (t) => {
  const token = tokenWith({ scope: `${SECRET}:x`, tenant: SECRET, roles: [SECRET] });
  for (const target of ['/orders', '/users/8', '/tenant', '/open']) {
    for (const format of ['text', 'json']) {
      const words = ['explain', ...offline, '--format', format, '--token', token, target];
      const { stdout } = await sealgate(words);
      t.notMatch(stdout, SECRET, `${target} ${format}`);
      t.notMatch(stdout, token.split('.')[1] as string);
    }
  }
  const elsewhere = ['/orders', '--token', tokenWith({ aud: `https://${SECRET}.example` })];
  const reasonOf = (response: { steps: { got: string }[] }) => response.steps.at(-1)?.got;
  t.equal(reasonOf(await explain(...elsewhere)), 'the token is for another audience, expected "api"');
  t.match(reasonOf(await explain(...elsewhere, '--show-claims')), SECRET);
  const shown = await explain('/orders', '--token', tokenWith(), '--show-claims');
  t.strictSame(shown.identity, {
    'x-user-id': SECRET,
    'x-user-issuer': 'https://corp.example',
    'x-user-scopes': 'orders:read',
  });
  t.strictSame(
    Object.values((await explain('/orders', '--token', tokenWith())).identity),
    Array(3).fill('(hidden)'),
  );
  const condition = await explain('/users/8', '--token', tokenWith(), '--show-claims');
  t.match(condition.steps.at(-1).got, `{"claims.sub":"${SECRET}","params.id":"8"}`);
});

t.test('the token comes from the line, a file or standard input, as people paste it', async (t) => {
  const more = await folderWith({ token: `\n  Bearer ${tokenWith()}\r\n` }, t);
  t.match(await explain('/orders', '--token-file', more('token')), { exit: 0 });
  t.match(await explain('/orders', '--token', `bearer  ${tokenWith()}`), { exit: 0 });
  for (const option of ['--token', '--token-file']) {
    const words = ['explain', ...offline, option, '-', '/orders'];
    t.match(await sealgate(words, `${tokenWith()}\n`), { code: 0 }, option);
    t.match(
      await sealgate(words, '\n'),
      { code: 1, stdout: '', stderr: 'standard input contains no token\n' },
      option,
    );
  }
});

t.test('an expired token is explained in one screen of text', async (t) => {
  const token = tokenWith({ exp: NOW - 3 * 3600 });
  const { code, stdout } = await sealgate(['explain', ...offline, '--token', token, '/orders']);
  t.equal(code, 3);
  t.match(stdout, /FAIL {2}times .*\n.*got: {6}expired 2 hours ago/);
  t.match(stdout, /Refused by route read: 401 token_expired/);
  t.match(stdout, /To change this: get a fresh token/);
  t.ok(stdout.split('\n').length <= 24);
});

t.test('what keeps the gate from deciding is reported, with exit code 1', async (t) => {
  const files = await folderWith(
    { 'bad.yaml': 'routes: []\n', 'nokeys.json': '{}', 'nojson.json': 'x', 'empty.json': '{"keys":[]}' },
    t,
  );
  const table: [string[], RegExp][] = [
    [['-c', files('missing.yaml'), '/'], /missing\.yaml:1:1: error: cannot read/],
    [['-c', files('bad.yaml'), '/'], /bad\.yaml:1:9: error/],
    [
      ['-c', path('gw.yaml'), '--jwks', files('nokeys.json'), '/orders', '--token', tokenWith()],
      /not a key set/,
    ],
    [['-c', path('gw.yaml'), '--jwks', files('nojson.json'), '/orders'], /not a key set/],
    [['-c', path('gw.yaml'), '--jwks', files('none.json'), '/orders'], /cannot read/],
    [['-c', path('gw.yaml'), '--token-file', files('none'), '/orders'], /cannot read/],
  ];
  for (const [words, message] of table) {
    const { code, stdout, stderr } = await sealgate(['explain', ...words]);
    t.equal(code, 1, words.join(' ').slice(0, 80));
    t.match(stderr, message);
    t.equal(stdout, '');
  }
  t.match(await explain('/orders', '--jwks', files('empty.json'), '--token', tokenWith()), {
    exit: 1,
    code: 'keys_unavailable',
  });
});

t.test('invalid arguments lead to the usage', async (t) => {
  for (const words of [
    [],
    ['/a', '--at', 'soon'],
    ['/a', '--header', 'nocolon'],
    ['/a', '--token', 'a', '--token-file', 'b'],
    ['/a', '/b'],
  ]) {
    const { code, stdout } = await sealgate(['explain', ...words]);
    t.strictSame([code, stdout], [2, ''], words.join(' '));
  }
});

t.test('keys are fetched from the issuer of the token alone, and only when they are needed', async (t) => {
  const server = await createKeyServer();
  t.teardown(() => server.close());
  server.publish(KEY);
  const live = await folderWith(
    {
      'gw.yaml': FILE.replaceAll('https://corp.example/keys', server.jwksUri).replace(
        'routes:',
        `  other: { issuer: https://other.example, jwksUri: "http://127.0.0.1:1/keys", audiences: [x] }\ndefaults: { issuers: [corp] }\nroutes:`,
      ),
    },
    t,
  );
  const words = ['explain', '-c', live('gw.yaml'), ...AT];
  t.equal((await sealgate([...words, '/open'])).code, 0);
  t.equal(
    (await sealgate([...words, '/orders', '--token', tokenWith({ iss: 'https://x.example' })])).code,
    3,
  );
  t.equal(server.requests.length, 0);
  t.equal((await sealgate([...words, '/orders', '--token', tokenWith()])).code, 0);
  t.equal(server.requests.length, 1);
});

t.test('shows the challenge of a refusal, where it has one', async (t) => {
  const lacking = tokenWith({ scope: 'x' });
  const table: readonly (readonly [words: string[], challenge: string | undefined])[] = [
    [['/orders'], 'Bearer realm="api.example.com", scope="orders:read"'],
    [
      ['/orders', '--token', lacking],
      'Bearer realm="api.example.com", error="insufficient_scope", error_description="The token lacks a required scope", scope="orders:read"',
    ],
    [
      ['/orders', '--token', tokenWith({ exp: NOW - 3600 })],
      'Bearer realm="api.example.com", error="invalid_token", error_description="The token has expired", scope="orders:read"',
    ],
    [
      ['/orders', '--header', 'content-type: application/grpc'],
      'Bearer realm="api.example.com", scope="orders:read"',
    ],
    [['/tenant', '--token', lacking], undefined],
    [['/users/other', '--token', lacking], undefined],
    [['/nothing'], undefined],
    [['/orders', '--method', 'PUT'], undefined],
  ];
  for (const [words, challenge] of table) {
    const { steps } = await explain(...words);
    const note = String(steps.at(-1).note);
    const name = words.join(' ').slice(0, 60);
    if (challenge === undefined) t.notMatch(note, /WWW-Authenticate|Bearer realm/, name);
    else t.ok(note.includes(`the response has WWW-Authenticate: ${challenge}; `), `${name}: ${note}`);
    const { stdout } = await sealgate(['explain', ...offline, ...words]);
    if (challenge === undefined) t.notMatch(stdout, /WWW-Authenticate|Bearer realm/, name);
    else t.ok(stdout.includes(`\n  WWW-Authenticate: ${challenge}\n`), name);
  }
});

t.test('the scopes of a token are in a cumulative challenge only when claims are shown', async (t) => {
  const folder = await folderWith(
    {
      'gw.yaml': FILE.replace('[orders:read] } }', '[orders:read] }, resource: { challenge: cumulative } }'),
      'keys.json': JSON.stringify(inPlace(KEY)),
    },
    t,
  );
  const words = ['-c', folder('gw.yaml'), '--jwks', folder('keys.json'), ...AT, '/orders', '--token'];
  const token = tokenWith({ scope: `${SECRET} offline_access` });
  const { stdout } = await sealgate(['explain', ...words, token]);
  const metadata = 'resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/orders"';
  t.match(stdout, `, scope="orders:read", ${metadata} (and in scope those that the token has)\n`);
  t.notMatch(stdout, SECRET);
  const shown = await sealgate(['explain', ...words, token, '--show-claims']);
  t.match(shown.stdout, `, scope="orders:read ${SECRET}", ${metadata}\n`);
  const none = await sealgate(['explain', ...words, tokenWith({ scope: undefined })]);
  t.match(none.stdout, `, scope="orders:read", ${metadata}\n`);
});
