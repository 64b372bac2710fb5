import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

/** One HTTP/1.1 response as it came over the wire. */
export interface RawResponse {
  readonly status: number;
  /** Lower-case names; the values of repeated fields in their order. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly body: Buffer;
  /** The `code` of a problem+json body; undefined for any other. */
  readonly code: string | undefined;
  /** True when the length of the body was known only by the end of the connection. */
  readonly untilClose: boolean;
}

export interface RawConnection {
  readonly socket: Socket;
  /** Writes the bytes as they are; text counts as latin1. */
  send(bytes: string | Buffer): void;
  /** Writes piece by piece, each after the one before has left. */
  sendSlowly(pieces: readonly (string | Buffer)[], gapMs: number): Promise<void>;
  /** Ends the sending side only. */
  halfClose(): void;
  /** The next whole response; undefined once the peer has closed without one. `method` HEAD means no body follows. */
  read(method?: string): Promise<RawResponse | undefined>;
  /** Resolves once the peer has closed; false if it has not within the time. */
  closed(withinMs?: number): Promise<boolean>;
  /** What came beyond the responses that were read. */
  rest(): Buffer;
  destroy(): void;
}

/** Waiting for longer than this is a failed test, not a slow one. */
const READ_LIMIT_MS = 8_000;

/** Opens a connection on which the test has every byte in its own hands. */
export async function connectRaw(port: number, tls?: ConnectionOptions): Promise<RawConnection> {
  const socket =
    tls === undefined
      ? connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
      : connectTls({ port, host: '127.0.0.1', ...tls });
  let buffer: Buffer = Buffer.alloc(0);
  let ended = false;
  let wake: (() => void) | undefined;
  const notify = () => {
    wake?.();
    wake = undefined;
  };
  socket.on('data', (piece: Buffer) => {
    buffer = buffer.length === 0 ? piece : Buffer.concat([buffer, piece]);
    notify();
  });
  for (const event of ['end', 'close', 'error'] as const) {
    socket.on(event, () => {
      ended = true;
      notify();
    });
  }
  await new Promise<void>((resolve, reject) => {
    socket.once(tls === undefined ? 'connect' : 'secureConnect', resolve);
    socket.once('error', reject);
  });

  const more = (deadline: number) =>
    new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(
            new Error(
              `no whole response in time; so far: ${JSON.stringify(buffer.toString('latin1', 0, 400))}`,
            ),
          ),
        Math.max(1, deadline - performance.now()),
      );
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  return {
    socket,
    send: (bytes) => void socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
    async sendSlowly(pieces, gapMs) {
      for (const piece of pieces) {
        if (socket.destroyed || !socket.writable) return;
        socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece);
        await new Promise((resolve) => setTimeout(resolve, gapMs));
      }
    },
    halfClose: () => void socket.end(),
    async read(method = 'GET') {
      const deadline = performance.now() + READ_LIMIT_MS;
      for (;;) {
        const parsed = parseResponse(buffer, method, ended);
        if (parsed !== undefined) {
          buffer = buffer.subarray(parsed.length);
          // Interim responses are not the response (RFC 9110 §15.2).
          if (parsed.response.status >= 100 && parsed.response.status < 200 && parsed.response.status !== 101)
            continue;
          return parsed.response;
        }
        if (ended) return undefined;
        await more(deadline);
      }
    },
    async closed(withinMs = READ_LIMIT_MS) {
      const deadline = performance.now() + withinMs;
      while (!ended && performance.now() < deadline) await more(deadline).catch(() => {});
      return ended;
    },
    rest: () => buffer,
    destroy: () => void socket.destroy(),
  };
}

/** Sends bytes on a fresh connection and reads one response; undefined when the peer closed without any. */
export async function exchangeRaw(
  port: number,
  bytes: string | Buffer,
  method?: string,
): Promise<{ readonly response: RawResponse | undefined; readonly closed: boolean }> {
  const connection = await connectRaw(port);
  try {
    connection.send(bytes);
    const response = await connection.read(method);
    const closes = response === undefined || response.headers.connection?.join().toLowerCase() === 'close';
    return { response, closed: closes ? await connection.closed() : false };
  } finally {
    connection.destroy();
  }
}

/** A request with a Host and whatever lines are given, ended by an empty one. */
export function rawRequest(line: string, headers: readonly string[] = [], body = ''): string {
  return `${line}\r\n${['Host: api.example.com', ...headers].join('\r\n')}\r\n\r\n${body}`;
}

interface Parsed {
  readonly response: RawResponse;
  readonly length: number;
}

/** A strict reader: anything that is no HTTP/1.1 response throws, so that garbage never passes for a response. */
function parseResponse(bytes: Buffer, method: string, ended: boolean): Parsed | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) {
    if (bytes.length > 0 && !'HTTP/1.1 '.startsWith(bytes.toString('latin1', 0, Math.min(9, bytes.length)))) {
      throw new Error(`not a response: ${JSON.stringify(bytes.toString('latin1', 0, 200))}`);
    }
    return undefined;
  }
  const [line = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const match = /^HTTP\/1\.1 (\d{3}) [^\r\n]*$/.exec(line);
  if (match === null) throw new Error(`not a status line: ${JSON.stringify(line.slice(0, 200))}`);
  const status = Number(match[1]);
  const headers: Record<string, string[]> = Object.create(null);
  for (const field of lines) {
    const parts = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(field);
    if (parts === null) throw new Error(`not a header field: ${JSON.stringify(field)}`);
    const name = (parts[1] as string).toLowerCase();
    headers[name] = [...(headers[name] ?? []), parts[2] as string];
  }
  const bodyAt = headEnd + 4;
  const framed = frameBody(bytes.subarray(bodyAt), { status, headers, method, ended });
  if (framed === undefined) return undefined;
  const isProblem = headers['content-type']?.[0]?.startsWith('application/problem+json') === true;
  const code = isProblem && framed.body.length > 0 ? JSON.parse(framed.body.toString()).code : undefined;
  return {
    response: { status, headers, body: framed.body, code, untilClose: framed.untilClose },
    length: bodyAt + framed.length,
  };
}

function frameBody(
  bytes: Buffer,
  head: {
    readonly status: number;
    readonly headers: Readonly<Record<string, readonly string[]>>;
    readonly method: string;
    readonly ended: boolean;
  },
): { readonly body: Buffer; readonly length: number; readonly untilClose: boolean } | undefined {
  const { status, headers, method, ended } = head;
  const none = { body: Buffer.alloc(0), length: 0, untilClose: false };
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return none;
  const lengths = headers['content-length'];
  if (headers['transfer-encoding'] !== undefined) {
    if (lengths !== undefined) throw new Error('the response has two framings');
    return readChunks(bytes);
  }
  if (lengths !== undefined) {
    if (lengths.length !== 1 || !/^\d+$/.test(lengths[0] as string)) throw new Error('a bad Content-Length');
    const length = Number(lengths[0]);
    return bytes.length < length ? undefined : { body: bytes.subarray(0, length), length, untilClose: false };
  }
  return ended ? { body: bytes, length: bytes.length, untilClose: true } : undefined;
}

function readChunks(bytes: Buffer): { body: Buffer; length: number; untilClose: boolean } | undefined {
  const pieces: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) return undefined;
    const line = bytes.toString('latin1', at, lineEnd);
    if (!/^[0-9a-f]+$/i.test(line)) throw new Error(`not a chunk size: ${JSON.stringify(line)}`);
    const size = Number.parseInt(line, 16);
    at = lineEnd + 2;
    if (size === 0) {
      const end = bytes.indexOf('\r\n', at);
      if (end === -1) return undefined;
      if (end !== at) throw new Error('trailers that nobody asked for');
      return { body: Buffer.concat(pieces), length: at + 2, untilClose: false };
    }
    if (bytes.length < at + size + 2) return undefined;
    pieces.push(bytes.subarray(at, at + size));
    at += size + 2;
  }
}
