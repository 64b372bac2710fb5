import { ResponseParser } from '../../../src/proxy/response/response-parser.ts';

/** What a reader made of the bytes of one response. */
export interface ReadResponse {
  /** Statuses of the interim responses before it. */
  readonly interim: readonly number[];
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
}

/** What our parser made of them. */
export interface ParsedResponse extends ReadResponse {
  /** What ended it: the parser by itself, the end of the connection, or nothing. */
  readonly endedBy: 'itself' | 'close' | 'nothing';
  /** Whether the connection may be used again. */
  readonly keepAlive: boolean;
  /** Bytes that came after it. */
  readonly surplus: number;
}

/** Feeds the pieces to a parser of its own and then ends the connection. Pieces are blotted out after each read, as a shared buffer would be. */
export function readResponse(pieces: readonly Buffer[], method = 'GET'): ParsedResponse {
  const interim: number[] = [];
  let status = 0;
  let reason = '';
  let headers: readonly string[] = [];
  let body = '';
  let surplus = 0;
  const parser = new ResponseParser({
    head(head) {
      if (head.status < 200) interim.push(head.status);
      else if (status !== 0) throw new Error('a second head');
      else ({ status, reason, headers } = head);
    },
    data(bytes, start, end) {
      if (start >= end) throw new Error('an empty piece of a body');
      body += bytes.toString('latin1', start, end);
    },
  });
  parser.begin(method);
  for (const piece of pieces) {
    const bytes = Buffer.from(piece);
    const taken = parser.isComplete ? 0 : parser.read(bytes);
    if (taken < bytes.length && !parser.isComplete) throw new Error('bytes left over in a response');
    surplus += bytes.length - taken;
    bytes.fill('?');
  }
  const endedBy = parser.isComplete ? 'itself' : parser.end() ? 'close' : 'nothing';
  const { keepAlive, trailers } = parser;
  return { interim, status, reason, headers, body, trailers, endedBy, keepAlive, surplus };
}

/** The same, with the name of the error in place of what is no response. */
export function checkResponse(pieces: readonly Buffer[], method = 'GET'): ParsedResponse | string {
  try {
    return readResponse(pieces, method);
  } catch (error) {
    return (error as Error).constructor.name;
  }
}

/** The bytes whole, cut in two at every place, and one by one. */
export function* everySplit(bytes: Buffer): Generator<readonly Buffer[]> {
  yield [bytes];
  for (let at = 1; at < bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
  yield Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}
