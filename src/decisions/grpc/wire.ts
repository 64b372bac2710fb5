import { isUtf8 } from 'node:buffer';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** Bytes that are not one message of the expected type, in one reading. */
export class MalformedMessage extends Error {}

/** One byte for each character, as Node gives header fields. */
const CHARACTERS = 'latin1';
const ASCII = /^[\0-\x7f]*$/;

/**
 * Reads one message of Protocol Buffers, strictly: what two parsers could read differently is malformed. A message within it is read by
 * the same reader, up to its end.
 */
export class StrictReader {
  readonly #bytes: Buffer;
  readonly #reader: BinaryReader;
  #end: number;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#reader = new BinaryReader(bytes);
    this.#end = bytes.length;
  }

  /**
   * Calls `field` for each field of the message. It reads the field and returns true, or returns false for one that it does not know,
   * which is skipped.
   */
  fields(field: (number: number, type: WireType) => boolean): void {
    const reader = this.#reader;
    while (reader.pos < this.#end) {
      const [number, type] = reader.tag();
      if (!field(number, type)) reader.skip(type, number);
    }
    if (reader.pos !== this.#end) throw new MalformedMessage('a field ends behind its message');
  }

  /** Reads a message within this one. */
  message(type: WireType, field: (number: number, type: WireType) => boolean): void {
    const outer = this.#end;
    this.#end = this.#endOf(type);
    this.fields(field);
    this.#end = outer;
  }

  /** Reads a `string`: UTF-8, of which each byte becomes one character. */
  text(type: WireType): string {
    return this.#take(type, true);
  }

  /** Reads `bytes`, each of which becomes one character. */
  raw(type: WireType): string {
    return this.#take(type, false);
  }

  #take(type: WireType, isText: boolean): string {
    const end = this.#endOf(type);
    const at = this.#reader.pos;
    const text = this.#bytes.toString(CHARACTERS, at, end);
    if (isText && !ASCII.test(text) && !isUtf8(this.#bytes.subarray(at, end)))
      throw new MalformedMessage('a string is not UTF-8');
    this.#reader.pos = end;
    return text;
  }

  /** Where the length-delimited field ends that begins here. */
  #endOf(type: WireType): number {
    if (type !== WireType.LengthDelimited) throw new MalformedMessage('a field has the wrong type');
    const reader = this.#reader;
    const lengthAt = reader.pos;
    const length = reader.uint32();
    const lengthBytes = reader.pos - lengthAt;
    // The reader drops what is beyond 32 bits.
    if (lengthBytes > 5 || (lengthBytes === 5 && (this.#bytes[reader.pos - 1] as number) > 0x0f))
      throw new MalformedMessage('a length exceeds 32 bits');
    const end = reader.pos + length;
    if (end > this.#end) throw new MalformedMessage('a field ends behind its message');
    return end;
  }
}

/** The fields of a message that came so far: each may come once. */
export class Once {
  #seen = 0;

  /** For numbers up to 31. */
  mark(number: number): void {
    const bit = 1 << number;
    if ((this.#seen & bit) !== 0) throw new MalformedMessage(`field ${number} comes twice`);
    this.#seen |= bit;
  }
}

/** Reads with a function that may throw whatever the reader throws. */
export function readStrictly<Message>(bytes: Buffer, read: (reader: StrictReader) => Message): Message {
  try {
    return read(new StrictReader(bytes));
  } catch (error) {
    if (error instanceof MalformedMessage) throw error;
    throw new MalformedMessage((error as Error).message);
  }
}
