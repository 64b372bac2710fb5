/** The bytes of a backend, mostly damaged, and the request they respond to. */
export interface MutatedResponse {
  readonly method: string;
  readonly text: string;
  readonly pieces: readonly Buffer[];
}

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n`;
const WHOLE = [
  `${OK}Content-Length: 5\r\n\r\nhello`,
  `${OK}Date: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nhello\r\nworld`,
  `${OK}Content-Length: 0\r\n\r\n`,
  `${CHUNKED}\r\n5\r\nhello\r\n0\r\n\r\n`,
  `${CHUNKED}X: y\r\n\r\n3;a=b\r\nabc\r\n00A;c\r\n0123456789\r\n0\r\n\r\n`,
  `${CHUNKED}Trailer: ETag\r\n\r\n1\r\n\r\r\n0\r\nETag: "1"\r\nX-Sum:  9 \r\n\r\n`,
  `${OK}Connection: close\r\n\r\nup to the end`,
  'HTTP/1.0 200 OK\r\nServer: old\r\n\r\nup to the end',
  'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold',
  'HTTP/1.1 204 No Content\r\nVary: *\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nContent-Length: 5\r\n\r\n',
  'HTTP/1.1 404\r\nContent-Length: 2\r\n\r\nno',
  `HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`,
  `HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n${CHUNKED}\r\n2\r\nok\r\n0\r\n\r\n`,
  `${OK}Content-Length: 2\r\n\r\nok${OK}Content-Length: 2\r\n\r\nno`,
] as const;

/** What is put in anywhere. */
const SPICES = [
  ...[
    '\r',
    '\n',
    '\r\n',
    '\r\n\r\n',
    '\n\n',
    '\0',
    '\t',
    ' ',
    '  ',
    ':',
    ';',
    ',',
    '"',
    '\x0b',
    '\x7f',
    '\x80',
    '\xff',
    '+',
    '-',
  ],
  ...[
    '0',
    '1',
    '5',
    'a',
    'F',
    '0x',
    '00',
    '999999999999999999999',
    'ffffffffffffffff',
    '0\r\n',
    '0\r\n\r\n',
    '\r\n ',
    '\r\n\t',
  ],
  ...[
    'Content-Length: 5\r\n',
    'content-length:5\r\n',
    'Content-Length: 6\r\n',
    'Content-Length: 5, 5\r\n',
    'Content-Length : 5\r\n',
  ],
  ...[
    'Transfer-Encoding: chunked\r\n',
    'transfer-encoding:\tchunked\r\n',
    'Transfer-Encoding: gzip, chunked\r\n',
  ],
  ...[
    'Transfer-Encoding: identity\r\n',
    'Transfer-Encoding : chunked\r\n',
    'Transfer-Encoding\r\n: chunked\r\n',
    'chunked',
  ],
  ...[
    'Connection: close\r\n',
    'Connection: keep-alive\r\n',
    'Connection: upgrade\r\nUpgrade: x\r\n',
    'X: y\r\n',
    'X y\r\n',
    ': y\r\n',
  ],
  ...[
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 103 X\r\nContent-Length: 3\r\n\r\n',
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.0',
    'HTTP/2.0',
  ],
];
const METHODS = ['GET', 'GET', 'GET', 'HEAD', 'POST', 'DELETE'];

/** Park and Miller's generator: the same numbers from the same seed on every version of Node. */
export function createRandom(seed: number): (below: number) => number {
  let state = (seed % 2_147_483_646) + 1;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

/** Makes the next response: a good one, changed in up to three places, in one piece or in two. */
export function mutateResponse(random: (below: number) => number): MutatedResponse {
  const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T;
  let text: string = pick(WHOLE);
  for (let left = random(4); left > 0; left--) text = mutate(text, random, pick);
  const bytes = Buffer.from(text, 'latin1');
  const cut = random(3) === 0 ? bytes.length : random(bytes.length + 1);
  return {
    method: pick(METHODS),
    text,
    pieces: [bytes.subarray(0, cut), bytes.subarray(cut)].filter(({ length }) => length > 0),
  };
}

function mutate(text: string, random: (below: number) => number, pick: <T>(from: readonly T[]) => T): string {
  const at = random(text.length + 1);
  // Half of what is put in starts a line, where it matters most.
  const lineStart = text.indexOf('\n', at) + 1;
  const some = 1 + random(4);
  switch (random(7)) {
    case 0:
      return text.slice(0, at) + text.slice(at + some);
    case 1:
      return text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + pick(SPICES) + text.slice(at);
    case 3:
      return text.slice(0, at) + pick(SPICES) + text.slice(at + some);
    case 4:
      return text.slice(0, at) + text.slice(at, at + 8 * some) + text.slice(at);
    case 5:
      return text.slice(0, at);
    default:
      return text.slice(0, lineStart) + pick(SPICES) + text.slice(lineStart);
  }
}
