import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { COMMANDS } from '../../src/cli/commands.ts';
import { runCli } from '../../src/cli/run.ts';
import { sealgate } from '../support/cli/cli.ts';

const FILE = `
upstreams: { app: { url: "http://127.0.0.1:1" } }
issuers: { corp: { issuer: https://corp.example, audiences: ["\${AUDIENCE}"], jwksUri: "http://127.0.0.1:1/keys" } }
routes: [{ name: NAME, path: /, upstream: app, access: public }]
`;

/** Commands that read the file and end by themselves. */
const READERS = [['check'], ['validate'], ['routes'], ['explain', '/'], ['keys']];

const home = process.cwd();
t.teardown(() => process.chdir(home));

/** Makes a folder with these files the current one. */
async function enter(t: Test, files: readonly string[]): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'sealgate-')));
  t.teardown(async () => {
    process.chdir(home);
    await rm(folder, { recursive: true, force: true });
  });
  await mkdir(join(folder, 'config'));
  for (const name of files)
    await writeFile(join(folder, name), FILE.replace('NAME', name.replace(/\W/g, '-')));
  await writeFile(join(folder, 'env'), 'AUDIENCE=api\n');
  process.chdir(folder);
  return folder;
}

/** Runs it as a pipe would see it, with these variables. */
async function run(words: readonly string[], env: Record<string, string> = {}) {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await runCli(words, COMMANDS, {
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
    env,
    isTTY: false,
  });
  return { code, out: out.join(''), err: err.join('') };
}

t.test('without a name, the file is gateway.yaml or config/gateway.yaml', async (t) => {
  for (const name of ['gateway.yaml', 'config/gateway.yaml']) {
    await enter(t, [name]);
    const { code, out } = await run(['routes'], { AUDIENCE: 'api' });
    t.equal(code, 0);
    t.match(out, name.replace(/\W/g, '-'));
  }
});

t.test('with both of them, or neither, every command asks for a name and exits 1', async (t) => {
  const table: [files: string[], message: RegExp][] = [
    [[], /neither gateway\.yaml nor config\/gateway\.yaml is here: name it with -c/],
    [
      ['gateway.yaml', 'config/gateway.yaml'],
      /both gateway\.yaml and config\/gateway\.yaml are here: name it with -c/,
    ],
  ];
  for (const [files, message] of table) {
    await enter(t, files);
    for (const words of [...READERS, ['start']]) {
      const { code, out, err } = await run(words, { AUDIENCE: 'api' });
      t.strictSame([code, out], [1, ''], words.join(' '));
      t.match(err, message);
    }
    if (files.length === 0) continue;
    t.equal((await run(['routes', '-c', 'gateway.yaml'], { AUDIENCE: 'api' })).code, 0, 'a name settles it');
    t.equal((await run(['routes'], { AUDIENCE: 'api', SEALGATE_CONFIG: 'config/gateway.yaml' })).code, 0);
  }
});

t.test('every command that reads the file takes --env-file', async (t) => {
  await enter(t, ['gateway.yaml']);
  for (const words of READERS) {
    t.match(await run(words), { code: 1 }, `${words[0]} without the variable`);
    t.match((await run(words)).out + (await run(words)).err, 'AUDIENCE');
    const { out, err } = await run([...words, '--env-file', 'env'], { AUDIENCE: '' });
    t.notMatch(out + err, 'AUDIENCE', `${words[0]} with it: the file goes before the environment`);
  }
  for (const { name, options } of COMMANDS) {
    if (Object.hasOwn(options, 'config')) t.ok(Object.hasOwn(options, 'env-file'), name);
  }
});

t.test('an --env-file that cannot be read is a problem of that file', async (t) => {
  await enter(t, ['gateway.yaml']);
  await writeFile('bad', 'A=1\nB\n');
  for (const words of [...READERS, ['start']]) {
    for (const [name, message] of [
      ['none', /none:1:1: error: cannot read/],
      ['bad', /bad:2:1: error: expected NAME=value/],
    ] as const) {
      const { code, out, err } = await run([...words, '--env-file', name]);
      t.equal(code, 1);
      t.match(out + err, message, words.join(' '));
    }
  }
  t.notOk(existsSync('none'));
});

t.test('start names the key of a port that is taken', async (t) => {
  await enter(t, ['gateway.yaml']);
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  t.teardown(() => holder.close());
  const { port } = holder.address() as { port: number };
  for (const [key, words] of [
    ['listen.port', ['--port', String(port), '--admin-port', '0']],
    ['admin.port', ['--port', '0', '--admin-port', String(port)]],
  ] as const) {
    const { code, err } = await run(['start', '--env-file', 'env', '--log-level', 'silent', ...words]);
    t.equal(code, 1);
    t.match(err, `cannot listen: ${key} ${port} on 127.0.0.1: another process listens there`);
  }
});

t.test('the shipped command names the alias, too', async (t) => {
  t.match(await sealgate(['help']), { code: 0, stdout: /check .*; also: validate/ });
});
