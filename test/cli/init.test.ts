import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { COMMANDS } from '../../src/cli/commands.ts';
import { runCli } from '../../src/cli/run.ts';
import { PRESETS } from '../../src/config/schema/config.ts';
import { folderWith, sealgate } from '../support/cli/cli.ts';
import { createKeyServer } from '../support/tokens/key-server.ts';
import { signingKey } from '../support/tokens/mint.ts';

const MAIN = resolve('dist/main.js');
const UPSTREAM = ['--upstream', 'http://127.0.0.1:3000'];
const TENANT = '9122040d-6c67-4c5b-b112-36a304b66dad';
/** No test asks a real provider: this proxy, which everything but loopback is asked through, is closed. */
const OFFLINE = { HTTPS_PROXY: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9' };

/** Runs `sealgate init` with these replies, or as without a terminal. */
async function init(t: Test, words: readonly string[], replies?: readonly string[]) {
  const inFolder = await folderWith({}, t);
  const file = inFolder('gateway.yaml');
  const [out, err, asked]: [string[], string[], string[]] = [[], [], []];
  const left = [...(replies ?? [])];
  const code = await runCli(['init', '-o', file, ...words], COMMANDS, {
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
    env: OFFLINE,
    isTTY: false,
    ...(replies !== undefined && {
      ask: async (question: string) => {
        asked.push(question);
        return left.shift();
      },
    }),
  });
  const text = existsSync(file) ? await readFile(file, 'utf8') : undefined;
  return { code, out: out.join(''), err: err.join(''), asked, text, file };
}

const FILES: [preset: string, words: string[], issuer: object][] = [
  [
    'okta',
    ['--issuer', 'acme.okta.com'],
    { issuer: 'https://acme.okta.com/oauth2/default', audiences: ['api://default'] },
  ],
  [
    'auth0',
    ['--issuer', 'acme.eu.auth0.com', '--audience', 'https://api.acme'],
    { issuer: 'https://acme.eu.auth0.com/' },
  ],
  [
    'auth0',
    ['--issuer', 'https://acme.eu.auth0.com', '--audience', 'https://api.acme'],
    { issuer: 'https://acme.eu.auth0.com/' },
  ],
  [
    'keycloak',
    ['--issuer', 'https://sso.acme.com/realms/acme/', '--audience', 'orders'],
    { issuer: 'https://sso.acme.com/realms/acme' },
  ],
  [
    'cognito',
    ['--issuer', 'eu-central-1_a1b2c3d4e', '--audience', '4q3bl2l0'],
    { userPool: 'eu-central-1_a1b2c3d4e' },
  ],
  ['entra', ['--issuer', TENANT, '--audience', 'api://orders'], { tenant: TENANT }],
  [
    'entra-multitenant',
    ['--issuer', `${TENANT}, 1${TENANT.slice(1)}`, '--audience', 'api://orders'],
    { tenants: [TENANT, `1${TENANT.slice(1)}`] },
  ],
  [
    'google',
    ['--audience', '123-abc.apps.googleusercontent.com'],
    { audiences: ['123-abc.apps.googleusercontent.com'] },
  ],
  ['google-iap', ['--audience', '/projects/1/apps/acme'], { audiences: ['/projects/1/apps/acme'] }],
  [
    'cloudflare-access',
    ['--issuer', 'acme', '--audience', '4714c1358e65'],
    { team: 'acme', audiences: ['4714c1358e65'] },
  ],
  ['firebase', ['--issuer', 'acme-1a2b'], { project: 'acme-1a2b', audiences: ['acme-1a2b'] }],
  ['github-actions', ['--issuer', 'acme/orders'], { audiences: ['https://github.com/acme'] }],
  [
    'kubernetes',
    ['--issuer', 'https://oidc.eks.eu-central-1.amazonaws.com/id/A1', '--audience', 'orders'],
    { audiences: ['orders'] },
  ],
  [
    'none',
    ['--issuer', 'https://login.acme.com', '--audience', '$' + '{HOME}: "#'],
    { audiences: ['$$' + '{HOME}: "#'] },
  ],
];

for (const [preset, words, issuer] of FILES) {
  t.test(
    `a file for ${words.join(' ') || preset} (${preset}) passes check --strict, with its tests`,
    async (t) => {
      const { code, out, err, text = '', file } = await init(t, ['--preset', preset, ...UPSTREAM, ...words]);
      t.strictSame([code, err], [0, '']);
      t.match(parse(text).issuers.main, { ...issuer, ...(preset !== 'none' && { preset }) });
      t.match(text, /^# yaml-language-server: \$schema=\.\/gateway\.schema\.json\n/);
      t.match(out, /wrote .*gateway\.yaml, and .*gateway\.schema\.json for editors\n/);
      t.match(out, /not checked online: .*\n(?: +hint: .*\n)? +again: sealgate check --online -c /);
      t.match(out, /\n\nNext: sealgate start -c .*gateway\.yaml\n$/);
      const checked = await sealgate(['check', '--strict', '--format', 'json', '-c', file]);
      const { problems, tests } = JSON.parse(checked.stdout);
      t.strictSame(problems, []);
      t.ok(tests.length >= 3 && tests.every(({ ok }: { ok: boolean }) => ok));
    },
  );
}

t.test('every preset has a file here', async (t) => {
  t.same(new Set(FILES.map(([preset]) => preset)), new Set([...PRESETS, 'none']));
});

const REFUSED: [words: string[], problem: RegExp][] = [
  [[], /without a terminal .*: --preset or --issuer, --audience, --upstream\n/],
  [['--preset', 'okta'], /needed: --issuer \(.*\), --upstream \(the URL of your API\)\n/],
  [
    ['--preset', 'auth0', '--issuer', 'a.eu.auth0.com', ...UPSTREAM],
    /needed: --audience \(identifier of your API/,
  ],
  [['--issuer', 'https://acme.okta.com/oauth2/aus1', ...UPSTREAM], /needed: --audience/],
  [
    ['--preset', 'google', '--issuer', 'https://x.example', '--audience', 'a', ...UPSTREAM],
    /only one issuer of Google/,
  ],
  [
    ['--preset', 'entra', '--issuer', 'common', '--audience', 'a', ...UPSTREAM],
    /--issuer: common stands for every tenant/,
  ],
  [
    ['--preset', 'entra', '--issuer', 'acme.com', '--audience', 'a', ...UPSTREAM],
    /--issuer: the tenant is not the GUID/,
  ],
  [
    ['--preset', 'entra-multitenant', '--issuer', 'any', '--audience', 'a', ...UPSTREAM],
    /--issuer: the tenant is not the GUID/,
  ],
  [
    ['--preset', 'cognito', '--issuer', 'pool', '--audience', 'a', ...UPSTREAM],
    /--issuer: not a valid `userPool` .*eu-central-1_/,
  ],
  [['--preset', 'github-actions', '--issuer', 'acme', ...UPSTREAM], /--issuer: a repository is OWNER\/NAME/],
  [
    ['--preset', 'keycloak', '--issuer', 'sso.acme.com', '--audience', 'a', ...UPSTREAM],
    /--issuer: an `iss` of Keycloak ends/,
  ],
  [
    ['--preset', 'kubernetes', '--issuer', 'https://kubernetes.default.svc', '--audience', 'a', ...UPSTREAM],
    /many clusters share this issuer/,
  ],
  [
    ['--preset', 'firebase', '--issuer', 'acme-1', '--audience', 'b', ...UPSTREAM],
    /--audience: tokens of Firebase name the project id/,
  ],
  [
    ['--issuer', 'http://login.acme.com', '--audience', 'a', ...UPSTREAM],
    /--issuer: the issuer must be https/,
  ],
  [
    ['--issuer', 'https://u:p@login.acme.com', '--audience', 'a', ...UPSTREAM],
    /--issuer: the URL of an issuer holds no password/,
  ],
  [
    ['--issuer', 'https://a.example/.well-known/openid-configuration', '--audience', 'a', ...UPSTREAM],
    /what comes before \/\.well-known\//,
  ],
  [
    ['--issuer', 'https://a.example', '--audience', 'any', ...UPSTREAM],
    /--audience: `any` would accept tokens made for other APIs/,
  ],
  [
    ['--issuer', 'https://a.example', '--audience', 'a', '--upstream', 'localhost:3000'],
    /--upstream: a backend is an http: or https: URL/,
  ],
];

for (const [words, problem] of REFUSED) {
  t.test(`"init ${words.join(' ')}" writes nothing`, async (t) => {
    const { code, out, err, text, file } = await init(t, words);
    t.strictSame([code, out, text], [1, '', undefined]);
    t.match(err, problem);
    t.notOk(existsSync(join(file, '../gateway.schema.json')));
  });
}

t.test('on a terminal it asks for what is missing, again where a reply does not fit', async (t) => {
  const {
    code,
    asked,
    err,
    text = '',
  } = await init(
    t,
    [],
    ['oktta', 'https://acme.okta.com', '1', 'http://acme.okta.com', 'acme.okta.com', '', 'nowhere', ''],
  );
  t.equal(code, 0);
  t.match(err, /"oktta" is not in the list, did you mean `okta`\?/);
  t.match(err, /the issuer must be https/);
  t.match(err, /a backend is an http: or https: URL/);
  t.equal(asked.length, 8);
  t.match(asked[5], 'Audience of the authorization server [api://default]: ');
  t.match(parse(text), {
    issuers: { main: { preset: 'okta', audiences: ['api://default'] } },
    upstreams: { api: { url: 'http://127.0.0.1:3000' } },
  });
});

t.test('nothing is written where a question is left', async (t) => {
  for (const replies of [[], ['okta'], ['okta', 'acme.okta.com'], ['okta', 'acme.okta.com', '']]) {
    const { code, err, text } = await init(t, [], replies);
    t.strictSame([code, text], [1, undefined]);
    t.match(err, /nothing was written\n$/);
  }
});

t.test('an existing file stays, without --force', async (t) => {
  const inFolder = await folderWith({ 'gateway.yaml': 'mine\n' }, t);
  const file = inFolder('gateway.yaml');
  const words = ['init', '--issuer', 'http://127.0.0.1:9', '--audience', 'a', ...UPSTREAM, '-o', file];
  t.match(await sealgate(words), {
    code: 1,
    stdout: '',
    stderr: /exists: write another one with -o, or replace it with --force/,
  });
  t.equal(await readFile(file, 'utf8'), 'mine\n');
  t.match(await sealgate([...words, '--force']), { code: 0 });
  t.match(await readFile(file, 'utf8'), 'http://127.0.0.1:9');
});

t.test(
  'the schema line names the schema of an installed package, and a schema that is there stays',
  async (t) => {
    const inFolder = await folderWith({ 'gateway.schema.json': '{}' }, t);
    const words = ['init', '--issuer', 'http://127.0.0.1:9', '--audience', 'a', ...UPSTREAM, '--force', '-o'];
    t.equal((await sealgate([...words, inFolder('gateway.yaml')])).code, 0);
    t.equal(await readFile(inFolder('gateway.schema.json'), 'utf8'), '{}');
    await mkdir(inFolder('node_modules/sealgate/config'), { recursive: true });
    await mkdir(inFolder('config'));
    await writeFile(inFolder('node_modules/sealgate/config/gateway.schema.json'), '{}');
    for (const [file, line] of [
      ['gateway.yaml', './node_modules/sealgate/config/gateway.schema.json'],
      ['config/gateway.yaml', '../node_modules/sealgate/config/gateway.schema.json'],
    ] as const) {
      t.equal((await sealgate([...words, inFolder(file)])).code, 0);
      t.match(await readFile(inFolder(file), 'utf8'), `# yaml-language-server: $schema=${line}\n`);
    }
  },
);

t.test('a provider that responds is checked online', async (t) => {
  const provider = await createKeyServer();
  t.teardown(() => provider.close());
  provider.publish(signingKey('ES256'));
  const { code, out } = await init(t, ['--issuer', provider.issuer(), '--audience', 'a', ...UPSTREAM]);
  t.equal(code, 0);
  t.match(out, `provider: 1 usable key at ${provider.issuer()}`);
});

t.test('a file that cannot be written is named', async (t) => {
  const inFolder = await folderWith({}, t);
  const words = ['init', '--issuer', 'http://127.0.0.1:9', '--audience', 'a', ...UPSTREAM];
  const { code, stderr } = await sealgate([...words, '-o', inFolder('none/gateway.yaml')]);
  t.equal(code, 1);
  t.match(stderr, /cannot write .*none\/gateway\.yaml: /);
});

t.test(
  'on a pseudo-terminal the shipped command asks, and a written file can be checked as it suggests',
  async (t) => {
    const inFolder = await folderWith({}, t);
    const cwd = inFolder('.');
    const child = execFile('script', ['-qec', `${process.execPath} ${MAIN} init`, '/dev/null'], {
      cwd,
      env: { ...process.env, ...OFFLINE },
    });
    let seen = '';
    child.stdout?.on('data', (data: string) => {
      seen += data;
    });
    // Typed ahead, as when they are pasted.
    child.stdin?.write('none\nhttp://127.0.0.1:9\norders\n\n');
    const code = await new Promise((resolve) => child.once('exit', resolve));
    t.equal(code, 0, seen);
    t.match(seen, /Next: sealgate start\r?\n/);
    t.match(await readFile(join(cwd, 'gateway.yaml'), 'utf8'), 'orders');
  },
);
