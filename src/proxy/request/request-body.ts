import { Readable } from 'node:stream';
import type { IncomingRequest } from '../../http/client-messages.ts';

/** A fault of a request on the client's side, which does not concern the backend. */
export class ClientFault extends Error {}

/** The client sent more than the route's `bodyLimit`. */
class BodyTooLarge extends ClientFault {
  readonly code = 'SEALGATE_BODY_TOO_LARGE';
}

/** The client sent nothing for longer than `bodyIdle`. */
class BodyIdle extends ClientFault {
  readonly code = 'SEALGATE_BODY_IDLE';
}

/** The client went away, or broke off its body. */
export class ClientGone extends ClientFault {
  readonly code = 'SEALGATE_CLIENT_GONE';
}

export interface BodyOptions {
  /** Bytes; `undefined` is no limit. */
  readonly maxBytes: number | undefined;
  /** Longest gap between two pieces while the backend takes them, in milliseconds. */
  readonly idleMs: number;
  /** Called once when the body cannot continue; the callback ends the request, and with it this stream. */
  readonly broken: (error: Error) => void;
}

/**
 * The body of a client's request, with back-pressure. It is separate from the request because a body is destroyed when it is no
 * longer needed, and destroying a server's request destroys its socket, and with it the response that the client should still get.
 */
export class RequestBody extends Readable {
  readonly #source: IncomingRequest;
  readonly #options: BodyOptions;
  readonly #idle: NodeJS.Timeout;
  #bytes = 0;
  #waiting = false;
  /** The client ended its body, or the rest of it is not wanted. */
  #isOver = false;

  constructor(source: IncomingRequest, options: BodyOptions) {
    super();
    this.#source = source;
    this.#options = options;
    this.#idle = setTimeout(onIdle, options.idleMs, this);
    source.on('data', this.#onResponseData);
    source.on('end', this.#onEnd);
    source.on('error', this.#onBroken);
    source.on('close', this.#onBroken);
    source.pause();
  }

  override _read(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#idle.refresh();
    this.#source.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#letGo();
    callback(error);
  }

  /** While the backend does not take what has come, silence is not the client's fault. */
  idleExpired(): void {
    this.#idle.refresh();
    if (!this.#waiting) return;
    const bytes = this.#bytes;
    // A process that was blocked has yet to read what came meanwhile.
    setImmediate(() => {
      if (this.#bytes === bytes && !this.#isOver) this.#break(new BodyIdle('the body stalled'));
    });
  }

  #onResponseData = (chunk: Buffer): void => {
    this.#bytes += chunk.length;
    if (this.#options.maxBytes !== undefined && this.#bytes > this.#options.maxBytes) {
      this.#break(new BodyTooLarge('the body is larger than the route allows'));
      return;
    }
    this.#idle.refresh();
    if (this.push(chunk)) return;
    this.#waiting = false;
    this.#source.pause();
  };

  #onEnd = (): void => {
    this.#isOver = true;
    clearTimeout(this.#idle);
    this.push(null);
  };

  #onBroken = (): void => {
    if (!this.#source.readableEnded) this.#break(new ClientGone('the client broke off its request'));
  };

  #break(error: Error): void {
    this.#letGo();
    this.#options.broken(error);
  }

  /** Keeps a listener for errors: there is no other. */
  #letGo(): void {
    this.#isOver = true;
    clearTimeout(this.#idle);
    const source = this.#source;
    source.off('data', this.#onResponseData);
    source.off('end', this.#onEnd);
    source.off('close', this.#onBroken);
    source.off('error', this.#onBroken);
    source.on('error', ignore);
  }
}

function ignore(): void {}

function onIdle(body: RequestBody): void {
  body.idleExpired();
}
