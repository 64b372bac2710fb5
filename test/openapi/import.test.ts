import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { folderWith, sealgate } from '../support/cli/cli.ts';

interface Written {
  readonly issuers?: Record<string, { readonly issuer: string }>;
  readonly upstreams: Record<string, { readonly url: string }>;
  readonly routes: readonly {
    readonly name: string;
    readonly host?: string;
    readonly path: string;
    readonly exact: boolean;
    readonly methods?: readonly string[];
    readonly upstream: string;
    readonly access: unknown;
  }[];
}

const SHAPES = resolve(import.meta.dirname, 'shapes');

/** Imports a document and checks the outcome against it. */
async function imported(
  t: Test,
  spec: string,
  words: readonly string[] = [],
): Promise<{ text: string; file: Written }> {
  const folder = await folderWith({ 'spec.yaml': spec }, t);
  const { code, stdout, stderr } = await sealgate(['import', folder('spec.yaml'), ...words]);
  t.equal(code, 0, stderr);
  return { text: stdout, file: parse(stdout) as Written };
}

const document = (paths: string, more = ''): string => `openapi: 3.1.0
info: { title: Orders API, version: '1' }
${more}
paths:
${paths}
components:
  securitySchemes:
    oauth: { type: openIdConnect, openIdConnectUrl: https://login.acme.example/realms/a/.well-known/openid-configuration }
    flows: { type: oauth2, flows: { clientCredentials: { tokenUrl: https://id.acme.example/token, scopes: {} } } }
    bearer: { type: http, scheme: Bearer }
    key: { type: apiKey, in: query, name: k }
    basic: { type: http, scheme: basic }
    mtls: { type: mutualTLS }
    elsewhere: { $ref: 'schemes.yaml#/a' }
`;

const accessOf = ({ routes }: Written): Record<string, unknown> =>
  Object.fromEntries(routes.map(({ path, access }) => [path, access]));

const ACCESS: readonly [security: string, access: unknown, comment?: RegExp][] = [
  ['[]', 'public'],
  ['[{}]', 'public'],
  ['[{ oauth: [] }]', 'authenticated'],
  ['[{ bearer: [] }]', 'authenticated'],
  ['[{ bearer: [admin] }]', { roles: ['admin'] }],
  ['[{ oauth: [a, b] }]', { scopes: ['a', 'b'] }],
  ['[{ oauth: [a] }, { flows: [b] }]', { scopes: { any: ['a', 'b'] } }],
  ['[{ oauth: [a, b] }, { oauth: [c] }]', [{ scopes: ['a', 'b'] }, { scopes: ['c'] }]],
  [
    '[{ oauth: [a], flows: [b] }]',
    { scopes: ['a', 'b'] },
    /oauth and flows together: all of it on one token/,
  ],
  ['[{ oauth: [a] }, {}]', 'optional', /no token is needed by the document/],
  ['[{ key: [] }, {}]', 'public', /not written: or `key` \(an API key in query\)/],
  ['[{ oauth: [a] }, { oauth: [] }]', 'authenticated', /one alternative needs no scope/],
  ['[{ oauth: [a] }, { basic: [] }]', { scopes: ['a'] }, /not written: or `basic` \(HTTP Basic\)/],
  ['[{ oauth: ["${HOME}"] }]', { scopes: ['$${HOME}'] }],
  ['[{ key: [] }]', undefined, /not written: GET \/x: it asks for `key`/],
  ['[{ mtls: [] }]', undefined, /a client certificate/],
  ['[{ oauth: [a], key: [] }]', undefined, /`key` \(an API key in query\), together with a token/],
  ['[{ unknown: [] }]', undefined, /`unknown`, which is not defined/],
  ['[{ elsewhere: [] }]', undefined, /outside of this document, and is not read/],
  ['[{ oauth: ["a b"] }]', undefined, /the scope `a b`, which no token can have/],
  ['[{ __proto__: [] }]', undefined, /`__proto__`, which is not defined/],
  ['[{ constructor: [] }]', undefined, /`constructor`, which is not defined/],
];

t.test('security becomes access, and what cannot be expressed stays closed', async (t) => {
  for (const [security, access, comment] of ACCESS) {
    const paths = `  /other: { get: { security: [] } }\n  /x: { get: { security: ${security} } }`;
    const { text, file } = await imported(t, document(paths));
    t.same(accessOf(file)['/x'], access, security);
    if (comment !== undefined) t.match(text, comment, security);
  }
});

t.test('without security a token is needed, also where the document only has it for others', async (t) => {
  const { text, file } = await imported(t, document('  /x: { get: {} }\n  /y: { get: { security: [] } }'));
  t.same(accessOf(file), { '/x': 'authenticated', '/y': 'public' });
  t.match(text, 'access: authenticated # no security in the document\n');
  const open = await imported(t, document('  /x: { get: {} }', 'security: []'));
  t.same(accessOf(open.file), { '/x': 'public' });
});

const SERVERS: readonly [servers: string, places: readonly string[], comment?: RegExp][] = [
  ['[]', ['/x']],
  ['[{ url: / }]', ['/x']],
  ['[{ url: /v1/ }]', ['/v1/x']],
  ['[{ url: "https://API.example.com:8443/v%201" }]', ['api.example.com/v 1/x']],
  ['[{ url: //a.example }, { url: https://b.example/v2 }]', ['a.example/x', 'b.example/v2/x']],
  [
    '[{ url: "https://{r}.example", variables: { r: { enum: [eu, us], default: eu } } }]',
    ['eu.example/x', 'us.example/x'],
  ],
  [
    '[{ url: "/{v}", variables: { v: { default: v2 } } }]',
    ['/v2/x'],
    /# The variable `v` .* is taken as its default, `v2`\./,
  ],
  [
    '[{ url: "/{v}" }, { url: /a }]',
    ['/a/x'],
    /# The server `\/{v}` is left out: its variable `v` has no value\./,
  ],
  ['[{ url: "ftp://a" }, { url: "/a?b" }, { url: /c }]', ['/c/x'], /no HTTP address/],
  [
    '[{ url: //a }, { url: //b }, { url: //c }, { url: //d }, { url: //e }]',
    ['/x'],
    /5 hosts: these routes take any host/,
  ],
];

t.test('servers become hosts and the beginning of paths', async (t) => {
  for (const [servers, places, comment] of SERVERS) {
    const { text, file } = await imported(t, document('  /x: { get: {} }', `servers: ${servers}`));
    t.same(
      file.routes.map(({ host = '', path }) => host + path),
      places,
      servers,
    );
    if (comment !== undefined) t.match(text, comment, servers);
  }
  const own = document('  /x: { servers: [{ url: /item }], get: {}, put: { servers: [{ url: /own }] } }');
  t.same(
    (await imported(t, own)).file.routes.map(({ path }) => path),
    ['/item/x', '/own/x'],
  );
});

const PATHS: readonly [template: string, path: string | undefined, comment?: RegExp][] = [
  ['/pets/{petId}', '/pets/:petId'],
  ['/pets/{pet-id}/{pet.id}', '/pets/:pet_id/:pet_id_2'],
  ['/pets/', '/pets'],
  ['/v1/ops:cancel', '/v1/ops:cancel'],
  ['/caf%C3%A9', '/café'],
  ['/files/{id}.json', undefined, /a parameter is a whole segment, and `{id}\.json` is not/],
  ['/a/{x}-{y}', undefined, /`{x}-{y}` is not/],
  ['/a/:literal', undefined, /`:literal` cannot be a segment of a route/],
  ['/a/*', undefined, /cannot be a segment/],
  ['/a/%2F', undefined, /cannot be a segment/],
  ['/a?b=c', undefined, /no query or fragment/],
  ['/a#b', undefined, /no query or fragment/],
  ['/a//b', undefined, /no empty segments/],
  ['pets', undefined, /a path begins with/],
  ['/__proto__', '/__proto__'],
  ['/constructor/{__proto__}', '/constructor/:__proto__'],
];

t.test('paths become exact paths of routes, or a comment at their place', async (t) => {
  for (const [template, path, comment] of PATHS) {
    const paths = `  /first: { get: {} }\n  ${JSON.stringify(template)}: { get: {} }\n  /last: { get: {} }`;
    const { text, file } = await imported(t, document(paths));
    t.ok(file.routes.every(({ exact }) => exact));
    t.same(
      file.routes.map((route) => route.path),
      ['/first', ...(path === undefined ? [] : [path]), '/last'],
      template,
    );
    if (comment !== undefined)
      t.match(text.slice(text.indexOf('/first'), text.indexOf('/last')), comment, template);
  }
});

t.test('what is not written stays closed where a wider route would take it', async (t) => {
  const paths = `  /pets/{id}: { get: { security: [] } }
  /pets/secret: { get: { security: [{ key: [] }] } }
  /files/{id}: { get: { security: [] } }
  /files/{id}.json: { get: { security: [{ oauth: [a] }] } }
  /far: { get: { security: [{ key: [] }] } }
  /ref/{id}: { get: { security: [] } }
  /ref/me: { $ref: other.yaml }`;
  const folder = await folderWith({ 'spec.yaml': document(paths) }, t);
  t.equal((await sealgate(['import', folder('spec.yaml'), '-o', folder('out.yaml')])).code, 0);
  const codes: Record<string, string> = {};
  for (const target of [
    '/pets/1',
    '/pets/secret',
    '/files/1',
    '/files/1.json',
    '/far',
    '/ref/1',
    '/ref/me',
  ]) {
    const words = ['explain', '-c', folder('out.yaml'), target, '--format', 'json'];
    codes[target] = JSON.parse((await sealgate(words)).stdout).code;
  }
  t.match(codes, { '/pets/1': 'allow', '/ref/1': 'allow' });
  for (const closed of ['/pets/secret', '/files/1', '/files/1.json', '/far', '/ref/me']) {
    t.match(codes[closed], /^(?:route_unknown|token_missing)$/, closed);
  }
  const { routes } = parse(readFileSync(folder('out.yaml'), 'utf8')) as Written;
  const guards = routes.filter(({ upstream }) => upstream === 'none');
  t.same(
    guards.map(({ path }) => path),
    ['/pets/secret', '/ref/me'],
  );
  const check = await sealgate([
    'check',
    '--strict',
    '-c',
    folder('out.yaml'),
    '--against',
    folder('spec.yaml'),
  ]);
  t.equal(check.code, 0, check.stdout);
});

t.test('operations of one path with one access are one route, with a name of its own', async (t) => {
  const paths = `  /a: { get: { operationId: readA }, put: { operationId: x, security: [] }, post: { operationId: y }, trace: {} }
  /b: { get: { operationId: readA } }
  /c: { delete: { operationId: "!!!" } }`;
  const { text, file } = await imported(t, document(paths));
  t.same(
    file.routes.map(({ name, methods }) => [name, methods]),
    [
      ['get-post-a', ['GET', 'POST']],
      ['x', ['PUT']],
      ['readA', ['GET']],
      ['delete-c', ['DELETE']],
    ],
  );
  t.match(text, 'not written: TRACE /a: TRACE is never forwarded');
});

t.test('the issuer is the one of the document, or that of the file that includes the routes', async (t) => {
  const paths =
    '  /a: { get: {} }\n  /b: { get: { security: [{ oauth: [s] }] } }\n  /c: { get: { security: [] } }';
  const whole = (await imported(t, document(paths), ['--upstream', 'http://orders:3000'])).file;
  t.equal(whole.issuers?.main?.issuer, '${SEALGATE_ISSUER:-https://login.acme.example/realms/a}');
  t.same(whole.upstreams, { 'orders-api': { url: 'http://orders:3000' } });
  const part = (await imported(t, document(paths), ['--issuer', 'corp'])).file;
  t.same(Object.keys(part), ['upstreams', 'routes']);
  t.same(accessOf(part), {
    '/a': { issuers: ['corp'] },
    '/b': { issuers: ['corp'], scopes: ['s'] },
    '/c': 'public',
  });
});

t.test('documents in the shapes of five public APIs are imported, and hold against themselves', async (t) => {
  for (const name of readdirSync(SHAPES)) {
    const folder = await folderWith({}, t);
    const spec = resolve(SHAPES, name);
    const { code, stderr } = await sealgate(['import', spec, '-o', folder('out.yaml')]);
    t.equal(code, 0, stderr);
    const check = await sealgate(['check', '-c', folder('out.yaml'), '--against', spec, '--format', 'json']);
    const { problems } = JSON.parse(check.stdout) as { problems: { severity: string; related?: object }[] };
    t.same([check.code, problems.filter((one) => one.related && one.severity !== 'note')], [0, []], name);
    const text = readFileSync(folder('out.yaml'), 'utf8');
    t.equal((await sealgate(['import', spec])).stdout, text, `${name}: the same again`);
    const { routes } = parse(text) as Written;
    t.matchOnly(
      routes.length,
      { github: 3, stripe: 2, petstore: 5, kubernetes: 3, twilio: 1 }[name.split('.')[0] ?? ''],
      name,
    );
  }
});

t.test('a file that exists stays as it is', async (t) => {
  const folder = await folderWith({ 'spec.yaml': document('  /a: { get: {} }'), 'out.yaml': 'mine' }, t);
  const { code, stderr } = await sealgate(['import', folder('spec.yaml'), '-o', folder('out.yaml')]);
  t.equal(code, 1);
  t.match(stderr, /out\.yaml exists and stays as it is: move it away, or name another file with -o/);
  t.equal(readFileSync(folder('out.yaml'), 'utf8'), 'mine');
  const nowhere = await sealgate(['import', folder('spec.yaml'), '-o', folder('no/out.yaml')]);
  t.match([nowhere.code, nowhere.stderr], [1, /cannot write .*no\/out\.yaml/]);
});

t.test('wrong words are shown with the usage', async (t) => {
  for (const words of [
    [],
    ['a', 'b'],
    ['a', '--issuer', 'not a name'],
    ['a', '--upstream', 'orders'],
    ['a', '--nope'],
  ]) {
    const { code, stdout } = await sealgate(['import', ...words]);
    t.same([code, stdout], [2, ''], words.join(' '));
  }
});

const deep = (open: string, close: string, times: number) => open.repeat(times) + close.repeat(times);

const HOSTILE: Readonly<Record<string, readonly [text: string | Buffer, message: RegExp]>> = {
  'Swagger 2.0': [
    'swagger: "2.0"',
    /:1:1: error: this is Swagger 2\.0, not OpenAPI 3\n {4}hint: convert it first/,
  ],
  'a later version': [
    'openapi: 4.0.0\npaths: {}',
    /:1:10: error: expected OpenAPI 3\.0 or 3\.1, not `4\.0\.0`/,
  ],
  'no document': ['hello', /:1:1: error: expected an OpenAPI document, not a text/],
  'an empty file': ['', /the file is empty/],
  'no paths': ['openapi: 3.0.0', /the document has no `paths`/],
  'no operations': ['openapi: 3.0.0\npaths: {}', /it has no operations/],
  'broken JSON': ['{ "openapi": "3.0.0", "paths": { ] }', /error: /],
  'no UTF-8': [Buffer.from([0x6f, 0xff, 0xfe]), /not valid UTF-8/],
  'wrong types': [
    document(
      '  /a: [1]\n  /b: { get: 7 }\n  /c: { get: { security: yes } }\n  /d: { get: { security: [oauth] } }\n  /e: { get: { security: [{ oauth: read }] } }',
    ),
    /5:7: error: expected the operations of a path, not a list\n.*6:14: error: expected an operation, not a number\n.*7:26: error: .* not a text\n.*8:27: error: .*\n.*9:36: error: expected a list of scopes, not a text/,
  ],
  'duplicate paths': [
    document('  /a: { get: {} }\n  /a: { get: { security: [] } }'),
    /6:3: error: duplicate key `\/a`/,
  ],
  'duplicate paths in JSON': [
    '{"openapi":"3.0.0","paths":{"/a":{},"/\\u0061":{}}}',
    /1:37: error: duplicate key `\/a`/,
  ],
  'merge keys': [document('  /a: { <<: { get: {} }, put: {} }'), /merge keys \(`<<`\) are not supported/],
  tags: [document('  /a: !!map { get: {} }'), /tags are not supported/],
  'operations beside a reference': [
    document('  /a: { $ref: "#/paths/~1b", get: { security: [] } }\n  /b: { get: {} }'),
    /has operations beside its `\$ref`/,
  ],
  'circular references only': [
    document('  /a: { $ref: "#/paths/~1b" }\n  /b: { $ref: "#/paths/~1a" }'),
    /its references go in a circle/,
  ],
  'references to other files only': [
    document('  /a: { $ref: "http://127.0.0.1:1/x" }'),
    /outside of this document, and is not read/,
  ],
  'deep nesting': [`openapi: 3.0.0\npaths: ${deep('[', ']', 100_000)}`, /nested too deeply/],
  'deep nesting in JSON': [`{"openapi":"3.0.0","paths":${deep('[', ']', 100_000)}}`, /nested too deeply/],
  'too many operations': [
    `{"openapi":"3.0.0","paths":{${Array.from({ length: 30_000 }, (_, at) => `"/${at}":{"get":{}}`).join()}}}`,
    /more than 20000 operations/,
  ],
  'too many values of variables': [
    document(
      '  /a: { get: {} }',
      `servers: [{ url: "/{a}/{b}", variables: { a: &v { enum: [${[...Array(99).keys()].map((at) => `v${at}`)}] }, b: *v } }]`,
    ),
    /too many values of variables/,
  ],
};

t.test('a document that cannot be used is an error with its place, and nothing is written', async (t) => {
  for (const [what, [text, message]] of Object.entries(HOSTILE)) {
    const folder = await folderWith({}, t);
    writeFileSync(folder('spec'), text);
    const { code, stdout, stderr } = await sealgate(['import', folder('spec'), '-o', folder('out.yaml')]);
    t.same([code, stdout], [1, ''], what);
    t.match(stderr, message, what);
    t.notOk(existsSync(folder('out.yaml')), what);
  }
  t.match(
    (await sealgate(['import', 'https://example.com/a.json'])).stderr,
    /read from a file, and nothing is fetched/,
  );
  t.match(
    (await sealgate(['import', 'nowhere.yaml'])).stderr,
    /nowhere\.yaml:1:1: error: cannot read the file: there is no such file/,
  );
});

t.test('a bomb of aliases is read without being expanded', async (t) => {
  const bomb = Array.from({ length: 40 }, (_, at) => `  b${at + 1}: &b${at + 1} [${`*b${at},`.repeat(9)}]`);
  const spec = document('  /a: { get: { x-bomb: *b40 } }').replace(
    'paths:',
    `x-bombs:\n  b0: &b0 [1]\n${bomb.join('\n')}\npaths:`,
  );
  t.equal((await imported(t, spec)).file.routes.length, 1);
});

t.test('no text of the document becomes a rule of the file', async (t) => {
  const evil = '\n  - { name: evil, path: /, upstream: a, access: public }\u2028\u0085\u001b[2J"\'#: ${HOME}';
  const text = JSON.stringify(evil);
  const { file } = await imported(
    t,
    `{"openapi":"3.0.0","info":{"title":${text}},"servers":[{"url":"/a"},{"url":${text}}],"security":[{${text}:[]},{"o":[]}],
    "paths":{"/a":{"get":{"operationId":${text}}},${JSON.stringify(`/b${evil}`)}:{"get":{}},"/c":{"get":{"security":[{"o":[${text}]}]}},"/d":{"$ref":${text}}},
    "components":{"securitySchemes":{"o":{"type":"openIdConnect","openIdConnectUrl":${JSON.stringify(`https://a${evil}/.well-known/openid-configuration`)}}}}}`,
  );
  t.same(
    file.routes.map(({ path, access }) => [path, access]),
    [['/a/a', 'authenticated']],
  );
});
