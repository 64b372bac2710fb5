import {
  type Dispatcher,
  DispatcherClosed,
  type DispatcherSettings,
  type DispatchHandler,
  type UpstreamRequest,
} from '../dispatcher.ts';
import { TICK_MS } from './coarse-timer.ts';
import { type ConnectionPool, H1Connection } from './h1-connection.ts';

/**
 * Sends over HTTP/1.1, one request at a time on each connection. The connection that was used last is used next, so that those a
 * busy minute opened fall idle and close.
 */
export function createH1Dispatcher(settings: DispatcherSettings): Dispatcher {
  return new H1Dispatcher(settings);
}

class H1Dispatcher implements Dispatcher, ConnectionPool {
  readonly #settings: DispatcherSettings;
  readonly #all = new Set<H1Connection>();
  readonly #idle: H1Connection[] = [];
  #ticker: NodeJS.Timeout | undefined;
  #isClosed = false;
  #allLeft: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(settings: DispatcherSettings) {
    this.#settings = settings;
  }

  get connections(): number {
    let count = 0;
    for (const connection of this.#all) if (connection.isUp) count += 1;
    return count;
  }

  send(request: UpstreamRequest, handler: DispatchHandler): void {
    if (this.#isClosed) {
      handler.onResponseError(new DispatcherClosed('the backend was taken out of use'));
      return;
    }
    const idle = request.isHandshake ? undefined : this.#lastIdle();
    if (idle !== undefined) idle.send({ request, handler });
    else this.#open(request, handler);
  }

  idles(connection: H1Connection): void {
    if (this.#isClosed) connection.destroy(new DispatcherClosed('the backend was taken out of use'));
    else this.#idle.push(connection);
  }

  left(connection: H1Connection): void {
    this.#all.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
    if (this.#all.size > 0) return;
    clearInterval(this.#ticker);
    this.#ticker = undefined;
    this.#allLeft?.();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const connection of [...this.#idle]) connection.destroy(new DispatcherClosed('closed'));
    if (this.#all.size === 0) return Promise.resolve();
    this.#closing ??= new Promise((resolve) => {
      this.#allLeft = resolve;
    });
    return this.#closing;
  }

  async destroy(): Promise<void> {
    this.#isClosed = true;
    for (const connection of [...this.#all]) {
      connection.destroy(new DispatcherClosed('the backend was taken out of use'));
    }
  }

  #lastIdle(): H1Connection | undefined {
    let connection = this.#idle.pop();
    while (connection !== undefined && !connection.isIdle) connection = this.#idle.pop();
    return connection;
  }

  #open(request: UpstreamRequest, handler: DispatchHandler): void {
    this.#all.add(new H1Connection(this.#settings, this, { request, handler }));
    this.#ticker ??= setInterval(() => this.#tick(), TICK_MS).unref();
  }

  #tick(): void {
    for (const connection of this.#all) connection.tick();
  }
}
