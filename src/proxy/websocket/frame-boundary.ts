/** A frame header has 2 to 14 bytes (RFC 6455 §5.2). */
const LONGEST_HEADER = 14;
const OPCODE_CLOSE = 8;

/**
 * Follows the WebSocket frames in a stream of bytes without keeping any, so that a frame of the gateway can be
 * put between two of the backend (RFC 6455 §5.2; control frames may stand between fragments, §5.4).
 */
export class FrameBoundary {
  readonly #header = Buffer.alloc(LONGEST_HEADER);
  #headerBytes = 0;
  #headerLength = 2;
  #payloadLeft = 0;

  /** True when a frame of the gateway's may follow what was fed so far. */
  get isHere(): boolean {
    return this.#headerBytes === 0 && this.#payloadLeft === 0;
  }

  /** True once the backend began a Close frame: another one must not follow (RFC 6455 §5.5.1). */
  closing = false;

  /** Follows a piece of the stream. Gives the index after the first frame that ends in it, or -1. */
  feed(chunk: Buffer): number {
    let boundary = -1;
    let at = 0;
    while (at < chunk.length) {
      at = this.#payloadLeft > 0 ? this.#skipPayload(chunk, at) : this.#readHeader(chunk, at);
      if (boundary === -1 && this.isHere) boundary = at;
    }
    return boundary;
  }

  #skipPayload(chunk: Buffer, at: number): number {
    const bytes = Math.min(this.#payloadLeft, chunk.length - at);
    this.#payloadLeft -= bytes;
    return at + bytes;
  }

  #readHeader(chunk: Buffer, at: number): number {
    this.#header[this.#headerBytes++] = chunk[at] as number;
    if (this.#headerBytes === 2) this.#headerLength = headerLength(this.#header[1] as number);
    if (this.#headerBytes === this.#headerLength && this.#headerBytes >= 2) {
      this.#payloadLeft = payloadLength(this.#header);
      if (((this.#header[0] as number) & 0x0f) === OPCODE_CLOSE) this.closing = true;
      this.#headerBytes = 0;
      this.#headerLength = 2;
    }
    return at + 1;
  }
}

/** The bytes of a Close frame as a server sends it: unmasked (RFC 6455 §5.5.1). `reason` is ASCII of at most 123 bytes. */
export function closeFrame(code: number, reason: string): Buffer {
  const frame = Buffer.alloc(4 + reason.length);
  frame[0] = 0x80 | OPCODE_CLOSE;
  frame[1] = 2 + reason.length;
  frame.writeUInt16BE(code, 2);
  frame.write(reason, 4, 'latin1');
  return frame;
}

function headerLength(second: number): number {
  const length = second & 0x7f;
  const mask = (second & 0x80) === 0 ? 0 : 4;
  if (length === 126) return 4 + mask;
  return length === 127 ? 10 + mask : 2 + mask;
}

function payloadLength(header: Buffer): number {
  const length = (header[1] as number) & 0x7f;
  if (length === 126) return header.readUInt16BE(2);
  // Beyond 2^53 nothing ever ends, so a lost low bit does not matter.
  return length === 127 ? Number(header.readBigUInt64BE(2)) : length;
}
