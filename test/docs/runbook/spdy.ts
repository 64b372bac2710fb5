import type { Socket } from 'node:net';
import { constants, deflateRawSync, deflateSync } from 'node:zlib';

/** One stream of a SPDY connection, numbered by its order among those that the client opened. */
export interface SpdyStream {
  readonly nth: number;
  write(data: Buffer): void;
  /** Ends the stream: nothing more comes from this side. */
  end(): void;
}

export interface SpdyHandlers {
  onStream(stream: SpdyStream): void;
  onResponseData(stream: SpdyStream, data: Buffer): void;
  /** Nothing more comes from the client. */
  onEnd(stream: SpdyStream): void;
}

const SYN_STREAM = 1;
const SYN_REPLY = 2;
const PING = 6;
const FLAG_FIN = 1;
const CONTROL = 0x80030000;

/**
 * The server's side of the little of SPDY/3.1 by which kubectl carries `exec` and `port-forward`: streams are accepted, their
 * headers unread, since kubectl opens them in a fixed order.
 */
export function serveSpdy(socket: Socket, handlers: SpdyHandlers, head: Buffer = Buffer.alloc(0)): void {
  const streams = new Map<number, SpdyStream>();
  let waiting = head;

  const frame = (first: number, flags: number, payload: Buffer): void => {
    if (socket.destroyed) return;
    const start = Buffer.alloc(8);
    start.writeUInt32BE(first >>> 0, 0);
    start.writeUInt32BE(((flags << 24) | payload.length) >>> 0, 4);
    socket.write(Buffer.concat([start, payload]));
  };
  const open = (id: number): void => {
    const stream: SpdyStream = {
      nth: streams.size,
      write: (data) => frame(id, 0, data),
      end: () => frame(id, FLAG_FIN, Buffer.alloc(0)),
    };
    const start = Buffer.alloc(4);
    start.writeUInt32BE(id);
    frame(CONTROL | SYN_REPLY, 0, Buffer.concat([start, noHeaders(streams.size === 0)]));
    streams.set(id, stream);
    handlers.onStream(stream);
  };
  const take = (first: number, flags: number, payload: Buffer): void => {
    if (first < 0x80000000) {
      const stream = streams.get(first);
      if (stream === undefined) return;
      if (payload.length > 0) handlers.onResponseData(stream, payload);
      if (flags & FLAG_FIN) handlers.onEnd(stream);
      return;
    }
    const type = first & 0xffff;
    if (type === SYN_STREAM) open(payload.readUInt32BE(0));
    if (type === PING) frame(CONTROL | PING, 0, payload);
  };
  const read = (): void => {
    while (waiting.length >= 8) {
      const lengthAndFlags = waiting.readUInt32BE(4);
      const end = 8 + (lengthAndFlags & 0xffffff);
      if (waiting.length < end) return;
      const payload = waiting.subarray(8, end);
      const first = waiting.readUInt32BE(0);
      waiting = waiting.subarray(end);
      take(first, lengthAndFlags >>> 24, payload);
    }
  };
  socket.on('data', (chunk: Buffer) => {
    waiting = Buffer.concat([waiting, chunk]);
    read();
  });
  socket.on('error', () => {});
  read();
}

/** An empty block of headers. All blocks of a connection are one compressed stream, of which only the first has a beginning. */
function noHeaders(isFirst: boolean): Buffer {
  const compress = isFirst ? deflateSync : deflateRawSync;
  return compress(Buffer.alloc(4), { finishFlush: constants.Z_SYNC_FLUSH });
}
