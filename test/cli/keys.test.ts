import { appendFile, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { COMMANDS } from '../../src/cli/commands.ts';
import { runCli } from '../../src/cli/run.ts';
import { createKeyServer, type KeyServer } from '../support/tokens/key-server.ts';
import { signingKey } from '../support/tokens/mint.ts';

const good = signingKey('ES256', { kid: 'good' });
const enc = signingKey('RS256', { kid: 'enc', members: { use: 'enc', alg: 'RSA-OAEP' } });
const weak = signingKey('RS256', { kid: 'weak', bits: 1024 });

async function serverOf(t: Test): Promise<KeyServer> {
  const server = await createKeyServer();
  t.teardown(() => server.close());
  server.publish(good, enc);
  return server;
}

async function fileOf(issuers: string, upstream = 'http://127.0.0.1:1'): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'sealgate-')), 'gateway.yaml');
  const routes = `routes: [{ name: r, path: /, upstream: '${upstream}', access: public }]`;
  await writeFile(file, `issuers:\n${issuers}\n${routes}\n`);
  return file;
}

async function run(words: readonly string[]) {
  let stdout = '';
  let stderr = '';
  const io = {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    env: {},
    isTTY: false,
  };
  return { code: await runCli(words, COMMANDS, io), stdout, stderr };
}

const issuerLine = (name: string, issuer: string, more = '') =>
  `  ${name}: { issuer: '${issuer}', audiences: [a]${more} }`;

t.test('keys lists each key with what becomes of it', async (t) => {
  const server = await serverOf(t);
  server.headers = { 'cache-control': 'max-age=300' };
  const file = await fileOf(issuerLine('corp', server.issuer('/a')));
  const { code, stdout } = await run(['keys', '-c', file]);
  t.equal(code, 0, 'a key that is not for signatures is skipped, not broken');
  t.match(stdout, `corp  ${server.issuer('/a')}`);
  t.match(stdout, /keys {3}http:\S+\/a\/keys \(by metadata\)/);
  t.match(stdout, /cache {2}max-age=300/);
  t.match(stdout, /clock {2}agrees with this machine's/);
  t.match(stdout, /good {4}EC {4}ES256 +sig {2}256 {3}usable\n/);
  t.match(stdout, /enc {5}RSA {3}RSA-OAEP {2}enc {2}2048 {2}skipped: not for signatures \(`use`\)\n/);
});

t.test('keys as JSON', async (t) => {
  const server = await serverOf(t);
  server.publish(good, weak);
  server.headers = { date: new Date(Date.now() + 120_000).toUTCString() };
  const file = await fileOf(issuerLine('corp', server.issuer()));
  const { code, stdout } = await run(['keys', '-c', file, '--format', 'json', 'corp']);
  t.equal(code, 1, 'a broken key');
  t.match(JSON.parse(stdout), {
    issuers: [
      {
        name: 'corp',
        ok: false,
        keysFrom: 'metadata',
        jwksUri: server.jwksUri,
        cacheControl: null,
        keys: [
          { kid: 'good', state: 'usable', bits: 256, reason: null },
          { kid: 'weak', state: 'broken', bits: 1024, reason: /below 2048/ },
        ],
        problems: [{ severity: 'error' }, { severity: 'warning', message: /clock/ }],
      },
    ],
  });
});

t.test('keys of issuers that cannot be reached, or have none', async (t) => {
  const server = await serverOf(t);
  const file = await fileOf(
    [
      issuerLine('dead', 'https://a.example', ", jwksUri: 'http://127.0.0.1:1/keys'"),
      issuerLine('well', server.issuer()),
    ].join('\n'),
  );
  const all = await run(['keys', '-c', file]);
  t.equal(all.code, 1);
  t.match(all.stdout, /error: http:\/\/127\.0\.0\.1:1\/keys: .*ECONNREFUSED/);
  t.equal((await run(['keys', '-c', file, 'well'])).code, 0, 'one by its name');
  const unknown = await run(['keys', '-c', file, 'wel']);
  t.equal(unknown.code, 1);
  t.match(unknown.stderr, /unknown issuer "wel", did you mean "well"\?/);
  server.publish(enc);
  t.match((await run(['keys', '-c', file, 'well'])).stdout, /no usable key: every token/);
  server.metadataMode = 'wrong-issuer';
  t.match((await run(['keys', '-c', file, 'well'])).stdout, /its issuer is not the configured one/);
});

t.test('what keeps the keys from being found leads to what can be done about it', async (t) => {
  const rows: readonly [prepare: (server: KeyServer) => void, message: RegExp, hint: RegExp][] = [
    [
      (server) => (server.metadataMode = 'missing'),
      /no metadata: /,
      /give `jwksUri` if its metadata is not below/,
    ],
    [(server) => (server.metadataMode = 'redirect'), /redirects are refused/, /as `jwksUri`/],
    [
      (server) => (server.metadataMode = 'wrong-issuer'),
      /not the configured one/,
      /write `issuer` as the tokens/,
    ],
    [(server) => (server.metadataMode = 'http-keys'), /jwks_uri is not https/, /as `jwksUri`/],
    [(server) => (server.mode = 'forbidden'), /responded with 403/, /with `keys.headers`/],
  ];
  for (const [prepare, message, hint] of rows) {
    const server = await serverOf(t);
    prepare(server);
    const file = await fileOf(issuerLine('corp', server.issuer('/a')));
    const { stdout } = await run(['keys', '-c', file]);
    t.match(stdout, message);
    t.match(stdout, new RegExp(`hint: .*${hint.source}`));
    t.match((await run(['check', '--online', '-c', file])).stdout, new RegExp(`hint: .*${hint.source}`));
  }
});

t.test(
  'reports that keys.headers are not sent to another host, even when that host serves the keys',
  async (t) => {
    const server = await serverOf(t);
    server.keysUri = server.jwksUri.replace('127.0.0.1', 'localhost');
    const file = await fileOf(issuerLine('corp', server.issuer(), ', keys: { headers: { x-secret: hush } }'));
    const { code, stdout } = await run(['keys', '-c', file]);
    t.equal(code, 0);
    t.match(
      stdout,
      /warning: `keys.headers` are not sent to http:\/\/localhost:\d+, which only the metadata names/,
    );
    t.match(stdout, /hint: give this address as `jwksUri`/);
  },
);

t.test('what a provider sends cannot move the cursor', async (t) => {
  const server = await serverOf(t);
  server.publish(signingKey('ES256', { kid: '\u001b[2Jevil' }));
  const { stdout } = await run(['keys', '-c', await fileOf(issuerLine('corp', server.issuer()))]);
  t.match(stdout, '\\u001b[2Jevil');
  t.notOk(stdout.includes('\u001b'));
});

t.test('a bad file leads to no request', async (t) => {
  const server = await serverOf(t);
  const file = await fileOf(issuerLine('corp', server.issuer(), ', nonsense: 1'));
  const { code, stdout, stderr } = await run(['keys', '-c', file]);
  t.same([code, stdout], [1, '']);
  t.match(stderr, /gateway\.yaml:2:\d+: error: /);
  t.equal(server.asked.length, 0);
});

t.test('check --online asks issuers and backends', async (t) => {
  const server = await serverOf(t);
  const well = await fileOf(issuerLine('corp', server.issuer()), server.origin);
  const found = await run(['check', '--online', '-c', well]);
  t.equal(found.code, 0);
  t.match(
    found.stdout,
    /gateway\.yaml:2:\d+: note: issuers\.corp\.issuer: the metadata is valid, and the keys are at http:\S+\/keys: 1 usable/,
  );
  t.match(found.stdout, /gateway\.yaml:3:\d+: note: routes\[0\]\.upstream: the backend accepts connections/);
  t.same(server.asked, ['/.well-known/openid-configuration', '/keys'], 'backends are sent nothing');
  server.mode = 'html';
  const sick = await fileOf(issuerLine('corp', server.issuer()));
  const { code, stdout } = await run(['check', '--online', '-c', sick]);
  t.equal(code, 1);
  t.notMatch(stdout, /the keys are at|accepts connections/);
  t.match(stdout, /gateway\.yaml:2:\d+: error: .*\/keys: the response is not a JSON object/);
  t.match(
    stdout,
    /gateway\.yaml:3:\d+: error: routes\[0\]\.upstream: the backend cannot be reached at http:\/\/127\.0\.0\.1:\d+: the connection was refused\n +hint: start the backend/,
  );
  t.equal((await run(['check', '-c', sick])).code, 0, 'without it nothing is asked');
});

t.test("check --online runs the file's tests, too", async (t) => {
  const server = await serverOf(t);
  const file = await fileOf(issuerLine('corp', server.issuer()), server.origin);
  await appendFile(file, 'tests: [{ name: wrong, request: GET /, expect: token_missing }]\n');
  const { code, stdout } = await run(['check', '--online', '-c', file]);
  t.equal(code, 1);
  t.match(stdout, /failed: test "wrong": expected token_missing, got allow/);
});

t.test('the keys of security events, too', async (t) => {
  const server = await serverOf(t);
  const transmitter = await serverOf(t);
  transmitter.publish(signingKey('ES256', { kid: 'of-events' }, 'events'));
  const events = `, events: { issuer: 'https://ssf.example.com', jwksUri: '${transmitter.jwksUri}', audience: e }`;
  const file = await fileOf(issuerLine('corp', server.issuer('/a'), events), server.origin);
  const { code, stdout } = await run(['keys', '-c', file]);
  t.equal(code, 0);
  t.match(stdout, /\ncorp events {2}https:\/\/ssf\.example\.com\n {2}keys {3}http:\S+\/keys \(by jwksUri\)/);
  t.match(stdout, /of-events +EC/);
  const online = await run(['check', '--online', '-c', file]);
  t.match(online.stdout, /note: issuers\.corp\.events\.jwksUri: the keys are at http:\S+\/keys: 1 usable/);
  transmitter.mode = 'error';
  t.equal((await run(['keys', '-c', file])).code, 1);
  t.match((await run(['check', '--online', '-c', file])).stdout, /error: issuers\.corp\.events\.jwksUri: /);
});
