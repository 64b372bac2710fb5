import t from 'tap';
import { loadText, MINIMAL, problemLines, type TextOptions } from '../../support/config/config-text.ts';

/** A value put in place of a key's, and what comes of it. */
type Row = readonly [name: string, written: string, options: TextOptions, expected: unknown];

const file = (path: string, text: string): TextOptions => ({ files: { [path]: text } });

const TEXTS: readonly Row[] = [
  ['a variable', '${NAME}', { env: { NAME: 'a.example' } }, 'a.example'],
  ['a variable within a text', 'x-${A}.${B}.example', { env: { A: '1', B: '2' } }, 'x-1.2.example'],
  ['a quoted variable', '"${NAME}"', { env: { NAME: 'a.example' } }, 'a.example'],
  ['a default for what is missing', '${NAME:-b.example}', {}, 'b.example'],
  ['a default for what is empty', '${NAME:-b.example}', { env: { NAME: '' } }, 'b.example'],
  ['no default for what is there', '${NAME:-b.example}', { env: { NAME: 'a' } }, 'a'],
  ['a default with a colon', '${NAME:-::1}', {}, '::1'],
  ['a literal', '"$${NAME}"', {}, '${NAME}'],
  ['a literal beside a variable', '"$${A}${A}"', { env: { A: 'x' } }, '${A}x'],
  ['a dollar alone', 'a$b', {}, 'a$b'],
  ['a file', '${file:/run/host}', file('/run/host', 'c.example'), 'c.example'],
  ['a file with a final newline', '${file:/run/host}', file('/run/host', 'c.example\n'), 'c.example'],
  ['a file with a final CRLF', '${file:/run/host}', file('/run/host', 'c.example\r\n'), 'c.example'],
  ['a file with two final newlines', '${file:/run/host}', file('/run/host', 'c\n\n'), 'c\n'],
  ['a file beside the configuration', '${file:host.txt}', file('/etc/sealgate/host.txt', 'd'), 'd'],
  ['what looks like a substitution', '${A}', { env: { A: '${B}', B: 'no' } }, '${B}'],
  ['what looks like YAML', '${A}', { env: { A: '{ a: [1] }' } }, '{ a: [1] }'],
  ['a number where a text is wanted', '${A}', { env: { A: '8080' } }, '8080'],
  ['true where a text is wanted', '${A}', { env: { A: 'true' } }, 'true'],
  ['a folded text', '>-\n      ${A}\n      b', { env: { A: 'x' } }, 'x b'],
];

for (const [name, written, options, expected] of TEXTS) {
  t.test(`${name} is read as a text`, async (t) => {
    // The name of a test may be any text.
    const test = `tests:\n  - request: GET /\n    expect: allow\n    name: ${written}\n`;
    const { config, problems } = loadText(`${MINIMAL}${test}`, options);
    t.same(problems, []);
    t.equal(config?.tests[0]?.name, expected);
  });
}

const TYPED: readonly Row[] = [
  ['a port', 'listen: { port: "${P}" }', { env: { P: '8443' } }, { listen: { port: 8443 } }],
  ['a port by default', 'listen: { port: "${P:-8443}" }', {}, { listen: { port: 8443 } }],
  ['a port from a file', 'listen: { port: "${file:/p}" }', file('/p', '8443\n'), { listen: { port: 8443 } }],
  ['a duration', 'shutdown: { grace: "${G}" }', { env: { G: '3s' } }, { shutdown: { grace: 3000 } }],
  [
    'a size',
    'listen: { limits: { headerBytes: "${S}KiB" } }',
    { env: { S: '8' } },
    { listen: { limits: { headerBytes: 8192 } } },
  ],
  ['a choice', 'log: { level: "${L}" }', { env: { L: 'warn' } }, { log: { level: 'warn' } }],
];

for (const [name, written, options, expected] of TYPED) {
  t.test(`${name} is read as the type that is wanted`, async (t) => {
    const { config, problems } = loadText(`${MINIMAL}${written}\n`, options);
    t.same(problems, []);
    t.match(config, expected as object);
  });
}

t.test('a boolean is read as one, also inside a union', async (t) => {
  const text = MINIMAL.replace('access: authenticated', 'access: ${ACCESS}\n    exact: ${EXACT}');
  const { config } = loadText(text, { env: { ACCESS: 'public', EXACT: 'true' } });
  t.match(config?.routes[0], { access: 'public', exact: true });
});

t.test('where a text or a number would do, what comes in is a text', async (t) => {
  const text = MINIMAL.replace('authenticated', '\n      claims:\n        level: ${L}');
  const { config } = loadText(text, { env: { L: '3' } });
  t.match(config?.routes[0]?.access, { claims: { level: '3' } });
});

const REFUSED: readonly Row[] = [
  [
    'a missing variable',
    'listen: { host: "${NOPE}" }',
    {},
    '10:17 the variable `NOPE` is not set — set it, or give a default: ${NOPE:-value}',
  ],
  [
    'an unclosed one',
    'listen: { host: "${NOPE" }',
    {},
    '10:17 a `${` is never closed — use ${NAME}, ${NAME:-default} or ${file:/path}; $${ is a literal ${',
  ],
  [
    'an empty one',
    'listen: { host: "${}" }',
    {},
    '10:17 `${}` is not a substitution — use ${NAME}, ${NAME:-default} or ${file:/path}; $${ is a literal ${',
  ],
  [
    'a shell form',
    'listen: { host: "${A:?}" }',
    {},
    '10:17 `${A:?}` is not a substitution — use ${NAME}, ${NAME:-default} or ${file:/path}; $${ is a literal ${',
  ],
  [
    'a file without a path',
    'listen: { host: "${file:}" }',
    {},
    '10:17 `${file:}` names no file — use ${NAME}, ${NAME:-default} or ${file:/path}; $${ is a literal ${',
  ],
  ['a missing file', 'listen: { host: "${file:/no}" }', {}, '10:17 cannot read `/no`: there is no such file'],
  [
    'a binary file',
    'listen: { host: "${file:/b}" }',
    { files: { '/b': new Uint8Array([0xff]) } },
    '10:17 cannot read `/b`: it is not valid UTF-8',
  ],
  [
    'a huge file',
    'listen: { host: "${file:/b}" }',
    file('/b', 'x'.repeat(1024 ** 2 + 1)),
    '10:17 cannot read `/b`: it is larger than 1048576 bytes',
  ],
  [
    'a text as port',
    'listen: { port: "${P}" }',
    { env: { P: 'secret' } },
    '10:17 expected a number, got the value of `${P}`',
  ],
  [
    'a port with a space',
    'listen: { port: "${P}" }',
    { env: { P: '80 ' } },
    '10:17 the value of the variable `P` ends with a space — remove it',
  ],
  [
    'a hexadecimal port',
    'listen: { port: "${P}" }',
    { env: { P: '0x50' } },
    '10:17 expected a number, got the value of `${P}`',
  ],
  [
    'a port out of range',
    'listen: { port: "${P}" }',
    { env: { P: '99999' } },
    '10:17 expected at most 65535, got the value of `${P}`',
  ],
  [
    'a port in pieces',
    'listen: { port: "80${P}" }',
    { env: { P: '80' } },
    '10:17 expected a number, got the value of `80${P}`',
  ],
  [
    'an empty port',
    'listen: { port: "${P}" }',
    { env: { P: '' } },
    '10:17 expected a number, got the value of `${P}`',
  ],
  [
    'yes as boolean',
    'identity: { forwardToken: "${F}" }',
    { env: { F: 'yes' } },
    '10:27 expected `true` or `false`, got the value of `${F}`',
  ],
  [
    'a list in a variable',
    'listen: { trustedProxies: "${T}" }',
    { env: { T: '[10.0.0.0/8]' } },
    '10:27 expected a list, got the value of `${T}`',
  ],
  [
    'a mapping in a variable',
    'listen: ${T}',
    { env: { T: '{ port: 80 }' } },
    '10:9 expected a mapping, got the value of `${T}`',
  ],
  [
    'null in a variable',
    'listen: { host: "${T}" }\nlog: ${U}',
    { env: { T: 'null', U: 'null' } },
    '11:6 this text is what tools write where a value is missing — find out which tool wrote it',
  ],
  [
    'a bare number as duration',
    'shutdown: { grace: "${G}" }',
    { env: { G: '30' } },
    '10:20 expected a duration with its unit, such as 500ms, 30s, 10m or 24h, got the value of `${G}`',
  ],
];

for (const [name, written, options, expected] of REFUSED) {
  t.test(`${name} is refused without showing what came in`, async (t) => {
    t.same(problemLines(`${MINIMAL}${written}\n`, options), [expected]);
  });
}

t.test('keys are never substituted', async (t) => {
  t.match(problemLines(`${MINIMAL}"\${A}": 1\n`, { env: { A: 'log' } }), [
    '10:1 names are not substituted — write the name out',
  ]);
});

t.test('a secret in the wrong place is not shown by a rule either', async (t) => {
  const text = MINIMAL.replace('http://127.0.0.1:3000', '${UPSTREAM}');
  t.match(problemLines(text, { env: { UPSTREAM: 's3cret' } }), [/^8:15 unknown upstream `\$\{UPSTREAM\}`/]);
});

t.test('the files that came in are known, once each, by their absolute path', async (t) => {
  const text = `${MINIMAL}listen: { host: "\${file:host}" }\nadmin: { host: "\${file:/run/x}\${file:host}" }\n`;
  const { files } = loadText(text, { files: { '/etc/sealgate/host': 'a', '/run/x': 'b' } });
  t.same(files, ['/etc/sealgate/host', '/run/x']);
});

t.test('a missing file is known too: it may appear', async (t) => {
  t.same(loadText(`${MINIMAL}listen: { host: "\${file:nope}" }\n`).files, ['/etc/sealgate/nope']);
});

const PLACES = [
  'listen: { port: "${X}" }',
  'listen: { host: "${X}" }',
  'listen: { publicUrl: "https://${X}/" }',
  'listen: { publicUrl: "${X}" }',
  'listen: { trustedProxies: ["${X}"] }',
  'shutdown: { grace: "${X}" }',
  'listen: { limits: { headerBytes: "${X}" } }',
  'log: { level: "${X}" }',
  'identity: { forwardToken: "${X}" }',
  'identity: { reserved: ["${X}"] }',
  'defaults: { issuers: ["${X}"] }',
  'matching: { case: "${X}" }',
];

for (const place of PLACES) {
  t.test(`a missing variable in ${place} can be a warning with something that fits`, async (t) => {
    const { config, problems } = loadText(`${MINIMAL}${place}\n`, { missingVariables: 'placeholder' });
    t.match(problems, [{ severity: 'warning', message: 'the variable `X` is not set' }]);
    t.equal(problems.length, 1);
    t.ok(config);
  });
}

t.test('everything of a file can be missing and still be checked', async (t) => {
  const text = `issuers:
  a: { issuer: "\${A}", audiences: ["\${B}"], algorithms: ["\${C}"] }
  b: { issuer: "\${D}", audiences: ["\${E}"], jwksUri: "\${F}" }
upstreams: { u: { url: "\${G}", hostHeader: "\${H}" } }
routes:
  - { name: "\${I}", path: "\${J}", host: "\${K}", methods: ["\${L}"], upstream: "\${M}", access: { issuers: ["\${N}"], scopes: ["\${O}"] } }
  - { name: r, path: /x, upstream: u, access: "\${P}", oops: 1 }
`;
  const { problems } = loadText(text, { missingVariables: 'placeholder' });
  t.same(
    problems.filter(({ severity }) => severity === 'error').map(({ message }) => message),
    ['unknown key `oops`'],
  );
  t.equal(problems.filter(({ message }) => message.endsWith('is not set')).length, 16);
});
