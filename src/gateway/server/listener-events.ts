import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Refusal } from '../../core/refusals.ts';
import type { IncomingRequest, OutgoingResponse } from '../../http/client-messages.ts';

/** What the listener passes on. */
export interface ListenerEvents {
  /** A request, also one with an upgrade that is ignored or one that waits for `100 Continue`. */
  readonly request: (req: IncomingRequest, res: ServedResponse) => void;
  /**
   * A WebSocket handshake; no parser owns the socket any more, and the connection keeps what comes behind it. Undefined where handshakes
   * are served as requests.
   */
  readonly upgrade: ((req: IncomingMessage & IncomingRequest, socket: Socket) => void) | undefined;
  /** Input that is no request: to be refused on the bare socket. */
  readonly unparsed: (refusal: Refusal, socket: Socket) => void;
}

/** A request that is being served, as the listener reports to it. */
export interface Served {
  /** The body of the request broke before the response was whole. */
  bodyBroke(refusal: Refusal): void;
  /** The client reads nothing while bytes wait for it. The response is broken off right after. */
  stalled(): void;
}

/** A response with what serves its request. */
export interface ServedResponse extends OutgoingResponse {
  /** Undefined until serving has begun. */
  transaction: Served | undefined;
  /** Forwards the request; set once it is permitted. */
  forward: (() => void) | undefined;
}
