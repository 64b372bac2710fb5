import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import t, { type Test } from 'tap';
import { parse, stringify } from 'yaml';
import { folderWith, sealgate } from '../../support/cli/cli.ts';

/* Errors of the schema, of rules and of conditions, and the file's own tests: one run names them all. */

interface Report {
  readonly valid: boolean;
  readonly problems: readonly { severity: string; path: string; line: number; message: string }[];
  readonly tests: readonly { name: string; ok: boolean; expected: string; got: string }[];
}

async function check(t: Test, text: string): Promise<Report & { readonly text: string }> {
  const path = await folderWith({ 'gateway.yaml': text }, t);
  const json = await sealgate(['check', '-c', path('gateway.yaml'), '--format', 'json']);
  const plain = await sealgate(['check', '-c', path('gateway.yaml')]);
  t.equal(json.stderr, '');
  return { ...(JSON.parse(json.stdout) as Report), text: plain.stdout };
}

const errors = ({ problems }: Report) =>
  problems.filter(({ severity }) => severity === 'error').map(({ path }) => path);

const FILE = `lisen: {}
log: { level: loud }
issuers:
  corp: { issuer: https://id.example.com, audiences: [api] }
  other: { issuer: https://other.example.com, audiences: [api], preset: oktta }
defaults: { issuers: [corp] }
routes:
  - { name: a, path: /a, upstream: http://u, access: { scopes: [read] } }
  - { name: b, path: /b, upstream: nowhere, access: authenticated }
  - { name: c, path: /c, upstream: http://u, access: { when: "claims.sub ==" } }
  - { name: d, path: /d, upstream: http://u, access: { policy: p } }
policies:
  p: { when: "nonsense(claims)" }
tests:
  - { name: reads, token: { scopes: [read], issuer: corp }, request: GET /a, expect: allow }
  - { name: fails, token: { issuer: corp }, request: GET /a, expect: allow }
  - { name: of a broken route, token: { issuer: corp }, request: GET /c, expect: allow }
  - { name: of a broken policy, token: { issuer: corp }, request: GET /d, expect: allow }
  - { name: of a broken issuer, token: { issuer: other }, request: GET /a, expect: allow }
  - { name: nowhere, request: GET /nowhere, expect: route_unknown }
`;

t.test('schema, rules, conditions and tests are reported together', async (t) => {
  const report = await check(t, FILE);
  t.equal(report.valid, false);
  t.same(errors(report), [
    'lisen',
    'log.level',
    'issuers.other.preset',
    'routes[1].upstream',
    'routes[2].access.when',
    'policies.p.when',
  ]);
  t.same(
    report.tests.map(({ name, ok }) => [name, ok]),
    [
      ['reads', true],
      ['fails', false],
      ['nowhere', true],
    ],
  );
  t.match(report.text, /failed: test "fails": expected allow, got insufficient_scope/);
  t.match(report.text, /not valid, 6 errors, 1 of 3 tests failed, 3 tests not run\n$/);
});

t.test('a test does not run where its route may be missing', async (t) => {
  const text = FILE.replace('path: /b', 'path: "/{id}"');
  const report = await check(t, text);
  t.ok(errors(report).includes('routes[1].path'));
  t.same(report.tests, []);
  t.match(report.text, /6 tests not run\n$/);
});

t.test('places are those of the file, also behind what was left out', async (t) => {
  const text = FILE.replace('path: /a', 'path: a');
  const report = await check(t, text);
  t.same(
    report.problems.filter(({ severity }) => severity === 'error').map(({ path, line }) => [path, line]),
    [
      ['lisen', 1],
      ['log.level', 2],
      ['issuers.other.preset', 5],
      ['routes[0].path', 8],
      ['routes[1].upstream', 9],
      ['routes[2].access.when', 10],
      ['policies.p.when', 13],
    ],
  );
});

t.test('what has no error is looked at further, whatever lacks beside it', async (t) => {
  const file = (upstream: string, more: string) => `issuers:
  corp: { issuer: https://id.example.com, audiences: [api] }
routes:
  - { name: a, path: /a, upstream: ${upstream}, access: { when: "claims.sub ==" } }
  - { name: b, path: /b, upstream: http://u, access: authenticated }
tests: [{ name: b, request: GET /b, expect: token_missing }]
${more}`;
  const unknown = await check(t, file('nowhere', ''));
  t.same(errors(unknown), ['routes[0].upstream', 'routes[0].access.when']);
  t.match(unknown.tests, [{ name: 'b', ok: true }]);
  const broken = await check(t, file('app', 'upstreams: { app: ftp }\n'));
  t.same(errors(broken), ['routes[0].access.when', 'upstreams.app']);
  t.match(broken.tests, [{ name: 'b', ok: true }]);
});

t.test('a file that is no YAML is one problem', async (t) => {
  const report = await check(t, 'routes: [\n');
  t.equal(report.problems.length, 1);
  t.same(report.tests, []);
});

/** Every place of plain data. */
function* places(value: unknown, path: readonly string[] = []): Generator<readonly string[]> {
  if (path.length > 0) yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, item] of Object.entries(value)) yield* places(item, [...path, key]);
}

function replaced(value: unknown, path: readonly string[], by: unknown): unknown {
  const copy = structuredClone(value);
  let inside = copy as Record<string, unknown>;
  for (const step of path.slice(0, -1)) inside = inside[step] as Record<string, unknown>;
  inside[path.at(-1) as string] = by;
  return copy;
}

t.test('check ends with a report, whatever value is in whichever place', async (t) => {
  const root = resolve(import.meta.dirname, '../../..');
  const text = await readFile(resolve(root, 'config/examples/contract.yaml'), 'utf8');
  // Making an RSA key for each run would be most of the work.
  const whole: unknown = parse(text.replace('[RS256]', '[ES256]'));
  const odd = [null, -1, '', '{x}', 'http://', [], {}];
  // One place in eight, so that the test is quick; the values take turns.
  const chosen = [...places(whole)].filter((_, at) => at % 8 === 0);
  t.ok(chosen.length > 15);
  for (const [at, place] of chosen.entries()) {
    const by = odd[at % odd.length];
    const path = await folderWith({ 'gateway.yaml': stringify(replaced(whole, place, by)) }, t);
    const { stdout, stderr } = await sealgate(['check', '-c', path('gateway.yaml'), '--format', 'json']);
    t.equal(stderr, '', `${place.join('.')} = ${JSON.stringify(by)}`);
    t.ok(Array.isArray((JSON.parse(stdout) as Report).problems));
  }
});
