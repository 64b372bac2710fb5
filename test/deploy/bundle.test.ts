import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { builtGateway } from '../support/gateway/built-gateway.ts';

interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses: readonly { readonly license?: { readonly id: string }; readonly expression?: string }[];
}

const main = builtGateway();
const sbom = JSON.parse(readFileSync(join(dirname(main), 'sbom.cdx.json'), 'utf8')) as {
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
};
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  readonly packages: Readonly<
    Record<string, { readonly version: string; readonly dependencies?: Readonly<Record<string, string>> }>
  >;
};

t.test('the program runs without packages, from an empty folder', async (t) => {
  const run = (...words: string[]): string =>
    execFileSync(process.execPath, [main, ...words], { cwd: t.testdir(), encoding: 'utf8' });
  const example = join(process.cwd(), 'config/examples/contract.yaml');
  t.match(run('--version'), /^\d+\.\d+\.\d+\n$/);
  t.match(run('schema'), '"issuers"');
  t.match(run('check', '-c', example), /: valid/, 'with conditions, filters and test tokens');
});

t.test('a reader that closes early is not a failure', async (t) => {
  const child = spawn(process.execPath, [main, 'schema'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  t.equal(stderr, '');
  t.equal(code, 0);
});

/** The names in the first table of docs/decisions/README.md. */
function decidedPackages(): readonly string[] {
  const page = readFileSync('docs/decisions/README.md', 'utf8');
  const [, table = ''] = /## Dependencies at run time\n([\s\S]*?)\n## /.exec(page) ?? [];
  return table
    .split('\n')
    .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
}

/** The packages that these need, by the lock file. */
function neededBy(roots: readonly string[]): ReadonlySet<string> {
  const needed = new Set<string>();
  const visit = (name: string): void => {
    if (needed.has(name)) return;
    needed.add(name);
    for (const [path, { dependencies = {} }] of Object.entries(lock.packages)) {
      if (path.endsWith(`node_modules/${name}`)) Object.keys(dependencies).forEach(visit);
    }
  };
  roots.forEach(visit);
  return needed;
}

t.test('the SBOM names every package of the decisions, and only what these need', async (t) => {
  const decided = decidedPackages();
  t.ok(decided.length > 10);
  const names = new Set(sbom.components.map(({ name }) => name));
  t.same(
    decided.filter((name) => !names.has(name)),
    [],
  );
  const needed = neededBy(decided);
  for (const { name, version } of sbom.components) {
    t.ok(needed.has(name), `${name} belongs to a package of the decisions`);
    const locked = Object.entries(lock.packages).filter(([path]) => path.endsWith(`node_modules/${name}`));
    t.ok(
      locked.some(([, entry]) => entry.version === version),
      `${name} ${version} is in the lock file`,
    );
  }
});

t.test('every part has a package URL and a redistributable license', async (t) => {
  for (const { name, version, purl, licenses } of [sbom.metadata.component, ...sbom.components]) {
    t.equal(purl, `pkg:npm/${name.replace('@', '%40')}@${version}`);
    const spdx = licenses.map(({ license, expression }) => license?.id ?? expression).join(' ');
    t.match(spdx, /^(MIT|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|\(?[\w.-]+ (AND|OR) [\w.-]+\)?)$/, name);
  }
});

t.test('the licenses of all bundled packages are included', async (t) => {
  const texts = readFileSync(join(dirname(main), 'THIRD-PARTY-LICENSES.txt'), 'utf8').split('-'.repeat(80));
  t.equal(texts.length, sbom.components.length);
  for (const { name, version } of sbom.components) {
    const found = texts.find((one) => one.trim().startsWith(`${name} ${version} (`)) ?? '';
    // A few packages state their license in package.json only.
    t.ok(/copyright|permission|licen[cs]e/i.test(found) || found.trim().split('\n').length === 1, name);
  }
});
