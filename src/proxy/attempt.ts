import { AnswerInvalid, isConnectionLoss } from './failure.ts';
import type { Carrier } from './sender.ts';

/** Interim answers (1xx) that one request may get. */
const MAX_INTERIM = 16;

/** What a request knows of the connection it was put on. */
export class Attempt {
  #carrier: Carrier | undefined;
  #begun = false;
  #reused = false;
  #interim = 0;
  #repeated = false;

  /** The request is about to be written. */
  begin(carrier: Carrier): void {
    this.#begun = true;
    this.#carrier = carrier;
    this.#reused = carrier.served > 0;
  }

  /** False while no connection was up: then nothing of the request was sent. */
  get begun(): boolean {
    return this.#begun;
  }

  /** The answer is complete: from now on the connection may carry other requests. */
  complete(): void {
    this.#carrier = undefined;
  }

  /** Ends the request and its connection; the handler hears of it as an error. */
  abort(error: Error): void {
    this.#carrier?.destroy(error);
  }

  /** Goes on reading the answer. */
  resume(): void {
    this.#carrier?.resume();
  }

  /** Interim answers are the hop's own (RFC 9110 §15.2) and are not relayed; a 101 nobody asked for is no answer. */
  interim(status: number): void {
    this.#interim++;
    if (status !== 101 && this.#interim <= MAX_INTERIM) return;
    this.abort(new AnswerInvalid(status === 101 ? 'switch_unasked' : 'interim_too_many'));
  }

  /** Whether the request ended without any byte of an answer, for want of a connection or with its loss. */
  isLost(error: Error): boolean {
    if (!this.#begun) return true;
    return isConnectionLoss(error) && this.#carrier?.hasAnswered === false;
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
    this.#carrier = undefined;
    this.#begun = false;
    this.#reused = false;
  }
}
