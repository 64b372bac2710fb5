import { AnswerInvalid } from './failure.ts';
import type { AnswerEnd } from './framing.ts';

/**
 * What the header fields of an answer say of its end and of the connection (RFC 9112 §6 and §9). Used again for each answer of a
 * connection. Refuses what two readers could read in two ways.
 */
export class AnswerFraming {
  #isOldVersion = false;
  #length: number | undefined;
  #isChunked = false;
  #connection = '';
  #keepAlive = '';

  /** Before the fields of an answer. HTTP/1.0 knows no chunks, and closes unless told otherwise. */
  begin(isOldVersion: boolean): void {
    this.#isOldVersion = isOldVersion;
    this.#length = undefined;
    this.#isChunked = false;
    this.#connection = '';
    this.#keepAlive = '';
  }

  /** Takes note of one field; `isTabbed` when a tab stood after its value, which some readers take for a part of it. */
  see(name: string, value: string, isTabbed: boolean): void {
    switch (name.length) {
      case 10:
        this.#seeConnection(name.toLowerCase(), value);
        return;
      case 14:
        if (name.toLowerCase() === 'content-length') this.#seeLength(value, isTabbed);
        return;
      case 17:
        if (name.toLowerCase() === 'transfer-encoding') this.#seeCoding(value, isTabbed);
        return;
    }
  }

  /** What ends the body. */
  get end(): AnswerEnd {
    if (this.#isChunked) {
      if (this.#length !== undefined) throw new AnswerInvalid('length_and_chunked');
      return 'chunk';
    }
    return this.#length === undefined ? 'close' : 'length';
  }

  /** The stated length of the body in bytes; 0 when none is stated. */
  get length(): number {
    return this.#length ?? 0;
  }

  /** Whether the backend leaves the connection open after the answer. */
  get keepsAlive(): boolean {
    // What nearly all backends send.
    if (this.#connection === '') return !this.#isOldVersion;
    if (this.#connection === 'keep-alive') return true;
    const options = this.#connection.toLowerCase().split(/[\t ,]+/);
    return !options.includes('close') && (!this.#isOldVersion || options.includes('keep-alive'));
  }

  /** How long the backend says it keeps an idle connection, in milliseconds; undefined when it says nothing. */
  get keepAliveMs(): number | undefined {
    if (this.#keepAlive === '') return undefined;
    const seconds = /(?:^|[\t ,;])timeout="?(\d{1,6})/i.exec(this.#keepAlive)?.[1];
    return seconds === undefined ? undefined : Number(seconds) * 1000;
  }

  #seeConnection(name: string, value: string): void {
    if (name === 'connection') this.#connection += this.#connection === '' ? value : `,${value}`;
    else if (name === 'keep-alive') this.#keepAlive = value;
  }

  #seeLength(value: string, isTabbed: boolean): void {
    if (this.#length !== undefined) throw new AnswerInvalid('length_repeated');
    if (isTabbed || !/^\d{1,15}$/.test(value)) throw new AnswerInvalid('length_malformed');
    this.#length = Number(value);
  }

  #seeCoding(value: string, isTabbed: boolean): void {
    if (isTabbed || value.toLowerCase() !== 'chunked') throw new AnswerInvalid('coding_unknown');
    if (this.#isChunked) throw new AnswerInvalid('chunked_repeated');
    if (this.#isOldVersion) throw new AnswerInvalid('chunked_in_http10');
    this.#isChunked = true;
  }
}
