import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { RequestUnfit } from './request-head.ts';

/** What is to be sent. */
export interface RequestWithBody {
  readonly head: string;
  readonly body: Readable;
  /** Undefined where the body ends with its last chunk. */
  readonly bodyLength: number | undefined;
}

/** What a connection has to do with the body that is sent over it. */
export interface BodySending {
  /** False once the request is over: the body no longer concerns the connection. */
  isWanted(): boolean;
  /** Another piece came from the client. */
  wentOn(): void;
  /** All of it was handed to the socket. */
  ended(): void;
  /** It broke, or is not as long as stated: `RequestUnfit`. */
  failed(error: Error): void;
}

/**
 * Writes the head of a request and the body behind it (RFC 9112 §6 and §7.1), never more nor less than its stated length. Takes
 * nothing from the client while the backend takes nothing; the owner of the socket resumes the body when it has drained.
 */
export function sendWithBody(
  socket: Socket,
  { head, body, bodyLength }: RequestWithBody,
  sending: BodySending,
): void {
  // What there is of the body already goes in one packet with the head; what is not there yet is not waited for.
  socket.cork();
  setImmediate(() => socket.uncork());
  socket.write(head, 'latin1');
  let sentBytes = 0;
  body.on('data', (chunk: Buffer) => {
    if (!sending.isWanted() || chunk.length === 0) return;
    sending.wentOn();
    sentBytes += chunk.length;
    if (bodyLength !== undefined && sentBytes > bodyLength) {
      sending.failed(new RequestUnfit('the body is longer than stated'));
      return;
    }
    const hasRoom = bodyLength === undefined ? writeChunk(socket, chunk) : socket.write(chunk);
    if (!hasRoom) body.pause();
  });
  body.on('end', () => {
    if (!sending.isWanted()) return;
    if (bodyLength === undefined) socket.write('0\r\n\r\n', 'latin1');
    else if (bodyLength !== sentBytes) {
      sending.failed(new RequestUnfit('the body is shorter than stated'));
      return;
    }
    sending.ended();
  });
  body.on('error', (error) => {
    if (sending.isWanted()) sending.failed(error);
  });
}

function writeChunk(socket: Socket, chunk: Buffer): boolean {
  socket.cork();
  socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
  socket.write(chunk);
  const hasRoom = socket.write('\r\n', 'latin1');
  socket.uncork();
  return hasRoom;
}
