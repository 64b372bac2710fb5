import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';

/** Types of frames (RFC 9113 §6). */
export const TYPE = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
} as const;
const ACK = 1;
const END_STREAM = 1;
const END_HEADERS = 4;

export interface ReceivedFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly body: Buffer;
}

/** An HTTP/2 client that sends only the frames a test asks for. */
export interface FrameClient {
  readonly socket: Socket;
  readonly frames: readonly ReceivedFrame[];
  send(...frames: readonly Buffer[]): void;
  /** Starts a request; without `ends` a body is to follow. */
  request(
    stream: number,
    path: string,
    options?: { readonly method?: string; readonly ends?: boolean },
  ): void;
  data(stream: number, body: Buffer, ends?: boolean): void;
  /** Grants the gateway more bytes of a response; stream 0 is the connection. */
  grant(stream: number, bytes: number): void;
  /** The error code that a stream was reset with; undefined if it was not. */
  resetOf(stream: number): number | undefined;
  /** Whether the response of a stream came whole. */
  isWhole(stream: number): boolean;
  bytesOf(stream: number): number;
}

export interface FrameClientOptions {
  /** Which authority to trust; undefined trusts every certificate. */
  readonly ca?: string | undefined;
  /** Of each stream of the gateway's; 65,535 by default. */
  readonly initialWindow?: number;
  /** Acknowledges settings and pings, as every client has to. Default: true. */
  readonly responses?: boolean;
  /** Keeps its side open when the gateway ends its own. */
  readonly halfOpen?: boolean;
  /** What it begins with instead of the preface. */
  readonly preface?: string;
}

/** Opens a connection to a port, or takes one that is open, and sends the preface. */
export async function connectFrames(
  to: number | Socket,
  {
    ca,
    initialWindow,
    responses = true,
    halfOpen = false,
    preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  }: FrameClientOptions = {},
): Promise<FrameClient> {
  const options: ConnectionOptions & { allowHalfOpen: boolean } = {
    ...(typeof to === 'number' ? { port: to, host: '127.0.0.1' } : { socket: to }),
    rejectUnauthorized: ca !== undefined,
    servername: 'localhost',
    ALPNProtocols: ['h2'],
    ca,
    allowHalfOpen: halfOpen,
  };
  const socket = connect(options);
  await once(socket, 'secureConnect');
  socket.on('error', () => {});
  const frames: ReceivedFrame[] = [];
  const send: FrameClient['send'] = (...bytes) => {
    if (!socket.destroyed && socket.writable) socket.write(Buffer.concat(bytes));
  };
  socket.on(
    'data',
    readFrames((received) => {
      frames.push(received);
      const { type, flags, body } = received;
      const isRequest = (type === TYPE.settings || type === TYPE.ping) && (flags & ACK) === 0;
      if (responses && isRequest) {
        send(frame({ type, flags: ACK, stream: 0, body: type === TYPE.ping ? body : Buffer.alloc(0) }));
      }
    }),
  );
  const settings = Buffer.alloc(initialWindow === undefined ? 0 : 6);
  if (initialWindow !== undefined) {
    settings.writeUInt16BE(4);
    settings.writeUInt32BE(initialWindow, 2);
  }
  send(Buffer.from(preface), frame({ type: TYPE.settings, stream: 0, body: settings }));
  const of = (stream: number, type: number): ReceivedFrame[] =>
    frames.filter((received) => received.stream === stream && received.type === type);
  return {
    socket,
    frames,
    send,
    request(stream, path, { method = 'GET', ends = true } = {}) {
      const body = literal([':method', method, ':scheme', 'https', ':authority', 'localhost', ':path', path]);
      send(frame({ type: TYPE.headers, flags: END_HEADERS | (ends ? END_STREAM : 0), stream, body }));
    },
    data: (stream, body, ends = false) =>
      send(frame({ type: TYPE.data, flags: ends ? END_STREAM : 0, stream, body })),
    grant: (stream, bytes) => send(frame({ type: TYPE.window, stream, body: uint32(bytes) })),
    resetOf: (stream) => of(stream, TYPE.reset)[0]?.body.readUInt32BE(),
    isWhole: (stream) => frames.some((one) => one.stream === stream && (one.flags & END_STREAM) !== 0),
    bytesOf: (stream) => of(stream, TYPE.data).reduce((sum, { body }) => sum + body.length, 0),
  };
}

/** Gives up one stream. */
export function resetFrame(stream: number, code: number): Buffer {
  return frame({ type: TYPE.reset, stream, body: uint32(code) });
}

/** Gives up a connection (RFC 9113 §6.8). */
export function goawayFrame(code: number): Buffer {
  return frame({ type: TYPE.goaway, stream: 0, body: Buffer.concat([uint32(0), uint32(code)]) });
}

/** Fields without compression (RFC 7541 §6.2.2): names and values in turn, each shorter than 127 bytes. */
export function literal(pairs: readonly string[]): Buffer {
  const parts = pairs.map((text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]));
  return Buffer.concat(parts.flatMap((part, at) => (at % 2 === 0 ? [Buffer.from([0]), part] : [part])));
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function readFrames(notify: (frame: ReceivedFrame) => void): (piece: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (piece) => {
    rest = Buffer.concat([rest, piece]);
    while (rest.length >= 9) {
      const end = 9 + rest.readUIntBE(0, 3);
      if (rest.length < end) return;
      const [type, flags] = [rest[3] as number, rest[4] as number];
      notify({ type, flags, stream: rest.readUInt32BE(5) & 0x7fffffff, body: rest.subarray(9, end) });
      rest = rest.subarray(end);
    }
  };
}

/** What a frame of HTTP/2 is made of. */
interface FrameParts {
  readonly type: number;
  readonly flags?: number;
  readonly stream: number;
  readonly body: Buffer;
}

/** One frame of RFC 9113 §4.1. */
export function frame({ type, flags = 0, stream, body }: FrameParts): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}
