import type { Endpoint } from './connector.ts';
import { H1Connection } from './h1-connection.ts';
import { type AnswerHandler, type Sender, SenderClosed, type UpstreamRequest } from './sender.ts';
import { TICK_MS } from './ticked-deadline.ts';
import type { UpstreamTimeouts } from './upstream.ts';

export interface SenderSettings {
  readonly origin: string;
  /** What `Host` says where a request does not say otherwise. */
  readonly host: string;
  readonly endpoint: Endpoint;
  readonly timeouts: UpstreamTimeouts;
  /** Called for every connection that was not opened, or that broke under a request. */
  readonly failed?: ((failure: BrokenConnection) => void) | undefined;
}

/** What a connection failed of. */
export interface BrokenConnection {
  readonly error: Error;
  readonly during: 'connect' | 'request';
  /** How long the connection, or the attempt to open it, had lasted. */
  readonly durationMs: number;
}

/** What a connection tells its pool. */
export interface ConnectionPool {
  /** It may carry another request. */
  rests(connection: H1Connection): void;
  /** It is no more, or no longer the pool's. */
  left(connection: H1Connection): void;
}

/**
 * Sends over HTTP/1.1, one request at a time on each connection. The connection that was used last is used next, so that those a
 * busy minute opened fall idle and close.
 */
export function createH1Sender(settings: SenderSettings): Sender {
  return new H1Sender(settings);
}

class H1Sender implements Sender, ConnectionPool {
  readonly #settings: SenderSettings;
  readonly #all = new Set<H1Connection>();
  readonly #resting: H1Connection[] = [];
  #ticker: NodeJS.Timeout | undefined;
  #isClosed = false;
  #allLeft: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(settings: SenderSettings) {
    this.#settings = settings;
  }

  get connections(): number {
    let count = 0;
    for (const connection of this.#all) if (connection.isUp) count += 1;
    return count;
  }

  send(request: UpstreamRequest, handler: AnswerHandler): void {
    if (this.#isClosed) {
      handler.onError(new SenderClosed('the backend was taken out of use'));
      return;
    }
    const resting = request.isHandshake ? undefined : this.#lastResting();
    if (resting !== undefined) resting.send({ request, handler });
    else this.#open(request, handler);
  }

  rests(connection: H1Connection): void {
    if (this.#isClosed) connection.destroy(new SenderClosed('the backend was taken out of use'));
    else this.#resting.push(connection);
  }

  left(connection: H1Connection): void {
    this.#all.delete(connection);
    const at = this.#resting.indexOf(connection);
    if (at !== -1) this.#resting.splice(at, 1);
    if (this.#all.size > 0) return;
    clearInterval(this.#ticker);
    this.#ticker = undefined;
    this.#allLeft?.();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const connection of [...this.#resting]) connection.destroy(new SenderClosed('closed'));
    if (this.#all.size === 0) return Promise.resolve();
    this.#closing ??= new Promise((resolve) => {
      this.#allLeft = resolve;
    });
    return this.#closing;
  }

  async destroy(): Promise<void> {
    this.#isClosed = true;
    for (const connection of [...this.#all]) {
      connection.destroy(new SenderClosed('the backend was taken out of use'));
    }
  }

  #lastResting(): H1Connection | undefined {
    let connection = this.#resting.pop();
    while (connection !== undefined && !connection.isResting) connection = this.#resting.pop();
    return connection;
  }

  #open(request: UpstreamRequest, handler: AnswerHandler): void {
    this.#all.add(new H1Connection(this.#settings, this, { request, handler }));
    this.#ticker ??= setInterval(() => this.#tick(), TICK_MS).unref();
  }

  #tick(): void {
    for (const connection of this.#all) connection.tick();
  }
}
