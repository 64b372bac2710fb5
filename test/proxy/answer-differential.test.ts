import t from 'tap';
import { readAnswerByNode } from '../support/node-answer.ts';
import { judgeAnswer, type ParsedAnswer, type ReadAnswer } from '../support/read-answer.ts';

const CASES = Number(process.env.ANSWER_CASES ?? 20_000);
const SEED = Number(process.env.ANSWER_SEED ?? Date.now() % 1_000_000_000);
const AT_ONCE = 100;

interface Case {
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

/** Answers that we take and Node does not, or takes for another: what it is, and why that is well. */
const EXCEPTIONS: Readonly<Record<string, (ours: ParsedAnswer, { method, text }: Case) => boolean>> = {
  // The parser stops there, and the connection takes it for an answer to a handshake only.
  'a change of protocol': ({ interim }) => interim.includes(101),
  // RFC 9112 §7.1.1 wants them read over, and old servers pad every size with them; Node does neither.
  'a chunk size with blanks behind it': (_, { text }) => /^[0-9a-f]+(?:[\t ]|;[^\r\n]*[\t ])/im.test(text),
  // The field is about the connection after the answer. Node takes the interim answer itself for the last one.
  'an interim answer that announces the close': ({ interim }, { text }) =>
    interim.length > 0 && /connection:[^\r]*close/i.test(text.slice(0, text.lastIndexOf('HTTP/1.'))),
};

/** Park and Miller's generator: the same numbers from the same seed on every version of Node. */
function createRandom(seed: number): (below: number) => number {
  let state = (seed % 2_147_483_646) + 1;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

function makeCase(random: (below: number) => number): Case {
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
  // Half of what is put in starts a line, where it says most.
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

function essence({ interim, status, reason, headers, body, trailers }: ReadAnswer): string {
  return JSON.stringify([interim, status, reason, headers, body, trailers]);
}

t.test(`what we take for an answer Node takes for the same one (seed ${SEED})`, async (t) => {
  const random = createRandom(SEED);
  const wrong: unknown[] = [];
  const tally = { both: 0, neither: 0, 'only Node': 0 };
  const excepted: Record<string, number> = {};

  const play = async (one: Case): Promise<void> => {
    const ours = judgeAnswer(one.pieces, one.method);
    const nodes = await readAnswerByNode(one.pieces, one.method);
    if (typeof ours === 'string' || ours.endedBy === 'nothing') {
      tally[nodes === undefined ? 'neither' : 'only Node'] += 1;
      return;
    }
    if (nodes !== undefined && essence(ours) === essence(nodes)) {
      tally.both += 1;
      return;
    }
    const exception = Object.keys(EXCEPTIONS).find((name) => EXCEPTIONS[name]?.(ours, one));
    if (exception === undefined)
      wrong.push({ method: one.method, text: one.text, ours: essence(ours), nodes: nodes && essence(nodes) });
    else excepted[exception] = (excepted[exception] ?? 0) + 1;
  };
  for (let left = CASES; left > 0; left -= AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, left) }, () => play(makeCase(random))));
  }

  t.comment(JSON.stringify({ ...tally, ...excepted }));
  t.strictSame(wrong.slice(0, 5), [], `${wrong.length} answers are read in two ways`);
  t.ok(tally.both > CASES / 5, 'many were answers');
  t.ok(tally.neither > CASES / 5, 'and many were not');
});
