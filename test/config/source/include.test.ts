import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { loadConfig } from '../../../src/config/load.ts';

const ISSUERS = 'issuers: { corp: { issuer: https://login.example.com, audiences: [api] } }\n';

/** A main file that includes `routes/*.yaml`, unless another text is given. */
const main = (more = '', include = '[routes/*.yaml]') => `include: ${include}\n${ISSUERS}${more}`;
const route = (name: string, rest = 'upstream: http://127.0.0.1:3000, access: authenticated') =>
  `routes:\n  - { name: ${name}, path: /${name}, ${rest} }\n`;

/** Writes the files; entries that end with ` ->` are symbolic links. */
function folderOf(t: Test, files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-include-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    const link = name.endsWith(' ->');
    const path = join(folder, name.replace(/ ->$/, ''));
    mkdirSync(dirname(path), { recursive: true });
    if (link) symlinkSync(String(content), path);
    else if (name.endsWith('/')) mkdirSync(path, { recursive: true });
    else writeFileSync(path, content);
  }
  return folder;
}

function load(
  t: Test,
  files: Readonly<Record<string, string | Uint8Array>>,
  env: Readonly<Record<string, string>> = {},
) {
  const folder = folderOf(t, files);
  const loaded = loadConfig({ file: join(folder, 'gateway.yaml'), env });
  const lines = loaded.problems.map(
    ({ file, line, column, severity, path, message }) =>
      `${file.slice(folder.length + 1)}:${line}:${column} ${severity} ${path}: ${message.replaceAll(`${folder}/`, '')}`,
  );
  return { ...loaded, folder, lines, names: loaded.config?.routes.map(({ name }) => name) };
}

t.test(
  'routes, upstreams, policies and tests of included files count as if they stood in the main file',
  (t) => {
    const { config, lines, locate, names } = load(t, {
      'gateway.yaml': main(route('main')),
      'routes/b.yaml': route('b', 'upstream: shared, access: [{ policy: readers }]'),
      'routes/a.yaml': `upstreams: { shared: { url: http://127.0.0.1:3001 } }
policies: { readers: { scopes: [read] } }
${route('a', 'upstream: shared, access: authenticated')}tests:
  - { name: nobody, request: GET /a, expect: token_missing }
`,
    });
    t.same(lines, []);
    t.same(names, ['main', 'a', 'b'], 'the main file first, then by path');
    t.match(config, { upstreams: { shared: {} }, policies: { readers: {} }, tests: [{ name: 'nobody' }] });
    t.match(locate(['routes', 2, 'path']), { file: /routes\/b\.yaml$/, line: 2, column: 22 });
    t.match(locate(['tests', 0]), { file: /routes\/a\.yaml$/, line: 6 });
    t.match(locate(['upstreams', 'shared', 'url']), { file: /routes\/a\.yaml$/, line: 1 });
    t.end();
  },
);

t.test('names that objects have a meaning for are refused in included files, too', (t) => {
  const odd = 'policies: { __proto__: { scopes: [read] }, constructor: { scopes: [write] } }\n';
  const own = load(t, { 'gateway.yaml': `${main(route('main'))}${odd}` });
  const included = load(t, { 'gateway.yaml': main(route('main')), 'routes/a.yaml': odd });
  const policies = (lines: readonly string[]) =>
    lines.filter((line) => line.includes('policies')).map((line) => line.replace(/^\S+ /, ''));
  t.ok(policies(own.lines).length > 0);
  t.same(policies(included.lines), policies(own.lines));
  t.end();
});

t.test('a main file may leave all routes to others', (t) => {
  const { lines, names } = load(t, { 'gateway.yaml': main(), 'routes/a.yaml': route('a') });
  t.same(lines, []);
  t.same(names, ['a']);
  t.end();
});

t.test('paths and substituted files count from the folder of the file that names them', (t) => {
  const { config, lines, files, folder } = load(
    t,
    {
      'gateway.yaml': main(),
      'routes/a.yaml': `upstreams:
  api: { url: 'https://\${file:host}', tls: { ca: ../ca.pem, serverName: '\${NAME}' } }
  sock: { url: http://a, socket: '\${SOCKET}' }
${route('a', 'upstream: api, access: authenticated')}${''}  - { name: s, path: /s, upstream: sock, access: authenticated }
`,
      'routes/host': 'api.example.com\n',
      host: 'wrong.example.com',
    },
    { NAME: 'inner', SOCKET: 'run/api.sock' },
  );
  t.same(lines, []);
  t.match(config?.upstreams.api, {
    url: 'https://api.example.com',
    tls: { ca: 'ca.pem', serverName: 'inner' },
  });
  t.equal(config?.upstreams.sock?.socket, 'routes/run/api.sock');
  t.ok(files.includes(join(folder, 'routes/host')));
  t.notOk(files.includes(join(folder, 'host')));
  t.end();
});

const wrong: readonly [
  string,
  Readonly<Record<string, string | Uint8Array>>,
  readonly (string | RegExp)[],
][] = [
  [
    'a key of the main file',
    { 'routes/a.yaml': `${route('a')}listen: { port: 1 }\n` },
    [/^routes\/a\.yaml:3:1 error listen: `listen` may not be in an included file/],
  ],
  [
    'an include of an included file',
    { 'routes/a.yaml': `include: [b.yaml]\n${route('a')}` },
    ['routes/a.yaml:1:1 error include: an included file includes no other'],
  ],
  [
    'an unknown key of a route',
    { 'routes/a.yaml': route('a', 'upstream: http://127.0.0.1:1, acess: public') },
    ['routes/a.yaml:2:56 error routes[0].acess: unknown key `acess`'],
  ],
  [
    'a variable that is missing',
    { 'routes/a.yaml': route('a', 'upstream: "$' + '{NOPE}", access: public') },
    [/^routes\/a\.yaml:2:36 error routes\[0\]\.upstream: the variable `NOPE` is not set/],
  ],
  ['a broken text', { 'routes/a.yaml': 'routes: [\n' }, [/^routes\/a\.yaml:2:1 error : flow sequence/]],
  [
    'an empty file',
    { 'routes/a.yaml': '# nothing\n' },
    ['routes/a.yaml:1:1 error : the included file is empty'],
  ],
  ['a list', { 'routes/a.yaml': '- a\n' }, [/^routes\/a\.yaml:1:1 error : expected a mapping/]],
  [
    'routes that are no list',
    { 'routes/a.yaml': 'routes: {}\n' },
    ['routes/a.yaml:1:9 error routes: expected a list'],
  ],
  [
    'a folder',
    { 'routes/a.yaml/': '' },
    ['gateway.yaml:1:11 error include[0]: cannot read `routes/a.yaml`: it is a folder'],
  ],
  [
    'links in a circle',
    { 'routes/a.yaml ->': 'b.yaml', 'routes/b.yaml ->': 'a.yaml', 'routes/c.yaml': route('c') },
    [/include\[0\]: cannot read `routes\/a\.yaml`: its symbolic links go/, /`routes\/b\.yaml`/],
  ],
  [
    'a link that leads nowhere',
    { 'routes/a.yaml ->': 'gone', 'routes/b.yaml': route('b') },
    ['gateway.yaml:1:11 error include[0]: cannot read `routes/a.yaml`: there is no such file'],
  ],
  [
    'a link to a device',
    { 'routes/a.yaml ->': '/dev/zero', 'routes/b.yaml': route('b') },
    ['gateway.yaml:1:11 error include[0]: cannot read `routes/a.yaml`: it is not a regular file'],
  ],
  [
    'bytes that are not UTF-8',
    { 'routes/a.yaml': Buffer.from([0xff]) },
    ['gateway.yaml:1:11 error include[0]: cannot read `routes/a.yaml`: it is not valid UTF-8'],
  ],
  [
    'a huge file',
    { 'routes/a.yaml': `${route('a')}#${'x'.repeat(4 * 1024 ** 2)}` },
    ['gateway.yaml:1:11 error include[0]: cannot read `routes/a.yaml`: it is larger than 4194304 bytes'],
  ],
  [
    'aliases that expand to billions',
    {
      'routes/a.yaml': `policies:\n  a0: &a0 [x, x]\n${Array.from({ length: 30 }, (_, n) => `  a${n + 1}: &a${n + 1} [*a${n}, *a${n}]\n`).join('')}`,
    },
    [/^routes\/a\.yaml:\d+:\d+ error policies\.a\d+\[\d\].*: aliases expand to too many values/],
  ],
];

t.test('what is wrong with an included file is reported at its own place', async (t) => {
  for (const [name, files, expected] of wrong) {
    const { lines, config } = load(t, { 'gateway.yaml': main(), ...files });
    t.equal(config, undefined, name);
    const first = lines.filter((line) =>
      expected.some((one) => (one instanceof RegExp ? one.test(line) : one === line)),
    );
    t.equal(first.length, expected.length, `${name}: ${lines.join('\n')}`);
  }
});

t.test('what one broken file would have defined is not reported missing in others', (t) => {
  const { lines } = load(t, {
    'gateway.yaml': main(),
    'routes/a.yaml': 'upstreams: {{\n',
    'routes/b.yaml': route('b', 'upstream: shared, acess: authenticated'),
  });
  t.match(lines.join('\n'), 'routes/b.yaml:2:44 error routes[0].acess: unknown key');
  t.notMatch(lines.join('\n'), /unknown upstream|is missing/);
  t.end();
});

const entries: readonly [string, string, string | RegExp | undefined][] = [
  [
    'a file that is not there',
    '[gone.yaml]',
    'gateway.yaml:1:11 error include[0]: cannot read `gone.yaml`: there is no such file',
  ],
  [
    'a pattern without a match',
    '[gone/*.yaml]',
    'gateway.yaml:1:11 warning include[0]: no file matches `gone/*.yaml`',
  ],
  ['the file itself', '[gateway.yaml]', 'gateway.yaml:1:11 error include[0]: this is the file itself'],
  ['a search of folders', '["**/*.yaml"]', /include\[0\]: `\*\*` is not supported/],
  ['a question mark', '["a?.yaml"]', /include\[0\]: `\?` is not supported/],
  ['brackets', '["[ab].yaml"]', /include\[0\]: `\[` is not supported/],
  ['a folder with a slash', '[routes/]', /include\[0\]: this is a folder/],
  ['a number', '[5]', /include\[0\]: expected/],
  ['one text', 'routes/*.yaml', /include: expected a list/],
  ['an empty list', '[]', /include: expected at least one entry/],
];

t.test('entries of include', async (t) => {
  for (const [name, include, expected] of entries) {
    const { lines } = load(t, { 'gateway.yaml': main(route('main'), include), 'routes/a.yaml': route('a') });
    t.equal(lines.length, 1, `${name}: ${lines.join('\n')}`);
    t.match(lines[0], expected, name);
  }
});

t.test('hidden files and the main file do not match, and a file with two names is read once', (t) => {
  const { lines, names } = load(t, {
    'gateway.yaml': main(route('main'), '["*.yaml", "a.*", "./*.yaml", "teams/*/r*1.yaml"]'),
    'a.yaml': route('a'),
    '.b.yaml': route('b'),
    '..2024_01/c.yaml': route('c'),
    'd.yaml ->': 'a.yaml',
    'teams/one/r1.yaml': route('r1'),
    'teams/two/r22.yaml': route('r22'),
    'teams/.old/r1.yaml': route('old'),
    'teams/note.txt': '',
  });
  t.same(lines, []);
  t.same(names, ['main', 'a', 'r1']);
  t.end();
});

t.test('one name in two files is an error with both places', (t) => {
  const { lines } = load(
    t,
    {
      'gateway.yaml': main(
        `upstreams: { api: { url: http://127.0.0.1:1, hostHeader: client } }\n${route('one', 'upstream: api, access: authenticated')}`,
      ),
      'routes/a.yaml': `upstreams:\n  api: { url: "http://\${SECRET}" }\npolicies: { p: { scopes: [a] } }\n${route('one')}`,
      'routes/b.yaml': `policies:\n  p: { scopes: [b] }\n${route('two', 'upstream: api, access: [{ policy: p }]')}`,
    },
    { SECRET: 's3cret' },
  );
  t.same(lines, [
    'routes/a.yaml:2:3 error upstreams.api: `api` is in gateway.yaml:3:14 too',
    'routes/a.yaml:5:13 error routes[0].name: another route is named `one` (gateway.yaml:5:13)',
    'routes/a.yaml:5:24 error routes[0].path: route `one` takes the same requests as `one` (gateway.yaml:5:5): all methods',
    'routes/b.yaml:2:3 error policies.p: `p` is in routes/a.yaml:3:13 too',
  ]);
  t.end();
});

t.test('rules that compare routes of two files name both places', (t) => {
  const { lines } = load(t, {
    'gateway.yaml': main(),
    'routes/a.yaml':
      'routes:\n  - { name: a, path: /x, upstream: http://127.0.0.1:1, access: authenticated }\n',
    'routes/b.yaml': `routes:
  - { name: b, path: /x, upstream: http://127.0.0.1:1, access: authenticated }
  - { name: c, host: api.example.com, path: /, upstream: http://127.0.0.1:1, access: authenticated }
`,
  });
  t.match(lines, [
    /^routes\/a\.yaml:2:\d+ warning routes\[0\]\.path: .*routes\/b\.yaml:3:5/,
    /^routes\/b\.yaml:2:22 error routes\[0\]\.path: route `b` takes the same requests as `a` \(routes\/a\.yaml:2:5\)/,
  ]);
  t.end();
});

t.test('more than a thousand files, and more than 16 MiB of them, are refused', (t) => {
  const many = Object.fromEntries(
    Array.from({ length: 1001 }, (_, n) => [`routes/${n}.yaml`, route(`r${n}`)]),
  );
  t.match(load(t, { 'gateway.yaml': main(), ...many }).lines, [
    /include: 1001 files match; at most 1,000 are read/,
  ]);
  const large = Object.fromEntries(
    Array.from({ length: 5 }, (_, n) => [
      `routes/${n}.yaml`,
      `${route(`r${n}`)}#${'x'.repeat(3.9 * 1024 ** 2)}`,
    ]),
  );
  const { config, problems } = load(t, { 'gateway.yaml': main(), ...large });
  t.equal(config, undefined);
  t.match(problems, [{ path: 'include[0]', hint: /at most 16777216 bytes together/ }]);
  t.end();
});

t.test('a folder that cannot be listed is an error', (t) => {
  const folder = folderOf(t, { 'gateway.yaml': main(route('main')) });
  symlinkSync('routes', join(folder, 'routes'));
  const { problems } = loadConfig({ file: join(folder, 'gateway.yaml'), env: {} });
  t.match(problems, [{ path: 'include[0]', message: /cannot list the folder/ }]);
  t.end();
});
