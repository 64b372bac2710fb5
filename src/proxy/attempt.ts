import type { Carrier, Connection } from './connection.ts';
import { AnswerInvalid, isConnectionLoss } from './failure.ts';

/** Interim answers (1xx) that one request may get. */
const MAX_INTERIM = 16;

/** What a request knows of the connection it was put on. */
export class Attempt {
  #abort: ((error?: Error) => void) | undefined;
  #carrier: Carrier | undefined;
  #reused = false;
  #bytesReadBefore = 0;
  #interim = 0;
  #repeated = false;

  /** The request is about to be written to this connection. */
  begin(connection: Connection | undefined, abort: (error?: Error) => void): void {
    this.#abort = abort;
    const carrier = connection?.carrier;
    if (carrier === undefined) return;
    this.#carrier = carrier;
    this.#reused = carrier.served > 0;
    this.#bytesReadBefore = carrier.bytesRead;
    carrier.served++;
  }

  /** False while no connection was up: then nothing of the request was sent. */
  get begun(): boolean {
    return this.#abort !== undefined;
  }

  /** The error that ended the connection, if one did. */
  get brokenBy(): Error | null {
    return this.#carrier?.errored ?? null;
  }

  /** The answer is complete: from now on the connection may carry other requests. */
  complete(): void {
    this.#carrier = undefined;
    this.#abort = undefined;
  }

  /**
   * Ends the request and its connection; the handler hears of it as an error. Not by undici's own `abort`: that
   * puts the dead request back into the queue and opens a new connection for it.
   */
  abort(error: Error): void {
    if (this.#carrier === undefined) this.#abort?.(error);
    else this.#carrier.destroy(error);
  }

  /** Interim answers are the hop's own (RFC 9110 §15.2) and are not relayed; a 101 nobody asked for is no answer. */
  interim(status: number): void {
    this.#interim++;
    if (status !== 101 && this.#interim <= MAX_INTERIM) return;
    this.abort(new AnswerInvalid('an interim answer that was not asked for'));
  }

  /** Whether the request ended without any byte of an answer, for want of a connection or with its loss. */
  isLost(error: Error): boolean {
    if (!this.begun) return true;
    return isConnectionLoss(error) && this.#carrier?.bytesRead === this.#bytesReadBefore;
  }

  /**
   * Whether to send a lost request that is idempotent and without body once more, unasked: its connection had been
   * used before, as happens when a backend closes an idle connection (contract §3.8). True once.
   */
  mayRepeat(): boolean {
    if (this.#repeated || !this.#reused) return false;
    this.#repeated = true;
    return true;
  }

  /** Forgets the connection before the request is sent once more. */
  restart(): void {
    this.#abort = undefined;
    this.#carrier = undefined;
    this.#reused = false;
  }
}
