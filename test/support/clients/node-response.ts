import { type IncomingMessage, request } from 'node:http';
import { Duplex } from 'node:stream';
import type { ReadResponse } from './read-response.ts';

/**
 * What Node's own HTTP client makes of the bytes of a response, after which the connection ends; undefined when it
 * takes them for no response, or for one that is not whole.
 */
export function readResponseByNode(
  pieces: readonly Buffer[],
  method = 'GET',
): Promise<ReadResponse | undefined> {
  return new Promise((resolve) => {
    const interim: number[] = [];
    const wire = new Wire();
    const asked = request({ method, maxHeaderSize: 80 * 1024, createConnection: () => wire });
    asked.on('information', ({ statusCode }) => interim.push(statusCode));
    asked.on('response', (response) => collect(response, interim, resolve));
    // Errors after a whole response concern what follows it.
    asked.on('error', () => {});
    asked.on('close', () => setImmediate(resolve, undefined));
    asked.on('upgrade', () => resolve(undefined));
    asked.end();
    for (const piece of pieces) wire.push(piece);
    wire.push(null);
  });
}

function collect(
  response: IncomingMessage,
  interim: readonly number[],
  resolve: (reply: ReadResponse | undefined) => void,
): void {
  let body = '';
  response.setEncoding('latin1');
  response.on('data', (piece: string) => {
    body += piece;
  });
  response.on('error', () => resolve(undefined));
  response.on('end', () => {
    const { statusCode = 0, statusMessage = '', rawHeaders, rawTrailers } = response;
    resolve(
      response.complete
        ? {
            interim,
            status: statusCode,
            reason: statusMessage,
            headers: rawHeaders,
            body,
            trailers: rawTrailers,
          }
        : undefined,
    );
  });
}

/** A connection in memory that takes everything. */
class Wire extends Duplex {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
}
