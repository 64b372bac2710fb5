import t from 'tap';
import { loadText, MINIMAL, problemLines } from '../../support/config/config-text.ts';

/** What YAML allows and this file does not, or what is no YAML at all. */
const REFUSED: readonly (readonly [string, string | Uint8Array, string])[] = [
  ['an empty file', '', '1:1 expected a mapping, got nothing — remove the key, or give it a value'],
  [
    'only a comment',
    '# nothing\n',
    '1:1 expected a mapping, got nothing — remove the key, or give it a value',
  ],
  ['a list', '- a\n', '1:1 expected a mapping, got a list'],
  ['a text', 'hello\n', '1:1 expected a mapping, got the text `hello`'],
  [
    'a tab as indentation',
    `listen:\n\tport: 1\n`,
    '2:1 tabs are not allowed as indentation — indent with spaces',
  ],
  [
    'two documents',
    `${MINIMAL}---\na: 1\n`,
    '10:1 the file holds more than one document — a file is one document; remove the `---`',
  ],
  ['an unknown directive', `%FOO bar\n---\n${MINIMAL}`, '1:1 unknown directive %FOO'],
  ['YAML 1.1, where yes is true', `%YAML 1.1\n---\n${MINIMAL}`, '1:1 expected YAML 1.2'],
  [
    'an open bracket',
    `${MINIMAL}listen: { port: 1\n`,
    '11:1 flow map in block collection must be sufficiently indented and end with a }',
  ],
  [
    'a colon in a plain text',
    `${MINIMAL}log: level: info\n`,
    '10:6 nested mappings are not allowed in compact mappings — quote the value if the `: ` belongs to it',
  ],
  [
    'an unquoted substitution in brackets',
    `${MINIMAL}listen: { host: \${HOST} }\n`,
    '10:18 unexpected flow-map-start at node end — inside [ ] and { } a substitution needs quotes: "${NAME}"',
  ],
  [
    'a tag of YAML',
    `${MINIMAL}log: !!map { level: info }\n`,
    '10:12 tags (`!!map`) are not supported — remove the tag',
  ],
  [
    'a tag of someone else',
    `${MINIMAL}log: { level: !secret info }\n`,
    '10:23 tags (`!secret`) are not supported — remove the tag',
  ],
  [
    'a tag on a key',
    `${MINIMAL}!!str log: { level: info }\n`,
    '10:7 tags (`!!str`) are not supported — remove the tag',
  ],
  [
    'a merge key',
    `${MINIMAL}log:\n  <<: { level: info }\n`,
    '11:3 merge keys (`<<`) are not supported — write the keys out',
  ],
  [
    'a duplicate key',
    `${MINIMAL}log: {}\nlog: {}\n`,
    '11:1 duplicate key `log` — it is first set in line 10',
  ],
  [
    'a duplicate in other quotes',
    `${MINIMAL}log: { level: info, "level": warn }\n`,
    '10:21 duplicate key `level` — it is first set in line 10',
  ],
  ['a list as key', `${MINIMAL}[a]: 1\n`, '10:1 expected a name as key'],
  ['an alias as key', `${MINIMAL}log: &a { level: info }\n*a : 1\n`, '11:1 expected a name as key'],
  ['an empty key', `${MINIMAL}"": 1\n`, '10:1 a key is empty'],
  ['a key that is not there', `${MINIMAL}: 1\n`, '10:1 a key is empty'],
  ['__proto__', `${MINIMAL}__proto__: { a: 1 }\n`, '10:1 `__proto__` may not be a key'],
  [
    '__proto__ deep inside',
    MINIMAL.replace('authenticated', '{ claims: { "__proto__": x, a: b } }'),
    '9:25 `__proto__` may not be a key',
  ],
  ['constructor', `${MINIMAL}log: { constructor: x }\n`, '10:8 `constructor` may not be a key'],
  ['prototype', `${MINIMAL}log: { prototype: x }\n`, '10:8 `prototype` may not be a key'],
  [
    'an alias to nothing',
    `${MINIMAL}log: *none\n`,
    '10:6 no anchor `&none` above — quote a text that starts with `*`',
  ],
  [
    'an alias to what comes later',
    `${MINIMAL}log: *later\nadmin: &later {}\n`,
    '10:6 no anchor `&later` above — quote a text that starts with `*`',
  ],
  ['an alias to itself', `${MINIMAL}log: &a { level: *a }\n`, '10:18 aliases make the file nest too deeply'],
  [
    'invalid UTF-8',
    Buffer.concat([Buffer.from(MINIMAL), Buffer.from([0x23, 0xff, 0x0a])]),
    '1:1 cannot read the file: it is not valid UTF-8',
  ],
  [
    'more than 4 MiB',
    `${MINIMAL}#${'x'.repeat(4 * 1024 ** 2)}\n`,
    '1:1 cannot read the file: it is larger than 4194304 bytes',
  ],
  [
    'brackets nested beyond reason',
    `${MINIMAL}log: ${'['.repeat(200_000)}\n`,
    '10:69 the file is nested too deeply',
  ],
  [
    'dashes nested beyond reason',
    `${MINIMAL}log:\n  ${'- '.repeat(200_000)}\n`,
    '11:127 the file is nested too deeply',
  ],
  [
    'indentation nested beyond reason',
    Array.from({ length: 900 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join(''),
    '65:1 the file is nested too deeply',
  ],
];

for (const [name, text, expected] of REFUSED) {
  t.test(`${name} is refused at its place`, async (t) => {
    t.equal(problemLines(text)[0], expected);
    t.equal(loadText(text).config, undefined);
  });
}

const NUMBERS = ['1.50', '0x1f', '0o17', '1e3', '+1', '007', '-0', '.5', '.inf', '.nan'];

for (const number of NUMBERS) {
  t.test(`the number ${number} does not print back, so it must be quoted`, async (t) => {
    const text = MINIMAL.replace('authenticated', `{ claims: { plan: ${number} } }`);
    t.same(problemLines(text), [
      `9:31 the number \`${number}\` does not print back as written — quote it if it is a text: "${number}"`,
    ]);
  });
}

t.test('a number beyond what a double holds exactly must be quoted', async (t) => {
  const text = MINIMAL.replace('authenticated', '{ claims: { id: 12345678901234567890 } }');
  t.same(problemLines(text), [
    '9:29 the number `12345678901234567890` is too large to be exact — quote it if it is a text: "12345678901234567890"',
  ]);
});

t.test('numbers that print back are fine', async (t) => {
  for (const number of ['0', '7', '-3', '1.5', '9007199254740991']) {
    t.same(problemLines(MINIMAL.replace('authenticated', `{ claims: { plan: ${number} } }`)), [], number);
  }
});

t.test('anchors and aliases repeat values, and problems point at where these are written', async (t) => {
  const text = `issuers:
  a: { issuer: https://a.example, audiences: &audiences [https://api.example.com] }
  b: { issuer: https://b.example, audiences: *audiences }
defaults: { issuers: &names [a, c] }
routes:
  - { name: r, path: /, upstream: http://127.0.0.1, access: { issuers: *names } }
`;
  t.same(problemLines(text), [
    '4:33 unknown issuer `c` — known here: a, b',
    '4:33 unknown issuer `c` — known here: a, b',
  ]);
  t.same(loadText(text.replace('a, c', 'a, b')).config?.issuers.b?.audiences, ['https://api.example.com']);
});

t.test('an alias means the last anchor of its name above it', async (t) => {
  const text = `${MINIMAL}listen: { host: &h a.example }\nadmin: { host: *h }\nlog: { level: &h warn, subject: hash }\nmatching: { case: *h }\n`;
  t.match(problemLines(text), ['13:19 expected `sensitive` or `insensitive`, got the text `warn`']);
});

t.test('a bomb of aliases is refused before it goes off', async (t) => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let level = 1; level < 12; level += 1) {
    lines.push(
      `a${level}: &a${level} [${Array(10)
        .fill(`*a${level - 1}`)
        .join(', ')}]`,
    );
  }
  const problems = problemLines(`${lines.join('\n')}\n${MINIMAL}`);
  t.ok(problems.some((line) => line.endsWith('aliases expand to too many values')));
});

t.test('twenty thousand unknown keys are all named', async (t) => {
  const keys = Array.from({ length: 20_000 }, (_, index) => `k${index}: 1\n`).join('');
  t.equal(problemLines(`${MINIMAL}${keys}`).length, 20_000);
});

t.test('prototypes stay clean', async (t) => {
  loadText(`${MINIMAL}__proto__: { polluted: true }\nconstructor: { prototype: { polluted: true } }\n`);
  t.equal(({} as { polluted?: unknown }).polluted, undefined);
});

t.test('a byte order mark and CRLF change no position and no value', async (t) => {
  const text = `\ufeff${MINIMAL.replaceAll('\n', '\r\n')}`;
  t.same(problemLines(text), []);
  t.same(problemLines(`${text}log: { levle: info }\r\n`), [
    '10:8 unknown key `levle` — did you mean `level`?',
  ]);
});
