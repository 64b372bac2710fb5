import type { Socket } from 'node:net';
import { Client, type Dispatcher } from 'undici';
import { type Endpoint, openConnection } from './connector.ts';

/** What an exchange may ask of the connection it was put on. */
export interface Connection {
  readonly socket: Socket | undefined;
  /** Requests that the open connection has carried, the present one included. */
  served: number;
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
  socket: Socket | undefined;
  served = 0;

  readonly #maxAgeMs: number;
  #oldFromMs = 0;

  constructor(origin: string | URL, options: Client.Options, { endpoint, maxAgeMs }: ConnectionSettings) {
    super(origin, {
      ...options,
      connect: (_options, connected) => {
        openConnection(endpoint, (error, socket) => {
          if (socket === undefined) return connected(error ?? new Error('no connection'), null);
          this.socket = socket;
          this.served = 0;
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
    if (this.served > 0 && Date.now() > this.#oldFromMs) options.reset = true;
    return super.dispatch(options, handler);
  }
}
