import t from 'tap';
import type { RefusalCode } from '../../src/core/refusals.ts';
import { exchangeRaw, rawRequest } from '../support/clients/raw.ts';
import { startHarness } from '../support/gateway/gateway-harness.ts';

/** What is sent, byte by byte, and the refusal it must get. `closes` is the rule for everything that breaks framing. */
interface Attack {
  readonly name: string;
  readonly bytes: string;
  readonly code: RefusalCode;
}

const HOST = 'Host: api.example.com';
const SMUGGLED = 'GET /protected/smuggled HTTP/1.1\r\nHost: api.example.com\r\n\r\n';
const post =
  (...headers: string[]) =>
  (body: string) =>
    rawRequest('POST /public HTTP/1.1', headers, body);
const chunked = post('Transfer-Encoding: chunked');

const TRANSFER_ENCODINGS = [
  'identity',
  'gzip',
  'gzip, chunked',
  'chunked, chunked',
  'chunked, identity',
  'identity, chunked',
  'chunked;q=1',
  'chunked,',
  ', chunked',
  'xchunked',
  'chunkedx',
  'chun ked',
  '"chunked"',
  'chunked\x0b',
  '\x0bchunked',
  'chunked\x00',
  '\x00chunked',
  'chunked\x80',
  'cow, chunked',
  'trailers, chunked',
  '',
];

/** Two parsers must never see two requests where there is one. */
const TWO_READINGS: readonly Attack[] = [
  {
    name: 'CL.TE',
    bytes: post('Content-Length: 6', 'Transfer-Encoding: chunked')(`0\r\n\r\n${SMUGGLED}`),
    code: 'bad_request',
  },
  {
    name: 'TE.CL',
    bytes: post('Transfer-Encoding: chunked', 'Content-Length: 4')(`5c\r\n${SMUGGLED}\r\n0\r\n\r\n`),
    code: 'bad_request',
  },
  {
    name: 'TE.TE, both chunked',
    bytes: post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')('0\r\n\r\n'),
    code: 'bad_request',
  },
  {
    name: 'TE.TE, the second unknown',
    bytes: post('Transfer-Encoding: chunked', 'Transfer-Encoding: cow')('0\r\n\r\n'),
    code: 'bad_request',
  },
  {
    name: 'TE.TE, the first unknown',
    bytes: post('Transfer-Encoding: cow', 'Transfer-Encoding: chunked')('0\r\n\r\n'),
    code: 'bad_request',
  },
  {
    name: 'Transfer-Encoding in HTTP/1.0',
    bytes: `POST /public HTTP/1.0\r\n${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    code: 'bad_request',
  },
  ...TRANSFER_ENCODINGS.map((coding) => ({
    name: `Transfer-Encoding: ${JSON.stringify(coding)}`,
    bytes: post(`Transfer-Encoding: ${coding}`)(`0\r\n\r\n${SMUGGLED}`),
    code: 'bad_request' as const,
  })),
  ...[
    'Transfer-Encoding : chunked',
    'Transfer-Encoding\t: chunked',
    ' Transfer-Encoding: chunked',
    '\tTransfer-Encoding: chunked',
    'Transfer-Encoding\x00: chunked',
    'Transfer-Encoding\x0b: chunked',
    'Transfer Encoding: chunked',
    'X: y\r\n Transfer-Encoding: chunked',
    'Transfer-Encoding:\r\n chunked',
    'Transfer-Encoding: chunked\r\n ',
    'X: y\nTransfer-Encoding: chunked',
    'X: y\rTransfer-Encoding: chunked',
  ].map((line) => ({
    name: `the line ${JSON.stringify(line)}`,
    bytes: post('Content-Length: 0', line)(SMUGGLED),
    code: 'bad_request' as const,
  })),
];

/** Lengths that are none, or two. */
const LENGTHS: readonly Attack[] = [
  ['Content-Length: 5', 'Content-Length: 5'],
  ['Content-Length: 5', 'Content-Length: 6'],
  ['Content-Length: 5', 'content-length: 0'],
  ['Content-Length: 5, 5'],
  ['Content-Length: 5,'],
  ['Content-Length: +5'],
  ['Content-Length: -5'],
  ['Content-Length: 5 5'],
  ['Content-Length: 5.0'],
  ['Content-Length: 5e0'],
  ['Content-Length: 0x5'],
  ['Content-Length: 5;'],
  ['Content-Length: "5"'],
  ['Content-Length: five'],
  ['Content-Length:'],
  ['Content-Length: 18446744073709551621'],
  ['Content-Length: 99999999999999999999999999999'],
  ['Content-Length : 5'],
  ['Content-Length\t: 5'],
  ['Content-Length: 5\x00'],
  ['Content-Length: \x0b5'],
  ['Content-Length: 5\r\n 5'],
].map((lines) => ({
  name: lines.join(' | '),
  bytes: post(...lines)(`hello${SMUGGLED}`),
  code: 'bad_request' as const,
}));

/** Chunks that two parsers read differently. */
const CHUNKS: readonly Attack[] = [
  '-1\r\n\r\n',
  '+1\r\na\r\n0\r\n\r\n',
  '0x1\r\na\r\n0\r\n\r\n',
  ' 1\r\na\r\n0\r\n\r\n',
  '1 \r\na\r\n0\r\n\r\n',
  '1\t\r\na\r\n0\r\n\r\n',
  '1_0\r\na\r\n0\r\n\r\n',
  'g\r\na\r\n0\r\n\r\n',
  '\r\n1\r\na\r\n0\r\n\r\n',
  '1\na\r\n0\r\n\r\n',
  '1\r\na\n0\r\n\r\n',
  '1\r\na0\r\n\r\n',
  '1\r\nab\r\n0\r\n\r\n',
  '1\ra\r\n0\r\n\r\n',
  '1;\n\r\na\r\n0\r\n\r\n',
  '1;a=\x00\r\na\r\n0\r\n\r\n',
  '1;a="\r\na\r\n0\r\n\r\n',
  '1;\ra\r\n0\r\n\r\n',
  '10000000000000000\r\n',
  'fffffffffffffffff\r\n',
  'ffffffffffffffffffffffffffffffffffffff\r\n',
  '1;a\r\na\r\n0\r\n X: y\r\n\r\n',
  '0\r\nContent-Length : 5\r\n\r\n',
  '0\r\nX\x00: y\r\n\r\n',
  '0\nX: y\r\n\r\n',
].map((body) => ({
  name: `the chunks ${JSON.stringify(body.slice(0, 60))}`,
  bytes: chunked(body + SMUGGLED),
  code: 'bad_request' as const,
}));

/** Lines that are not lines of HTTP/1.1. */
const LINES: readonly Attack[] = [
  ['bare LF at the request line', `GET /public HTTP/1.1\n${HOST}\r\n\r\n`],
  ['bare LF between fields', `GET /public HTTP/1.1\r\n${HOST}\nX: y\r\n\r\n`],
  ['bare LF at the end', `GET /public HTTP/1.1\r\n${HOST}\r\n\n`],
  ['bare CR in a value', `GET /public HTTP/1.1\r\n${HOST}\r\nX: a\rb\r\n\r\n`],
  ['bare CR as a line end', `GET /public HTTP/1.1\r\n${HOST}\rX: y\r\n\r\n`],
  ['obs-fold with a space', `GET /public HTTP/1.1\r\n${HOST}\r\nX: a\r\n b\r\n\r\n`],
  ['obs-fold with a TAB', `GET /public HTTP/1.1\r\n${HOST}\r\nX: a\r\n\tb\r\n\r\n`],
  ['a folded first line', `GET /public HTTP/1.1\r\n X: y\r\n${HOST}\r\n\r\n`],
  ['a space before the colon', `GET /public HTTP/1.1\r\n${HOST}\r\nX : y\r\n\r\n`],
  ['a field without a colon', `GET /public HTTP/1.1\r\n${HOST}\r\nX y\r\n\r\n`],
  ['a field without a name', `GET /public HTTP/1.1\r\n${HOST}\r\n: y\r\n\r\n`],
  ['NUL in a value', `GET /public HTTP/1.1\r\n${HOST}\r\nX: a\x00b\r\n\r\n`],
  ['NUL in a name', `GET /public HTTP/1.1\r\n${HOST}\r\nX\x00Y: b\r\n\r\n`],
  ['DEL in a value', `GET /public HTTP/1.1\r\n${HOST}\r\nX: a\x7fb\r\n\r\n`],
  ['a control in a value', `GET /public HTTP/1.1\r\n${HOST}\r\nX: a\x01b\r\n\r\n`],
  ['a name with a bracket', `GET /public HTTP/1.1\r\n${HOST}\r\nX(a): b\r\n\r\n`],
  ['a name with 8-bit', `GET /public HTTP/1.1\r\n${HOST}\r\nX\xe9: b\r\n\r\n`],
  ['HTTP/0.9', 'GET /public\r\n\r\n'],
  ['HTTP/0.9 by name', `GET /public HTTP/0.9\r\n${HOST}\r\n\r\n`],
  ['HTTP/1.2', `GET /public HTTP/1.2\r\n${HOST}\r\n\r\n`],
  ['HTTP/2.0 by name', `GET /public HTTP/2.0\r\n${HOST}\r\n\r\n`],
  ['HTTP/9.9', `GET /public HTTP/9.9\r\n${HOST}\r\n\r\n`],
  ['HTTP/1.10', `GET /public HTTP/1.10\r\n${HOST}\r\n\r\n`],
  ['HTTP/01.1', `GET /public HTTP/01.1\r\n${HOST}\r\n\r\n`],
  ['http/1.1 in lower case', `GET /public http/1.1\r\n${HOST}\r\n\r\n`],
  ['a TAB in the request line', `GET\t/public HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['a space in front of the method', ` GET /public HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['a method in lower case', `get /public HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['a method in mixed case', `Get /public HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['an unknown method', `FETCH /public HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['a huge method', `${'A'.repeat(60_000)} /public HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['a method with NUL', `G\x00ET /public HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00'],
  ['a TLS greeting', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['bytes of nothing', '\x00\x01\x02\x03\xff\xfe\r\n\r\n'],
  ['a response', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  [
    'a PROXY header that is not expected',
    `PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET /public HTTP/1.1\r\n${HOST}\r\n\r\n`,
  ],
].map(([name, bytes]) => ({ name: name as string, bytes: bytes as string, code: 'bad_request' as const }));

/** Too much of a head. */
const BOMBS: readonly Attack[] = [
  {
    name: '101 fields',
    bytes: rawRequest(
      'GET /public HTTP/1.1',
      Array.from({ length: 100 }, (_, i) => `X-${i}: y`),
    ),
    code: 'headers_too_large',
  },
  {
    name: '2,000 fields with the token behind them',
    bytes: rawRequest('GET /protected HTTP/1.1', [
      ...Array.from({ length: 2000 }, (_, i) => `X${i}: y`),
      'Authorization: Bearer x',
    ]),
    code: 'headers_too_large',
  },
  {
    name: 'one field of 64 KiB',
    bytes: rawRequest('GET /public HTTP/1.1', [`X: ${'y'.repeat(65_536)}`]),
    code: 'headers_too_large',
  },
  {
    name: 'a name of 64 KiB',
    bytes: rawRequest('GET /public HTTP/1.1', [`${'X'.repeat(65_536)}: y`]),
    code: 'headers_too_large',
  },
  {
    name: 'a target of 64 KiB',
    bytes: rawRequest(`GET /public/${'a'.repeat(65_536)} HTTP/1.1`),
    code: 'headers_too_large',
  },
  {
    name: 'chunk extensions of 64 KiB',
    bytes: chunked(`1;${'a'.repeat(65_536)}\r\na\r\n0\r\n\r\n`),
    code: 'bad_request',
  },
  {
    name: 'trailers of 64 KiB',
    bytes: chunked(
      `0\r\n${Array.from({ length: 700 }, (_, i) => `X-${i}: ${'y'.repeat(90)}\r\n`).join('')}\r\n`,
    ),
    code: 'headers_too_large',
  },
];

/** What Node's parser reads with some patience. There is one reading, and what goes up is written anew from it. */
const ONE_READING: readonly { readonly name: string; readonly bytes: string; readonly body: string }[] = [
  { name: 'two spaces before the target', bytes: `GET  /public HTTP/1.1\r\n${HOST}\r\n\r\n`, body: '' },
  { name: 'two spaces after the target', bytes: `GET /public  HTTP/1.1\r\n${HOST}\r\n\r\n`, body: '' },
  { name: 'an empty line in front', bytes: `\r\n\r\n${rawRequest('GET /public HTTP/1.1')}`, body: '' },
  { name: 'a field without a value', bytes: rawRequest('GET /public HTTP/1.1', ['X:']), body: '' },
  { name: '8-bit in a value', bytes: rawRequest('GET /public HTTP/1.1', ['X: \xe9\xff']), body: '' },
  { name: 'zeros before a chunk size', bytes: chunked(`${'0'.repeat(40)}1\r\na\r\n0\r\n\r\n`), body: 'a' },
  { name: 'a length with zeros in front', bytes: post('Content-Length: 0001')('a'), body: 'a' },
  { name: 'a chunk extension', bytes: chunked('1;name="a;b"\r\na\r\n0\r\n\r\n'), body: 'a' },
  {
    name: 'CHUNKED in capitals',
    bytes: post('Transfer-Encoding: CHUNKED')('1\r\na\r\n0\r\n\r\n'),
    body: 'a',
  },
  {
    name: 'small chunks with extensions that are larger than they are',
    bytes: chunked(`${`1;${'x'.repeat(60)}\r\na\r\n`.repeat(1100)}0\r\n\r\n`),
    body: 'a'.repeat(1100),
  },
];

t.test('what the parser is patient with goes up in one clean form', async (t) => {
  const harness = await startHarness(t);
  for (const { name, bytes, body } of ONE_READING) {
    harness.upstream.reset();
    const { response } = await exchangeRaw(harness.port, bytes);
    t.equal(response?.status, 200, name);
    const [seen] = harness.upstream.requests;
    t.equal(seen?.target, '/public', name);
    t.equal(seen?.body.toString(), body, name);
    t.equal(harness.upstream.requests.length, 1, name);
  }
});

const TABLES: readonly (readonly [string, readonly Attack[]])[] = [
  ['two readings', TWO_READINGS],
  ['lengths', LENGTHS],
  ['chunks', CHUNKS],
  ['lines', LINES],
  ['bombs', BOMBS],
];

for (const [name, attacks] of TABLES) {
  t.test(
    `${name} get their refusal and a closed connection, and what was smuggled reaches nobody`,
    async (t) => {
      const harness = await startHarness(t, {
        routes: [
          { name: 'public', path: '/public', upstream: 'backend', access: 'public' },
          { name: 'protected', path: '/protected', upstream: 'backend', access: 'public' },
        ],
      });
      for (const attack of attacks) {
        harness.upstream.reset();
        const { response, closed } = await exchangeRaw(harness.port, attack.bytes);
        t.equal(response?.code, attack.code, attack.name);
        t.equal(closed, true, `${attack.name}: closes`);
        const smuggled = harness.upstream.requests.filter(({ target }) => target.includes('smuggled'));
        t.equal(smuggled.length, 0, `${attack.name}: nothing smuggled`);
      }
      t.equal(
        (await exchangeRaw(harness.port, rawRequest('GET /public HTTP/1.1'))).response?.status,
        200,
        'still serving',
      );
      t.strictSame(harness.warnings, []);
    },
  );
}

t.test('a head that is refused never costs the backend a byte', async (t) => {
  const harness = await startHarness(t);
  for (const { name, bytes } of [...TWO_READINGS, ...LENGTHS, ...LINES, ...BOMBS.slice(0, 5)]) {
    await exchangeRaw(harness.port, bytes);
    t.equal(harness.upstream.bytes(), 0, name);
  }
});
