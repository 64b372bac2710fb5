import fc from 'fast-check';
import t from 'tap';
import { loadText, MINIMAL } from '../../support/config/config-text.ts';

const CONTRACT = `listen: { port: 8080, limits: { headers: 100 } }
issuers:
  corp: &corp
    issuer: https://id.example
    audiences: [a, b]
    roleClaims: [[realm_access, roles], roles]
upstreams: { o: { url: http://o } }
routes:
  - name: a
    path: /a/:id
    methods: [GET]
    upstream: o
    access: { claims: { tenant: acme, plan: [1, "\${PLAN:-x}"] } }
  - { name: b, path: /b, exact: true, upstream: o, access: public }
`;

/** Small damages as people and merges make them. */
const damage = fc.tuple(
  fc.nat(),
  fc.nat(12),
  fc.oneof(
    fc.constantFrom(
      '',
      '\n',
      ' ',
      '  ',
      '\t',
      ':',
      '-',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '#',
      '&x',
      '*corp',
      '*x',
      '!t',
    ),
    fc.constantFrom(
      '<<: *corp',
      '${NOPE}',
      '${',
      'null',
      '~',
      '1.50',
      '\u0000',
      '\u2028',
      '\r',
      '%',
      '---\n',
      '😀',
    ),
    fc.string({ maxLength: 6 }),
  ),
);

t.test('every problem of a damaged file lies in the file, and nothing throws', async (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(CONTRACT, MINIMAL),
      fc.array(damage, { minLength: 1, maxLength: 3 }),
      (whole, damages) => {
        const text = damages.reduce<string>((broken, [place, length, inserted]) => {
          const at = place % (broken.length + 1);
          return broken.slice(0, at) + inserted + broken.slice(at + length);
        }, whole);
        const { config, problems, locate } = loadText(text);
        const lines = text.split('\n');
        for (const { line, column, message } of [
          ...problems,
          { ...locate(['routes', 0, 'path']), message: 'locate' },
        ]) {
          const length = lines[line - 1]?.length;
          if (length === undefined || column < 1 || column > length + 1) {
            throw new Error(`${line}:${column} ${message} is outside`);
          }
          if (/\n/.test(message)) throw new Error(`a message of two lines: ${message}`);
        }
        const isBad = problems.some(({ severity }) => severity === 'error');
        if ((config === undefined) !== isBad) throw new Error('a configuration and an error, or neither');
      },
    ),
    { numRuns: 700 },
  );
  t.pass();
});

t.test('a place is found by path: values, keys, and the nearest parent of what is missing', async (t) => {
  const { locate } = loadText(CONTRACT);
  t.match(locate(['routes', 0, 'path']), { line: 10, column: 11 });
  t.match(locate(['routes', 0, 'path'], 'key'), { line: 10, column: 5 });
  t.match(locate(['routes', 1, 'access']), { line: 14, column: 60 });
  t.match(locate(['routes', 0, 'access', 'claims', 'plan', 1]), { line: 13, column: 49 });
  t.match(locate(['routes', 0, 'identity', 'headers']), { line: 9, column: 5 });
  t.match(locate(['routes', 7, 'name']), { line: 9, column: 3 });
  t.match(locate([]), { line: 1, column: 1 });
});

t.test('what later phases find is placed the same way, and not where a placeholder stands', async (t) => {
  const text = `${MINIMAL}listen: { host: "\${NOPE}" }\n`;
  const { report, resolvePath } = loadText(text, { missingVariables: 'placeholder' });
  t.same(
    report([
      { severity: 'error', path: ['routes', 0, 'upstream'], message: 'unreachable', hint: 'start it' },
      { severity: 'error', path: ['listen', 'host'], message: 'no such address' },
    ]),
    [
      {
        severity: 'error',
        message: 'unreachable',
        hint: 'start it',
        file: '/etc/sealgate/gateway.yaml',
        path: 'routes[0].upstream',
        line: 8,
        column: 15,
      },
    ],
  );
  t.equal(resolvePath('ca.pem'), '/etc/sealgate/ca.pem');
  t.equal(resolvePath('/run/ca.pem'), '/run/ca.pem');
});
