import { InvalidResponse } from '../errors.ts';

/** The parts of the line before a chunk. */
export interface ChunkLine {
  /** Bytes of the chunk; 0 of the last one. */
  readonly size: number;
  /** Bytes after the size. */
  readonly extensionBytes: number;
}

/** A size of more hexadecimal digits may be one that a number cannot hold exactly. */
const MAX_DIGITS = 13;

/**
 * RFC 9112 §7.1.1, with the blanks that a recipient must expect around its parts (BWS), and those that old servers pad every size
 * with, whether an extension follows or not. What comes after a size goes no further than here, so no other reader can take it for
 * anything else. No two ways to read anything, so linear time.
 */
const EXTENSIONS =
  /^[\t ]*(?:;[\t ]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[\t ]*=[\t ]*(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"))?[\t ]*)*$/;

/** Reads the line before a chunk (RFC 9112 §7.1), with the CR LF at its end. */
export function readChunkLine(line: string): ChunkLine {
  const digits = /^[0-9A-Fa-f]+/.exec(line)?.[0] ?? '';
  if (digits === '' || digits.length > MAX_DIGITS) throw new InvalidResponse('chunk_size_malformed');
  const extension = line.slice(digits.length, -2);
  if (extension !== '' && !EXTENSIONS.test(extension)) throw new InvalidResponse('chunk_extension_malformed');
  return { size: Number.parseInt(digits, 16), extensionBytes: extension.length };
}
