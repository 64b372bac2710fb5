import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';

interface Packed {
  readonly filename: string;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

/** A file that every command can work with, on free ports. */
const FILE = `
listen: { port: 0 }
admin: { port: 0 }
issuers:
  corp: { issuer: https://corp.example, audiences: [api], jwksUri: http://127.0.0.1:9/keys }
upstreams:
  orders: { url: http://127.0.0.1:9 }
routes:
  - { name: status, path: /status, upstream: orders, access: public }
`;

// Not below this repository: npx would take its package.json for that of the folder.
const folder = mkdtempSync(join(tmpdir(), 'sealgate-package-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const empty = join(folder, 'empty');
mkdirSync(empty);
writeFileSync(join(empty, 'gateway.yaml'), FILE);
const npm = (...words: string[]): string =>
  execFileSync('npm', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
// Without scripts: they would build once more.
const [packed] = JSON.parse(
  npm('pack', '--json', '--ignore-scripts', '--pack-destination', empty),
) as readonly [Packed];
const file = packed.filename;
const paths = packed.files.map(({ path }) => path);

t.test('the package depends on nothing, and runs no script where it is installed', async (t) => {
  const description = JSON.parse(
    execFileSync('tar', ['-xOzf', join(empty, file), 'package/package.json'], { encoding: 'utf8' }),
  );
  for (const kind of ['dependencies', 'optionalDependencies', 'peerDependencies', 'bundleDependencies']) {
    t.notOk(kind in description, kind);
  }
  for (const script of ['preinstall', 'install', 'postinstall'])
    t.notOk(script in description.scripts, script);
  t.equal(description.engines.node, '>=20.19.0');
});

t.test(
  'the package has the program, its SBOM and licenses, and no tests, sources or source maps',
  async (t) => {
    for (const path of ['dist/main.js', 'dist/sbom.cdx.json', 'dist/THIRD-PARTY-LICENSES.txt', 'LICENSE']) {
      t.ok(paths.includes(path), path);
    }
    t.same(
      paths.filter((path) => !/^(?:dist|config)\/|^[A-Z]+(?:\.md)?$|^package\.json$/.test(path)),
      [],
    );
    t.same(
      paths.filter((path) => /\.map$|\.test\.|\.ts$|^dist\/executable/.test(path)),
      [],
    );
    t.ok(packed.unpackedSize < 9_000_000, `${packed.unpackedSize} bytes`);
  },
);

t.test('the package names no folder of the machine that built it', async (t) => {
  const texts = paths.filter((path) => path.startsWith('dist/')).map((path) => readFileSync(path, 'utf8'));
  t.notOk(texts.some((text) => text.includes(process.cwd())));
});

t.test('npx runs the packed file in an empty folder, without a network', async (t) => {
  // Offline, with an empty cache: a package that npm wanted would fail.
  const env = {
    ...process.env,
    npm_config_offline: 'true',
    npm_config_cache: join(folder, 'cache'),
    NO_COLOR: '1',
  };
  const words = (...more: string[]): string[] => ['--yes', `./${file}`, ...more];
  const run = (...more: string[]): string =>
    execFileSync('npx', words(...more), {
      cwd: empty,
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  t.equal(run('--version'), `${JSON.parse(readFileSync('package.json', 'utf8')).version}\n`);
  t.match(run('check', '-c', 'gateway.yaml'), 'valid');
  t.match(run('explain', '-c', 'gateway.yaml', '/status'), 'Allowed');
  t.match(JSON.parse(run('schema')), { type: 'object' });

  // As a group, so that the signal reaches the gateway behind npx, as Ctrl-C does.
  const child = spawn('npx', words('start', '-c', 'gateway.yaml'), {
    cwd: empty,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let seen = '';
  for await (const line of createInterface({ input: child.stdout })) {
    seen += `${line}\n`;
    if (line.includes('"msg":"listening"')) break;
  }
  t.match(seen, '"msg":"listening"');
  const exited = once(child, 'exit');
  process.kill(-(child.pid as number), 'SIGTERM');
  await exited;
  t.notOk(existsSync(join(empty, 'node_modules')), 'nothing is left in the folder');
});
