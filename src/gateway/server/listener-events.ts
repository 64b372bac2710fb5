import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Refusal } from '../../core/refusals.ts';

/** What the rest of the gateway does with what arrives. */
export interface ListenerEvents {
  /** A request, also one that asked for an upgrade we ignore or waits for `100 Continue`. */
  readonly request: (req: IncomingMessage, res: GatewayResponse) => void;
  /** A WebSocket handshake; no parser owns the socket any more, and the connection keeps what comes behind it. */
  readonly upgrade: (req: IncomingMessage, socket: Socket) => void;
  /** What could not be parsed as a request: to be refused on the bare socket. */
  readonly unparsed: (refusal: Refusal, socket: Socket) => void;
  /** The body of a request broke before its response was whole. */
  readonly brokenBody: (refusal: Refusal, res: GatewayResponse) => void;
}

/** A response that carries the transaction it belongs to; only what serves the request looks into it. */
export class GatewayResponse extends ServerResponse {
  transaction: object | undefined = undefined;

  /**
   * Only Fastify sets a single field: `Connection: close` while it ends, which goes out without it. Set after the response it would
   * throw, and set before it makes Node 20 keep no more than the last of repeated fields.
   */
  override setHeader(): this {
    return this;
  }
}
