import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { Config } from '../config/schema/config.ts';
import type { Refusal } from '../core/refusals.ts';
import type { HeaderPairs } from './header-pairs.ts';

/** A client's request, over HTTP/1.1 or HTTP/2: its head, and its body as a stream. */
export interface IncomingRequest extends Readable {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion: string;
  readonly headers: IncomingHttpHeaders;
  /** In the form of HTTP/1.1: `:authority` is `Host`, and a body without a length is `chunked`. */
  readonly rawHeaders: string[];
  readonly socket: Socket;
  /** The client sent the whole request. */
  readonly complete: boolean;
  /** Why the request may not be served whatever it asks for: another server could read it differently. */
  framingFault(limits: Config['listen']['limits']): Refusal | undefined;
}

/**
 * The response to a client's request. Each version of HTTP implements it, so that nothing else depends on the version. `fields` are names
 * and values in turn.
 */
export interface OutgoingResponse extends Writable {
  readonly req: IncomingRequest;
  readonly headersSent: boolean;
  readonly statusCode: number;
  /** True while the responses to earlier requests of the connection are not out. The turn comes with the event `socket`. */
  readonly isQueued: boolean;
  /** HTTP/1.0 has no interim responses (RFC 9110 §10.1.1): its clients get none. */
  writeContinue(): void;
  /** `reason` replaces the usual words of the status; HTTP/2 has none. */
  writeHead(status: number, reason: string | undefined, fields: string[]): unknown;
  flushHeaders(): void;
  /** Sends a response without a body. Over HTTP/2 its head ends the stream, as gRPC wants it. */
  endWithHead(status: number, fields: string[]): void;
  /** Sends trailers where every client can read them: HTTP/1.1 drops them (RFC 9110 §6.5.1). */
  sendTrailers(fields: HeaderPairs): void;
  /**
   * Ends the response early, so that it cannot be taken for a whole one. `hasLength`: its head states a length, so a clean close
   * of the connection shows it too.
   */
  breakOff(hasLength: boolean): void;
  /** Deals with a body that only a backend would have read. Called before the head of a response of the gateway's own. */
  skipRequestBody(): void;
  /** What is left of the request is not read. A connection that carries one request at a time ends with this response. */
  leaveRequestUnread(): void;
  /** Accepts no more requests on the connection. Those that are open finish. */
  endConnection(): void;
}
