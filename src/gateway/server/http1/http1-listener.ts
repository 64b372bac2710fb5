import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { type Refusal, refuse } from '../../../core/refusals.ts';
import { type ClientConnection, connectionOf } from '../client-connection.ts';
import type { ListenerEvents } from '../listener-events.ts';
import type { Http1Request } from './http1-request.ts';
import type { Http1Response } from './http1-response.ts';

/** Serves what Node's HTTP/1.1 parser reads. A connection ends after `maxRequests`; undefined is no limit. */
export function listenHttp1(server: Server, maxRequests: number | undefined, events: ListenerEvents): void {
  const onRequest = (req: Http1Request, res: Http1Response): void => {
    const connection = connectionOf(req.socket);
    const { latest } = connection;
    // Behind a response that closes the connection nothing is processed (RFC 9112 §9.6).
    if (latest !== undefined && (!latest.shouldKeepAlive || connection.isEnding)) {
      process.nextTick(() => connection.discardInput());
      return;
    }
    connection.latest = res;
    connection.served += 1;
    // Node's own limit announces the close, and then leaves the connection open.
    if (connection.served === maxRequests || req.method === 'CONNECT') res.endConnection();
    // When a response announces the close, the client repeats the requests that were not processed.
    if (req.mayLoseRest) res.endConnection();
    events.request(req, res);
  };
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, onRequest);

  const { upgrade } = events;
  // Node takes a handshake for a request where nothing listens for it.
  if (upgrade !== undefined) {
    server.on('upgrade', (req: Http1Request, socket: Socket, head: Buffer) => {
      const connection = connectionOf(socket);
      connection.handedOver(head);
      if (connection.latest?.shouldKeepAlive === false) connection.discardInput();
      else afterResponse(connection, () => upgrade(req, socket));
    });
  }

  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const connection = connectionOf(socket);
    if (connection.isEnding) return;
    if (error.code === 'ECONNRESET' || !socket.writable) connection.destroy();
    else parserFailed(connection, parserRefusal(error), events);
  });
}

/** Runs `then` once the responses before it on the connection are out, unless the last of them closes it. */
function afterResponse(connection: ClientConnection, then: () => void): void {
  const { latest } = connection;
  const unlessEnding = (): void => {
    if (!connection.isEnding) then();
  };
  if (latest === undefined) then();
  else if (latest.writableFinished) unlessEnding();
  else if (latest.shouldKeepAlive) latest.once('finish', unlessEnding);
}

/** The input is not valid HTTP/1.1: it is refused once, in its turn, and nothing more is read. */
function parserFailed(connection: ClientConnection, refusal: Refusal, events: ListenerEvents): void {
  const { latest } = connection;
  connection.discardInput();
  // Unless the latest request is complete, its body is what broke.
  if (latest?.req.complete === false) latest.transaction?.bodyBroke(refusal);
  else afterResponse(connection, () => events.unparsed(refusal, connection.socket));
}

/** The refusal for an error of Node's HTTP parser or its timers. Its message may quote the request, so only its code is shown. */
function parserRefusal(error: NodeJS.ErrnoException): Refusal {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      // Newer versions of Node report too many fields by the same code.
      return refuse(
        'header_overflow',
        'the header fields exceed listen.limits.headerBytes or listen.limits.headers',
      );
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return refuse('request_syntax', 'the chunk extensions of the body are too large');
    case 'HPE_INVALID_URL':
      return refuse('target_unreadable', 'the target has characters that no target may have');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return refuse('header_timeout', 'the header fields took longer than listen.limits.headerTimeout');
    default:
      return refuse(
        'request_syntax',
        `not HTTP/1.1 as this gateway reads it (${error.code ?? 'unknown error'})`,
      );
  }
}
