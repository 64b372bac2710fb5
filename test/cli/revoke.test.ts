import { execFile } from 'node:child_process';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import t, { type Test } from 'tap';
import { COMMANDS } from '../../src/cli/commands.ts';
import { runCli } from '../../src/cli/run.ts';
import { freePorts } from '../support/backends/ports.ts';
import { folderWith } from '../support/cli/cli.ts';
import { builtGateway } from '../support/gateway/built-gateway.ts';
import { startGateway } from '../support/gateway/gateway.ts';
import { makeCertificates } from '../support/tls/certificates.ts';
import { createKeyServer } from '../support/tokens/key-server.ts';
import { mint, signingKey } from '../support/tokens/mint.ts';

const TOKEN = 's3cret-of-the-admin-listener';
const KEY = signingKey('ES256');

async function revoke(
  words: readonly string[],
  env: Readonly<Record<string, string>> = { SEALGATE_ADMIN_TOKEN: TOKEN },
) {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCli(['revoke', ...words], COMMANDS, {
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
    env,
    isTTY: false,
  });
  return { code, out: out.join(''), err: err.join('') };
}

async function start(t: Test, admin = `token: ${TOKEN}`) {
  const issuer = await createKeyServer();
  issuer.publish(KEY);
  const gateway = await startGateway(`admin: { ${admin} }
issuers: { corp: { issuer: '${issuer.issuer()}', audiences: [api] } }
upstreams: { backend: { url: 'http://127.0.0.1:9' } }
routes:
  - { name: a, path: /a, upstream: backend, access: authenticated }
`);
  t.teardown(async () => {
    await gateway.close();
    await issuer.close();
  });
  const now = Math.floor(Date.now() / 1000);
  /** 502: it was let through, and there is no backend. */
  const get = async (claims: object): Promise<number> => {
    const token = mint(KEY, { iss: issuer.issuer(), aud: 'api', iat: now, exp: now + 600, ...claims });
    const response = await fetch(`${gateway.url}/a`, { headers: { authorization: `Bearer ${token}` } });
    await response.text();
    return response.status;
  };
  return { gateway, get, now };
}

async function listen(t: Test, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

t.test('a token, a session and a subject, revoked and taken back', async (t) => {
  const { gateway, get, now } = await start(t);
  const admin = ['--admin', gateway.adminUrl];
  const rows: readonly (readonly [string[], object, RegExp])[] = [
    [
      ['--jti', 'j1'],
      { sub: 'u', jti: 'j1' },
      /^revoked: the token with the jti "j1"; .*after `revocation\.keep`\n$/,
    ],
    [
      ['--sid', 's1', '--issuer', 'corp'],
      { sub: 'u', sid: 's1' },
      /^revoked: the tokens with the sid "s1" of issuer corp; /,
    ],
    [['--subject', 'ann'], { sub: 'ann' }, /^revoked: the tokens of the subject "ann", issued until now; /],
    [
      ['--subject', 'bob', '--before', new Date(now * 1000).toISOString(), '--until', String(now + 600)],
      { sub: 'bob' },
      /^revoked: the tokens of the subject "bob", issued until 20.*Z; the entry ends 20.*Z\n$/,
    ],
  ];
  for (const [words, claims, line] of rows) {
    t.equal(await get(claims), 502);
    const added = await revoke([...words, ...admin]);
    t.match(added, { code: 0, out: line, err: '' });
    t.equal(await get(claims), 401, words.join(' '));
    const undo = words.includes('--until') ? words.slice(0, -2) : words;
    t.match(await revoke([...undo, '--undo', ...admin]), {
      code: 0,
      out: /^taken back: .*no longer revoked\n$/,
    });
    t.equal(await get(claims), 502, 'taken back');
  }
  await revoke(['--subject', 'eve', '--before', String(now - 1), ...admin]);
  t.equal(await get({ sub: 'eve' }), 502, 'issued later');
});

t.test('what the gateway refuses is shown in its words', async (t) => {
  const { gateway, now } = await start(t);
  const admin = ['--admin', `${gateway.adminUrl}/`];
  const rows: readonly (readonly [string[], Readonly<Record<string, string>>, RegExp])[] = [
    [
      ['--jti', 'a', '--issuer', 'cop'],
      { SEALGATE_ADMIN_TOKEN: TOKEN },
      /not revoked: .*no such `issuer`; it has corp/,
    ],
    [['--jti', 'a', '--until', String(now - 9)], { SEALGATE_ADMIN_TOKEN: TOKEN }, /`until` has passed/],
    [
      ['--subject', 'a', '--before', String(now * 1000)],
      { SEALGATE_ADMIN_TOKEN: TOKEN },
      /looks like milliseconds/,
    ],
    [
      ['--jti', 'a', '--undo', '--issuer', 'x'],
      { SEALGATE_ADMIN_TOKEN: TOKEN },
      /not taken back: .*no such `issuer`/,
    ],
    [
      ['--jti', 'a'],
      { SEALGATE_ADMIN_TOKEN: 'an0ther' },
      /not the token of `admin\.token`.*SEALGATE_ADMIN_TOKEN/,
    ],
    [['--jti', 'a'], {}, /set SEALGATE_ADMIN_TOKEN to the token of `admin\.token`/],
    [['--jti', 'a'], { SEALGATE_ADMIN_TOKEN: 'two\nlines' }, /has a space, a line break/],
  ];
  for (const [words, env, message] of rows) {
    const { code, out, err } = await revoke([...words, ...admin], env);
    t.equal(code, 1, words.join(' '));
    t.match(err, message);
    t.equal(err.split('\n').length, 2, 'one line');
    t.equal(out, '');
    t.notMatch(err, env.SEALGATE_ADMIN_TOKEN ?? 'none', 'not the token');
  }
  const without = await start(t, '');
  const refused = await revoke(['--jti', 'a', '--admin', without.gateway.adminUrl]);
  t.match(refused, { code: 1, err: /set `admin\.token` in the file/ });
});

t.test('an address where no admin listener is', async (t) => {
  const [free] = await freePorts(1);
  const { gateway } = await start(t);
  const serve = (handler: RequestListener) => listen(t, createServer(handler));
  const certificates = makeCertificates();
  if (certificates === undefined) return void t.pass('openssl is not installed');
  const elsewhere = await serve((_req, res) => res.end('hello'));
  let followed = 0;
  const other = await serve((_req, res) => {
    followed += 1;
    res.writeHead(204).end();
  });
  const moved = await serve((_req, res) => {
    res.writeHead(307, { location: `http://127.0.0.1:${other}/revocations` }).end();
  });
  const tls = await listen(
    t,
    createTlsServer(certificates, (_req, res) => res.end()),
  );
  const rows: readonly (readonly [string, RegExp])[] = [
    [gateway.url, /at http.* the gateway serves requests; name its admin listener with --admin/],
    [`http://127.0.0.1:${elsewhere}`, /responded with 200: is that the admin listener/],
    [`http://127.0.0.1:${moved}`, /responded with 307/],
    [`http://127.0.0.1:${tls}`, /cannot be reached.*is it https:\?/],
    [`https://127.0.0.1:${tls}`, /not trusted|self-signed/],
    [`https://127.0.0.1:${elsewhere}`, /cannot be reached.*is it http:\?/],
    [`http://127.0.0.1:${free}`, /nothing listens at 127\.0\.0\.1:\d+ .*`admin\.port`/],
  ];
  for (const [admin, message] of rows) {
    const { code, err } = await revoke(['--jti', 'a', '--admin', admin]);
    t.equal(code, 1, admin);
    t.match(err, message);
    t.notMatch(err, TOKEN);
  }
  t.equal(followed, 0, 'the token is sent nowhere else');
});

t.test('usage', async (t) => {
  const rows: readonly (readonly [string[], RegExp])[] = [
    [[], /name exactly one of --jti, --sid and --subject/],
    [['--jti', 'a', '--sid', 'b'], /name exactly one/],
    [['--jti', ''], /--jti takes a text/],
    [['--jti', 'a', '--issuer', ''], /--issuer takes a text/],
    [['--jti', 'a', '--before', '1'], /--before goes with --subject/],
    [['--subject', 'a', '--before', 'soon'], /--before takes a time such as/],
    [['--jti', 'a', '--until', ''], /--until takes a time such as/],
    [['--jti', 'a', '--until', '9', '--undo'], /--until does not go with --undo/],
    [['--jti', 'a', '--admin', 'localhost:9090'], /--admin takes a URL/],
    [['--jti', 'a', '--admin', 'http://u:p@127.0.0.1'], /--admin takes a URL/],
    [['--jit', 'a'], /unknown option "--jit", did you mean `--jti`/],
    [['a'], /unexpected argument "a"/],
  ];
  for (const [words, message] of rows) {
    const { code, err } = await revoke(words);
    t.equal(code, 2, words.join(' '));
    t.match(err, message);
    t.match(err, 'Usage: sealgate revoke', 'with the help');
  }
});

t.test('the built command, with the token in a file', async (t) => {
  const { gateway, get } = await start(t);
  const file = await folderWith({ 'admin.env': `SEALGATE_ADMIN_TOKEN='${TOKEN}'\n`, 'bad.env': 'what\n' }, t);
  const run = (name: string) =>
    new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
      const words = ['revoke', '--jti', 'b', '--admin', gateway.adminUrl, '--env-file', file(name)];
      execFile(process.execPath, [builtGateway(), ...words], (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      );
    });
  t.match(await run('admin.env'), { code: 0, stdout: /^revoked: .*\n$/, stderr: '' });
  t.equal(await get({ sub: 'u', jti: 'b' }), 401);
  t.match(await run('bad.env'), { code: 1, stderr: /expected NAME=value/ });
});
