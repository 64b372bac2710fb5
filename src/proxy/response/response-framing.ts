import { InvalidResponse } from '../errors.ts';
import type { ResponseEnd } from './response-end.ts';

/**
 * The framing and connection persistence of a response, by its header fields (RFC 9112 §6 and §9). Reused for each response of a
 * connection. Refuses what two readers could read differently.
 */
export class ResponseFraming {
  #isOldVersion = false;
  #length: number | undefined;
  #isChunked = false;
  #connection = '';
  #keepAlive = '';

  /** To be called before the fields of a response. HTTP/1.0 has no chunks, and closes the connection by default. */
  begin(isOldVersion: boolean): void {
    this.#isOldVersion = isOldVersion;
    this.#length = undefined;
    this.#isChunked = false;
    this.#connection = '';
    this.#keepAlive = '';
  }

  /** Reads one field; `isTabbed` when a tab follows its value, which some readers take for a part of it. */
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
  get end(): ResponseEnd {
    if (this.#isChunked) {
      if (this.#length !== undefined) throw new InvalidResponse('length_and_chunked');
      return 'chunk';
    }
    return this.#length === undefined ? 'close' : 'length';
  }

  /** The stated length of the body in bytes; 0 when none is stated. */
  get length(): number {
    return this.#length ?? 0;
  }

  /** Whether the backend leaves the connection open after the response. */
  get keepsAlive(): boolean {
    // What nearly all backends send.
    if (this.#connection === '') return !this.#isOldVersion;
    if (this.#connection === 'keep-alive') return true;
    const options = this.#connection.toLowerCase().split(/[\t ,]+/);
    return !options.includes('close') && (!this.#isOldVersion || options.includes('keep-alive'));
  }

  /** How long the backend keeps an idle connection, in milliseconds; undefined where it does not state it. */
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
    if (this.#length !== undefined) throw new InvalidResponse('length_repeated');
    if (isTabbed || !/^\d{1,15}$/.test(value)) throw new InvalidResponse('length_malformed');
    this.#length = Number(value);
  }

  #seeCoding(value: string, isTabbed: boolean): void {
    if (isTabbed || value.toLowerCase() !== 'chunked') throw new InvalidResponse('coding_unknown');
    if (this.#isChunked) throw new InvalidResponse('chunked_repeated');
    if (this.#isOldVersion) throw new InvalidResponse('chunked_in_http10');
    this.#isChunked = true;
  }
}
