import { Readable } from 'node:stream';

/** As much as a stream hands on at a time, so that a backend that takes nothing keeps the rest where it is counted. */
const PIECE_BYTES = 64 * 1024;

/** A body whose bytes are all there. */
export class BytesBody extends Readable {
  readonly #bytes: Buffer;
  #sent = 0;

  constructor(bytes: Buffer) {
    super();
    this.#bytes = bytes;
  }

  override _read(): void {
    const piece = this.#bytes.subarray(this.#sent, this.#sent + PIECE_BYTES);
    this.#sent += piece.length;
    this.push(piece.length === 0 ? null : piece);
  }
}
