import t from 'tap';
import { loadText, MINIMAL, type TextOptions } from '../../../support/config/config-text.ts';

/* Characters that nobody sees, and variables that nobody filled in. */

type Row = readonly [
  what: string,
  value: string,
  key: string,
  severity: 'error' | 'warning' | undefined,
  words?: RegExp,
];

const FILE = `issuers:
  corp:
    issuer: "\${ISSUER:-https://id.example.com}"
    audiences: ["\${AUDIENCE:-api}"]
    tokenTypes: ["\${TYPE:-at+jwt}"]
    requiredClaims: ["\${REQUIRED:-sub}"]
    roleClaims: ["\${ROLE_CLAIM:-roles}"]
    jwksUri: "\${JWKS:-https://id.example.com/keys}"
    keys: { headers: { authorization: "\${SECRET:-Bearer x}" } }
upstreams:
  app: { url: "\${URL:-http://127.0.0.1:3000}" }
  tls: { url: https://app.example, tls: { serverName: "\${SERVER:-app.example}" } }
admin: { token: "\${ADMIN:-abcdefghijklmnop}" }
listen:
  port: "\${PORT:-8080}"
  publicUrl: "\${PUBLIC:-https://api.example.com}"
  responseHeaders: { x-note: "\${NOTE:-a}" }
identity: { headers: { x-a: "\${CLAIM:-email}" } }
routes:
  - name: r
    host: "\${HOST:-api.example.com}"
    path: "\${PATH_:-/orders}"
    upstream: app
    access:
      roles: ["\${ROLE:-admin}"]
      scopes: ["\${SCOPE:-read}"]
      claims: { tenant: "\${TENANT:-acme}" }
      when: "\${WHEN:-claims.sub != ''}"
    cors: { origins: ["\${ORIGIN:-https://app.example.com}"] }
  - { name: other, path: /other, upstream: tls, access: authenticated }
tests: [{ name: "\${TEST:-a}", request: GET /, expect: route_unknown }]
`;

const CR = /variable `(\w+)` ends with a carriage return/;
const ROWS: readonly Row[] = [
  ['an issuer of a Windows file', 'https://id.example.com\r', 'ISSUER', 'error', CR],
  ['an audience of a Windows file', 'api\r', 'AUDIENCE', 'error', CR],
  ['a token type of a Windows file', 'at+jwt\r', 'TYPE', 'error', CR],
  ['a required claim of a Windows file', 'sub\r', 'REQUIRED', 'error', CR],
  ['a role claim of a Windows file', 'roles\r', 'ROLE_CLAIM', 'error', CR],
  ['a key URL of a Windows file', 'https://id.example.com/keys\r', 'JWKS', 'error', CR],
  ['a secret of a Windows file', 'Bearer x\r', 'SECRET', 'error', CR],
  ['an upstream of a Windows file', 'http://127.0.0.1:3000\r', 'URL', 'error', CR],
  ['a server name of a Windows file', 'app.example\r', 'SERVER', 'error', CR],
  ['an admin token of a Windows file', 'abcdefghijklmnop\r', 'ADMIN', 'error', CR],
  ['a port of a Windows file', '8080\r', 'PORT', 'error', CR],
  ['a public URL of a Windows file', 'https://api.example.com\r', 'PUBLIC', 'error', CR],
  ['a response header of a Windows file', 'a\r', 'NOTE', 'error', CR],
  ['an identity claim of a Windows file', 'email\r', 'CLAIM', 'error', CR],
  ['a host of a Windows file', 'api.example.com\r', 'HOST', 'error', CR],
  ['a path of a Windows file', '/orders\r', 'PATH_', 'error', CR],
  ['a role of a Windows file', 'admin\r', 'ROLE', 'error', CR],
  ['a scope of a Windows file', 'read\r', 'SCOPE', 'error', CR],
  ['a claim value of a Windows file', 'acme\r', 'TENANT', 'error', CR],
  ['an origin of a Windows file', 'https://app.example.com\r', 'ORIGIN', 'error', CR],
  ['a condition of a Windows file', "claims.sub != ''\r", 'WHEN', undefined],
  ['a condition in quotes', '"a" in claims.x || claims.y == "b"', 'WHEN', undefined],
  ['the name of a test', '"a"\r', 'TEST', undefined],

  ['an issuer with a line break', 'https://id.example.com\n', 'ISSUER', 'error', /ends with a line break/],
  ['an audience in two lines', 'a\nb', 'AUDIENCE', 'error', /contains a line break/],
  ['an audience with a tab', 'a\tb', 'AUDIENCE', 'error', /contains a control character/],
  ['an audience after a blank', ' api', 'AUDIENCE', 'error', /starts with a space/],
  ['an audience before a blank', 'api ', 'AUDIENCE', 'error', /ends with a space/],
  ['an audience before a no-break space', 'api\u00a0', 'AUDIENCE', 'error', /ends with a space/],
  ['an audience with punctuation inside', 'api://the-api/1.0_a', 'AUDIENCE', undefined],
  ['an audience with a zero-width space', 'a\u200bpi', 'AUDIENCE', 'warning', /invisible character/],
  ['a role before a blank', 'admin ', 'ROLE', 'warning', /ends with a space/],
  ['a role of two words', 'Domain Admins', 'ROLE', undefined],
  ['a claim value before a blank', 'acme ', 'TENANT', 'warning', /ends with a space/],

  ['an issuer in quotes', '"https://id.example.com"', 'ISSUER', 'warning', /`ISSUER` is in quotes/],
  ['an audience in quotes', '"api"', 'AUDIENCE', 'warning', /`AUDIENCE` is in quotes/],
  ['an audience in single quotes', "'api'", 'AUDIENCE', 'warning', /`AUDIENCE` is in quotes/],
  ['an audience in typographic quotes', '“api”', 'AUDIENCE', 'warning', /`AUDIENCE` is in quotes/],
  ['a role in quotes', '"admin"', 'ROLE', 'warning', /`ROLE` is in quotes/],
  ['a port in quotes', '"8080"', 'PORT', 'error', /`PORT` is in quotes/],
  ['an upstream in quotes', '"http://127.0.0.1:3000"', 'URL', 'error', /`URL` is in quotes/],
  ['an origin in quotes', '"https://a.example"', 'ORIGIN', 'error', /`ORIGIN` is in quotes/],
  ['a header value in quotes', '"cookies"', 'NOTE', undefined],
  ['an apostrophe', "the owner's", 'ROLE', undefined],
  // What came in is not searched for variables: it may be a password.
  ['a dollar in a secret', 'Bearer $TOKEN', 'SECRET', undefined],
];

for (const [what, value, name, severity, words] of ROWS) {
  t.test(`${what}: ${severity ?? 'nothing is found'}`, async (t) => {
    const { problems } = loadText(FILE, { env: { [name]: value } });
    if (severity === undefined) {
      t.same(problems, []);
      return;
    }
    t.equal(problems.length, 1, JSON.stringify(problems));
    t.match(problems[0], { severity, message: words });
    t.match(problems[0]?.message, `\`${name}\``, 'the variable is named');
    t.notMatch(JSON.stringify(problems), JSON.stringify(value).slice(1, -1), 'the value is not shown');
  });
}

t.test('the file that these rows change is clean', async (t) => t.same(loadText(FILE).problems, []));

t.test('the part of a value that is at fault is named, and a file like a variable', async (t) => {
  const issuer = (text: string, options: TextOptions) =>
    loadText(MINIMAL.replace('https://issuer.example.com', text), options).problems.map(
      ({ severity, path, message }) => `${severity} ${path} ${message}`,
    );
  t.same(issuer('"https://${HOST}/${REALM}"', { env: { HOST: 'a.example', REALM: 'x\r' } }), [
    'error issuers.corp.issuer the value of the variable `REALM` ends with a carriage return',
  ]);
  t.same(issuer('"${file:/run/issuer}"', { files: { '/run/issuer': 'https://a.example\n\n' } }), [
    'error issuers.corp.issuer the value of the file `/run/issuer` ends with a line break',
  ]);
  t.same(issuer('"https://a.example "', {}), ['error issuers.corp.issuer the value ends with a space']);
  t.same(issuer('\'"https://a.example"\'', {}), [
    'error issuers.corp.issuer the quotes are part of this value',
  ]);
});

type Literal = readonly [what: string, line: string, found: readonly RegExp[]];

const LITERALS: readonly Literal[] = [
  [
    'a shell variable as audience',
    'audiences: [$AUD]',
    [/^warning .*`\$AUD` is plain text here.*\$\{AUD\}$/],
  ],
  ['a shell variable in lower case', 'audiences: [$aud]', [/^warning .*\$\{aud\}$/]],
  ['a shell variable as issuer', 'issuer: $ISSUER', [/^error issuers\.corp\.issuer .*\$\{ISSUER\}$/]],
  ['a shell variable in a value', 'keys: { headers: { authorization: Bearer $TOKEN } }', [/\$\{TOKEN\}$/]],
  ['a variable of Kubernetes', 'audiences: [$(AUD)]', [/^warning .*\$\{AUD\}$/]],
  ['a variable of Windows', 'audiences: ["%AUD%"]', [/^warning .*\$\{AUD\}$/]],
  ['a template', 'audiences: ["{{ .Values.aud }}"]', [/^warning .*templates are not filled in$/]],
  ['a dollar with a price', 'audiences: [a$5, b$c]', []],
  ['a literal of this file', 'audiences: ["$${AUD}"]', []],
  ['an unclosed variable', 'audiences: ["${AUD"]', [/^error .*a `\$\{` is never closed$/]],
  ['a default as shells write it', 'audiences: ["${AUD:?no}"]', [/^error .*is not a substitution$/]],
];

for (const [what, line, found] of LITERALS) {
  t.test(`${what}: ${found.length === 0 ? 'nothing is found' : 'it is not filled in'}`, async (t) => {
    const key = line.split(':')[0] as string;
    const text = MINIMAL.split('\n')
      .flatMap((other) => (other.trimStart().startsWith(`${key}:`) ? [] : [other]))
      .join('\n')
      .replace('  corp:\n', () => `  corp:\n    ${line}\n`);
    const problems = loadText(text).problems.map(
      ({ severity, path, message }) => `${severity} ${path} ${message}`,
    );
    t.match(problems, found);
    t.equal(problems.length, found.length, problems.join('\n'));
  });
}

t.test('a name with a variable, or with a blank at its end, is an error', async (t) => {
  const claims = (name: string) =>
    loadText(MINIMAL.replace('authenticated', `{ claims: { ${name}: acme } }`)).problems.map(
      ({ severity, path, message }) => `${severity} ${path} ${message}`,
    );
  t.same(claims('"${CLAIM}"'), ['error routes[0].access.claims["${CLAIM}"] names are not substituted']);
  t.same(claims('"tenant "'), ['error routes[0].access.claims["tenant "] the name ends with a space']);
});

t.test('the content of a file is not its name, and neither is a URL', async (t) => {
  const env = { PEM: '-----BEGIN CERTIFICATE-----\nMIIB\n' };
  const found = (line: string) =>
    loadText(`${MINIMAL}${line}\n`, { env }).problems.map(
      ({ severity, path, message }) => `${severity} ${path} ${message}`,
    );
  t.same(found('listen: { tls: { cert: "${PEM}", key: key.pem } }'), [
    'error listen.tls.cert this is the content of a file; the key takes its path',
  ]);
  const issuer = MINIMAL.replace('routes:', '    jwks: { file: https://a.example/keys }\nroutes:');
  t.match(loadText(issuer).problems, [
    { severity: 'error', path: 'issuers.corp.jwks.file', hint: 'write the URL of keys in `jwksUri`' },
  ]);
});
