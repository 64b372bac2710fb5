import t from 'tap';
import { ResponseParser } from '../../../src/proxy/response/response-parser.ts';
import {
  checkResponse,
  everySplit,
  type ParsedResponse,
  readResponse,
} from '../../support/clients/read-response.ts';

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

interface Good extends Partial<ParsedResponse> {
  readonly method?: string;
}

/** What is not stated is: 200 OK with an empty body that ends by itself, on a connection that stays open. */
const GOOD: Readonly<Record<string, readonly [bytes: string, Good]>> = {
  'a stated length': [
    `${OK}Content-Length: 5\r\n\r\nhello`,
    { headers: ['Content-Length', '5'], body: 'hello' },
  ],
  'a length of 0': [`${OK}content-length:0\r\n\r\n`, { headers: ['content-length', '0'] }],
  'a length with zeros before it': [
    `${OK}Content-Length: 005\r\n\r\nhello`,
    { headers: ['Content-Length', '005'], body: 'hello' },
  ],
  'a body that looks like a response': [
    `${OK}Content-Length: 38\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`,
    { headers: ['Content-Length', '38'], body: 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n' },
  ],
  chunks: [
    `${CHUNKED}5\r\nhello\r\n006;a=b;c;d="e\\"\\\\"\r\n world\r\n0\r\n\r\n`,
    { headers: ['Transfer-Encoding', 'chunked'], body: 'hello world' },
  ],
  'chunks with a size in either case and an extension': [
    `${CHUNKED}a;x="0\t\xff"\r\n0123456789\r\nB\r\n0123456789a\r\n000;last\r\n\r\n`,
    { headers: ['Transfer-Encoding', 'chunked'], body: '01234567890123456789a' },
  ],
  'chunks that hold line ends and sizes': [
    `${CHUNKED}7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n`,
    { headers: ['Transfer-Encoding', 'chunked'], body: '\r\n0\r\n\r\n' },
  ],
  'sizes that are padded with blanks': [
    `${CHUNKED}5   \r\nhello\r\n1\t \r\n!\r\n0  \r\n\r\n`,
    { headers: ['Transfer-Encoding', 'chunked'], body: 'hello!' },
  ],
  'blanks around the parts of an extension': [
    `${CHUNKED}5 ;\ta\r\nhello\r\n1; a = b\t;c =\t"d" \r\n!\r\n0 ;e\r\n\r\n`,
    { headers: ['Transfer-Encoding', 'chunked'], body: 'hello!' },
  ],
  'chunks in capitals': [
    `${OK}TRANSFER-ENCODING:\t CHUNKED  \r\n\r\n0\r\n\r\n`,
    { headers: ['TRANSFER-ENCODING', 'CHUNKED'] },
  ],
  trailers: [
    `${CHUNKED}1\r\nx\r\n0\r\nETag: "1"\r\nA:\r\nA: 2 \r\n\r\n`,
    { headers: ['Transfer-Encoding', 'chunked'], body: 'x', trailers: ['ETag', '"1"', 'A', '', 'A', '2'] },
  ],
  'a body up to the end of the connection': [
    `${OK}X: y\r\n\r\nhello\r\n\r\n`,
    { headers: ['X', 'y'], body: 'hello\r\n\r\n', endedBy: 'close' },
  ],
  'nothing up to the end of the connection': [`${OK}\r\n`, { endedBy: 'close' }],
  'HTTP/1.0 up to the end of the connection': [
    'HTTP/1.0 200 OK\r\n\r\nhello',
    { body: 'hello', endedBy: 'close', keepAlive: false },
  ],
  'HTTP/1.0 with a length': [
    'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx',
    { headers: ['Content-Length', '1'], body: 'x', keepAlive: false },
  ],
  'HTTP/1.0 that stays open': [
    'HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: Keep-Alive\r\n\r\nx',
    { headers: ['Content-Length', '1', 'Connection', 'Keep-Alive'], body: 'x' },
  ],
  'a response to HEAD with a length': [
    `${OK}Content-Length: 5\r\n\r\n`,
    { method: 'HEAD', headers: ['Content-Length', '5'], keepAlive: false },
  ],
  'a response to HEAD with chunks': [
    CHUNKED,
    { method: 'HEAD', headers: ['Transfer-Encoding', 'chunked'], keepAlive: false },
  ],
  '204': ['HTTP/1.1 204 No Content\r\n\r\n', { status: 204, reason: 'No Content' }],
  '204 that speaks of a body': [
    'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n',
    { status: 204, reason: 'No Content', headers: ['Content-Length', '5'], keepAlive: false },
  ],
  '304 that speaks of chunks': [
    'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n',
    { status: 304, reason: 'Not Modified', headers: ['Transfer-Encoding', 'chunked'], keepAlive: false },
  ],
  'no words after the status': [
    'HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n',
    { status: 404, reason: '', headers: ['Content-Length', '0'] },
  ],
  'not even the space before them': [
    'HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n',
    { status: 404, reason: '', headers: ['Content-Length', '0'] },
  ],
  'words beyond ASCII': [
    'HTTP/1.1 200 \xc3\xa9\tx\r\nContent-Length: 0\r\n\r\n',
    { reason: '\xc3\xa9\tx', headers: ['Content-Length', '0'] },
  ],
  'a status that no list has': [
    'HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n',
    { status: 999, reason: 'X', headers: ['Content-Length', '0'] },
  ],
  'values of every byte that may be in one': [
    `${OK}X:\t a\tb \x80\xff~: \t\r\nContent-Length: 0\r\n\r\n`,
    { headers: ['X', 'a\tb \x80\xff~:', 'Content-Length', '0'] },
  ],
  'names of every character that may be in one': [
    `${OK}!#$%&'*+-.^_\`|~09azAZ: 1\r\nContent-Length: 0\r\n\r\n`,
    { headers: ["!#$%&'*+-.^_`|~09azAZ", '1', 'Content-Length', '0'] },
  ],
  'the same name twice': [
    `${OK}Set-Cookie: a\r\nset-cookie: b\r\nContent-Length: 0\r\n\r\n`,
    { headers: ['Set-Cookie', 'a', 'set-cookie', 'b', 'Content-Length', '0'] },
  ],
  'interim responses': [
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}Content-Length: 1\r\n\r\nx`,
    { interim: [100, 103], headers: ['Content-Length', '1'], body: 'x' },
  ],
  'an interim response that speaks of a body it cannot have': [
    `HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n${OK}Content-Length: 1\r\n\r\nx`,
    { interim: [103], headers: ['Content-Length', '1'], body: 'x' },
  ],
  'a change of protocol': [
    'HTTP/1.1 101 X\r\nUpgrade: y\r\n\r\n',
    { interim: [101], status: 0, keepAlive: false },
  ],
};

t.test('good responses are read', async (t) => {
  for (const [name, [bytes, { method, ...stated }]] of Object.entries(GOOD)) {
    const expected: ParsedResponse = {
      interim: [],
      status: 200,
      reason: stated.status === 0 || stated.interim?.includes(101) ? '' : 'OK',
      headers: [],
      body: '',
      trailers: [],
      endedBy: 'itself',
      keepAlive: true,
      surplus: 0,
      ...stated,
    };
    t.strictSame(readResponse([latin1(bytes)], method), expected, name);
  }
});

t.test('good responses are the same wherever they are cut in pieces', async (t) => {
  for (const [name, [text, { method }]] of Object.entries(GOOD)) {
    const bytes = latin1(text);
    const whole = JSON.stringify(readResponse([bytes], method));
    const other = [...everySplit(bytes)].filter(
      (pieces) => JSON.stringify(checkResponse(pieces, method)) !== whole,
    );
    t.equal(other.length, 0, name);
  }
});

t.test(
  'a good response that is cut off is not whole, unless the end of the connection is its end',
  async (t) => {
    for (const [name, [text, { method, endedBy }]] of Object.entries(GOOD)) {
      const bytes = latin1(text);
      const headEnd = endedBy === 'close' ? text.indexOf('\r\n\r\n') + 4 : bytes.length;
      for (let length = 0; length < headEnd; length++) {
        const checked = checkResponse([bytes.subarray(0, length)], method);
        if (typeof checked === 'string' || checked.endedBy !== 'nothing')
          t.fail(`${name}, after ${length} bytes`);
      }
    }
  },
);

t.test('what comes after a response is reported, not read', async (t) => {
  for (const [name, [text, { method, endedBy }]] of Object.entries(GOOD)) {
    if (endedBy === 'close') continue;
    const whole = readResponse([latin1(text)], method);
    for (const surplus of ['H', 'HTTP/1.1 200 OK\r\n\r\n', '\r\n', '\0']) {
      t.strictSame(
        readResponse([latin1(text + surplus)], method),
        { ...whole, surplus: surplus.length },
        name,
      );
    }
  }
});

const NO_END = 'Content-Length: 0\r\n\r\n';
/** Every one is whole: there is nothing to wait for. */
const BAD: Readonly<Record<string, string>> = {
  'another protocol': 'SSH-2.0-OpenSSH_9.2\r\n',
  'HTTP/2': 'HTTP/2 200 OK\r\n\r\n',
  'HTTP/2.0': `HTTP/2.0 200 OK\r\n${NO_END}`,
  'HTTP/0.9': `HTTP/0.9 200 OK\r\n${NO_END}`,
  'HTTP/1.2': `HTTP/1.2 200 OK\r\n${NO_END}`,
  'HTTP/1.10': `HTTP/1.10 200 OK\r\n${NO_END}`,
  'http/1.1': `http/1.1 200 OK\r\n${NO_END}`,
  'a request': 'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
  'an empty line before the response': `\r\n${OK}${NO_END}`,
  'a blank before the response': ` ${OK}${NO_END}`,
  'two blanks before the status': `HTTP/1.1  200 OK\r\n${NO_END}`,
  'a tab before the status': `HTTP/1.1\t200 OK\r\n${NO_END}`,
  'no status': `HTTP/1.1 OK\r\n${NO_END}`,
  'status 099': `HTTP/1.1 099 OK\r\n${NO_END}`,
  'status 000': `HTTP/1.1 000 OK\r\n${NO_END}`,
  'a status of two digits': `HTTP/1.1 20 OK\r\n${NO_END}`,
  'a status of four digits': `HTTP/1.1 2000 OK\r\n${NO_END}`,
  'a status with a sign': `HTTP/1.1 +20 OK\r\n${NO_END}`,
  'a status in hexadecimal': `HTTP/1.1 2a0 OK\r\n${NO_END}`,
  'a status that ends in a tab': `HTTP/1.1 200\tOK\r\n${NO_END}`,
  'a CR after the status': `HTTP/1.1 200\rOK\r\n${NO_END}`,
  'a CR in the words': `HTTP/1.1 200 O\rK\r\n${NO_END}`,
  'a NUL in the words': `HTTP/1.1 200 O\0K\r\n${NO_END}`,
  'a DEL in the words': `HTTP/1.1 200 O\x7fK\r\n${NO_END}`,
  'a status line that ends with LF': `HTTP/1.1 200 OK\n${NO_END}`,
  'lines that end with LF': 'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
  'a field that ends with LF': `${OK}A: b\n${NO_END}`,
  'an empty line of LF': `${OK}Content-Length: 0\r\n\n`,
  'a field that ends with CR': `${OK}A: b\rX: y\r\n${NO_END}`,
  'a CR before CR LF': `${OK}A: b\r\r\n${NO_END}`,
  'a folded field': `${OK}A: b\r\n c\r\n${NO_END}`,
  'a field folded by a tab': `${OK}A: b\r\n\tc\r\n${NO_END}`,
  'a folded length': `${OK}Content-Length:\r\n 5\r\n\r\nhello`,
  'a folded first line': `${OK} A: b\r\n${NO_END}`,
  'a blank before the colon': `${OK}Content-Length : 0\r\n\r\n`,
  'a tab before the colon': `${OK}A\t: b\r\n${NO_END}`,
  'a field without a colon': `${OK}A\r\n${NO_END}`,
  'a field without a name': `${OK}: b\r\n${NO_END}`,
  'a name with a blank': `${OK}A b: c\r\n${NO_END}`,
  'a name with a bracket': `${OK}A(b): c\r\n${NO_END}`,
  'a name beyond ASCII': `${OK}\xe4: c\r\n${NO_END}`,
  'a name with a NUL': `${OK}A\0: c\r\n${NO_END}`,
  'a value with a NUL': `${OK}A: b\0c\r\n${NO_END}`,
  'a value with a DEL': `${OK}A: b\x7fc\r\n${NO_END}`,
  'a value with an escape': `${OK}A: \x1b[31m\r\n${NO_END}`,
  'two lengths': `${OK}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
  'the same length twice': `${OK}Content-Length: 5\r\ncontent-length: 5\r\n\r\nhello`,
  'a list of lengths': `${OK}Content-Length: 5, 5\r\n\r\nhello`,
  'an empty length': `${OK}Content-Length:\r\n\r\n`,
  'a length with a sign': `${OK}Content-Length: +5\r\n\r\nhello`,
  'a length below 0': `${OK}Content-Length: -1\r\n\r\nhello`,
  'a length in hexadecimal': `${OK}Content-Length: 0x5\r\n\r\nhello`,
  'a length with a point': `${OK}Content-Length: 5.0\r\n\r\nhello`,
  'a length with an exponent': `${OK}Content-Length: 5e0\r\n\r\nhello`,
  'a length in two parts': `${OK}Content-Length: 5 5\r\n\r\nhello`,
  'a length that no number holds': `${OK}Content-Length: 9007199254740993\r\n\r\nhello`,
  'a length that runs over': `${OK}Content-Length: 18446744073709551621\r\n\r\nhello`,
  'a length in other digits': `${OK}Content-Length: \xb2\r\n\r\nhello`,
  'a length and chunks': `${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'chunks and a length': `${OK}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
  'chunks and a length in a 204': 'HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n',
  'two codings in one field': `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  'chunks, then another coding': `${OK}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`,
  'chunks twice in one field': `${OK}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
  'chunks twice': `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'a coding that is not known': `${OK}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
  'a coding with a parameter': `${OK}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n`,
  'a coding in quotes': `${OK}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`,
  'a coding with a comma': `${OK}Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n`,
  'the coding identity': `${OK}Transfer-Encoding: identity\r\n\r\nhello`,
  'no coding': `${OK}Transfer-Encoding:\r\n\r\nhello`,
  'a vertical tab before the coding': `${OK}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`,
  'a tab after the coding': `${OK}Transfer-Encoding: chunked\t \r\n\r\n0\r\n\r\n`,
  'a tab after the length': `${OK}Content-Length: 5 \t\r\n\r\nhello`,
  'chunks in HTTP/1.0': 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'a chunk without a size': `${CHUNKED}\r\nhello\r\n0\r\n\r\n`,
  'a chunk of an extension only': `${CHUNKED};a\r\nhello\r\n0\r\n\r\n`,
  'a size that is no number': `${CHUNKED}g\r\n`,
  'a size with a sign': `${CHUNKED}+5\r\nhello\r\n0\r\n\r\n`,
  'a size below 0': `${CHUNKED}-1\r\nhello\r\n0\r\n\r\n`,
  'a size with 0x': `${CHUNKED}0x5\r\nhello\r\n0\r\n\r\n`,
  'a size after a blank': `${CHUNKED} 5\r\nhello\r\n0\r\n\r\n`,
  'a blank within a size': `${CHUNKED}0 5\r\nhello\r\n0\r\n\r\n`,
  'a size that is blanks': `${CHUNKED}  \r\nhello\r\n0\r\n\r\n`,
  'a size before a vertical tab': `${CHUNKED}5\x0b\r\nhello\r\n0\r\n\r\n`,
  'a size before a blank that is none of HTTP': `${CHUNKED}5\xa0\r\nhello\r\n0\r\n\r\n`,
  'a size, a blank and LF': `${CHUNKED}5 \nhello\r\n0\r\n\r\n`,
  'a size, a blank and CR': `${CHUNKED}5 \rhello\r\n0\r\n\r\n`,
  'a blank within the name of an extension': `${CHUNKED}5;a b\r\nhello\r\n0\r\n\r\n`,
  'two values of an extension': `${CHUNKED}5;a=b c\r\nhello\r\n0\r\n\r\n`,
  'a size that no number holds': `${CHUNKED}20000000000001\r\nhello\r\n0\r\n\r\n`,
  'a size that runs over': `${CHUNKED}10000000000000005\r\nhello\r\n0\r\n\r\n`,
  'a size that ends with LF': `${CHUNKED}5\nhello\r\n0\r\n\r\n`,
  'a size that ends with CR': `${CHUNKED}5\rhello\r\n0\r\n\r\n`,
  'a CR in an extension': `${CHUNKED}5;a\rb\r\nhello\r\n0\r\n\r\n`,
  'a LF in an extension': `${CHUNKED}5;a\nb\r\nhello\r\n0\r\n\r\n`,
  'a NUL in an extension': `${CHUNKED}5;a\0b\r\nhello\r\n0\r\n\r\n`,
  'an extension without a name': `${CHUNKED}5;=a\r\nhello\r\n0\r\n\r\n`,
  'an extension without a value': `${CHUNKED}5;a=\r\nhello\r\n0\r\n\r\n`,
  'an extension that is not closed': `${CHUNKED}5;a="b\r\nhello\r\n0\r\n\r\n`,
  'an extension after a quoted one': `${CHUNKED}5;a="b"c\r\nhello\r\n0\r\n\r\n`,
  'an empty extension': `${CHUNKED}5;\r\nhello\r\n0\r\n\r\n`,
  'an extension without a semicolon': `${CHUNKED}5 a=b\r\nhello\r\n0\r\n\r\n`,
  'a chunk that is longer than its size': `${CHUNKED}4\r\nhello\r\n0\r\n\r\n`,
  'a chunk that is shorter than its size': `${CHUNKED}6\r\nhello\r\n0\r\n\r\n`,
  'a chunk that ends with LF': `${CHUNKED}5\r\nhello\n0\r\n\r\n`,
  'a chunk that ends with CR': `${CHUNKED}5\r\nhello\r0\r\n\r\n`,
  'a chunk that ends with nothing': `${CHUNKED}5\r\nhello0\r\n\r\n`,
  'a last chunk with LF': `${CHUNKED}0\n\n`,
  'trailers that end with LF': `${CHUNKED}0\r\n\n`,
  'a trailer without a colon': `${CHUNKED}0\r\nA\r\n\r\n`,
  'a folded trailer': `${CHUNKED}0\r\nA: b\r\n c\r\n\r\n`,
  'a length among the trailers': `${CHUNKED}0\r\nA: b\r\ncontent-length: 5\r\n\r\n`,
  'a coding among the trailers': `${CHUNKED}0\r\nTransfer-Encoding: chunked\r\n\r\n`,
  'a trailer with LF': `${CHUNKED}0\r\nA: b\nC: d\r\n\r\n`,
  'a trailer with a NUL': `${CHUNKED}0\r\nA: \0\r\n\r\n`,
  'a response in place of trailers': `${CHUNKED}0\r\nHTTP/1.1 200 OK\r\n\r\n`,
  'a body after an interim response': `HTTP/1.1 103 X\r\nContent-Length: 5\r\n\r\nhello${OK}${NO_END}`,
  'an interim response with length and chunks': `HTTP/1.1 103 X\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n${OK}${NO_END}`,
  'an interim response of HTTP/1.0': `HTTP/1.0 100 Continue\r\n\r\n${OK}${NO_END}`,
  'an interim response with two lengths': `HTTP/1.1 103 X\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n${OK}${NO_END}`,
};

t.test('what two readers could read in two ways is refused, wherever it is cut in pieces', async (t) => {
  for (const [name, text] of Object.entries(BAD)) {
    const checked = new Set(Array.from(everySplit(latin1(text)), (pieces) => checkResponse(pieces)));
    t.strictSame([...checked], ['InvalidResponse'], name);
  }
});

t.test('fields, trailers and extensions are bounded, in one piece and in many', async (t) => {
  const kib = (count: number): string => 'x'.repeat(count * 1024);
  const tooLarge = {
    'one field': `${OK}A: ${kib(64)}\r\n\r\n`,
    'many fields': `${OK}${'A: b\r\n'.repeat(12_000)}\r\n`,
    'fields without an end': `${OK}A: ${kib(65)}`,
    'a size without an end': `${CHUNKED}${'0'.repeat(66 * 1024)}`,
    'an extension': `${CHUNKED}1;${kib(64)}\r\nx\r\n0\r\n\r\n`,
    'many extensions': `${CHUNKED}${`1;${kib(1)}\r\nx\r\n`.repeat(64)}0\r\n\r\n`,
    'a trailer': `${CHUNKED}0\r\nA: ${kib(64)}\r\n\r\n`,
    'many trailers': `${CHUNKED}0\r\n${'A: b\r\n'.repeat(12_000)}\r\n`,
  };
  for (const [name, text] of Object.entries(tooLarge)) {
    const bytes = latin1(text);
    const inPieces = Array.from({ length: Math.ceil(bytes.length / 100) }, (_, i) =>
      bytes.subarray(i * 100, i * 100 + 100),
    );
    t.equal(checkResponse([bytes]), 'ResponseTooLarge', name);
    t.equal(checkResponse(inPieces), 'ResponseTooLarge', `${name}, in pieces`);
  }
  const atMost = `${OK}${NO_END}`;
  const filled = `${OK}A: ${'x'.repeat(64 * 1024 - atMost.length - 5)}\r\n${NO_END}`;
  t.equal(filled.length, 64 * 1024);
  t.equal(readResponse([latin1(filled)]).endedBy, 'itself', 'as much as may be');
});

t.test('as many trailers as there may be cost no time to speak of', async (t) => {
  const bytes = latin1(`${CHUNKED}0\r\n${'a:\r\n'.repeat(16_000)}\r\n`);
  const before = performance.now();
  t.equal(readResponse([bytes]).trailers.length, 32_000);
  t.ok(performance.now() - before < 500);
});

t.test('a connection stays open when and for as long as the backend states', async (t) => {
  const cases: readonly (readonly [lines: string, keepAlive: boolean, ms?: number])[] = [
    ['', true],
    ['Connection: close\r\n', false],
    ['Connection: Close\r\n', false],
    ['connection: keep-alive, close\r\n', false],
    ['Connection: x,close,y\r\n', false],
    ['Connection: x\r\nConnection: close\r\n', false],
    ['Connection:\r\nConnection: close\r\n', false],
    ['Connection: closed\r\n', true],
    ['Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n', true, 5000],
    ['Keep-Alive: max=100, Timeout=7\r\n', true, 7000],
    ['Keep-Alive: timeout="0"\r\n', true, 0],
    ['Keep-Alive: xtimeout=5\r\n', true],
    ['Keep-Alive: timeout=-5\r\n', true],
    ['Keep-Alive: timeout=1e9\r\n', true, 1000],
    ['Keep-Alive: \r\n', true],
  ];
  for (const [lines, keepAlive, ms] of cases) {
    const parser = new ResponseParser({ head() {}, data() {} });
    parser.begin('GET');
    parser.read(latin1(`${OK}${lines}${NO_END}`));
    t.strictSame([parser.keepAlive, parser.keepAliveMs], [keepAlive, ms], lines.trim() || 'silence');
    parser.begin('GET');
    parser.read(latin1('HTTP/1.1 101 X\r\n\r\n'));
    t.equal(parser.keepAlive, false, 'and nothing of it holds for the next response');
  }
});

t.test('a response leaves nothing to the next one on the connection', async (t) => {
  let read = '';
  const parser = new ResponseParser({
    head({ status, headers }) {
      read += `${status} ${headers.join()} `;
    },
    data(bytes, start, end) {
      read += bytes.toString('latin1', start, end);
    },
  });
  const readNext = (text: string): string => {
    read = '';
    parser.begin('GET');
    parser.read(latin1(text));
    return `${read} ${parser.trailers.join()} ${parser.keepAlive} ${parser.isComplete}`;
  };
  const texts = Object.values(GOOD).flatMap(([text, { method, endedBy }]) =>
    method === undefined && endedBy !== 'close' ? [text] : [],
  );
  const alone = texts.map(readNext);
  for (const first of texts) {
    for (const [at, second] of texts.entries()) {
      readNext(first);
      if (readNext(second) !== alone[at]) t.fail(`${second} after ${first}`);
    }
  }
});

t.test('bytes before a request and after a response belong to nobody', async (t) => {
  const parser = new ResponseParser({ head: () => t.fail(), data: () => t.fail() });
  t.throws(() => parser.read(latin1('H')));
  t.notOk(parser.end());
  t.notOk(parser.isComplete);
});
