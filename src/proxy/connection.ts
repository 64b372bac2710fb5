import type { Socket } from 'node:net';
import { Client, type Dispatcher } from 'undici';
import { type Endpoint, openConnection } from './connector.ts';

/** What carries one request: a connection of its own, or a stream on a shared one. */
export interface Carrier {
  /** Requests that the connection has carried, the present one included. */
  served: number;
  /** Bytes of answers so far; only compared with an earlier number. */
  readonly bytesRead: number;
  /** The error that ended it, if one did. */
  readonly errored: Error | null;
  /** Ends the request with it; its handler hears of the error. */
  destroy(error: Error): void;
}

/** What sends a request; once the request is about to be written, it has a carrier. */
export interface Connection {
  readonly carrier: Carrier | undefined;
}

/** A handler that wants to know its connection; set before any of its methods is called. */
export interface ConnectionAware {
  connection: Connection | undefined;
}

export interface ConnectionSettings {
  readonly endpoint: Endpoint;
  /** An older connection is closed after its next request, so that names are looked up again from time to time. */
  readonly maxAgeMs: number;
}

/**
 * One connection to a backend: an undici client that tells each exchange which socket it is on. Only so can
 * the one permitted repeat (contract §3.8) be told apart from a failure of a fresh connection.
 */
export class UpstreamConnection extends Client implements Connection {
  carrier: SocketCarrier | undefined;
  readonly #maxAgeMs: number;
  #oldFromMs = 0;

  constructor(origin: string | URL, options: Client.Options, { endpoint, maxAgeMs }: ConnectionSettings) {
    super(origin, {
      ...options,
      connect: (_options, connected) => {
        openConnection(endpoint, (error, socket) => {
          if (socket === undefined) return connected(error ?? new Error('no connection'), null);
          this.carrier = new SocketCarrier(socket);
          this.#oldFromMs = Date.now() + this.#maxAgeMs;
          connected(null, socket);
        });
      },
    });
    this.#maxAgeMs = maxAgeMs;
  }

  override dispatch(
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler & ConnectionAware,
  ): boolean {
    handler.connection = this;
    if (this.carrier !== undefined && Date.now() > this.#oldFromMs) options.reset = true;
    return super.dispatch(options, handler);
  }
}

/** A connection that carries one request at a time. */
class SocketCarrier implements Carrier {
  served = 0;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  get errored(): Error | null {
    return this.#socket.errored;
  }

  destroy(error: Error): void {
    this.#socket.destroy(error);
  }
}
