import { isUtf8 } from 'node:buffer';

/**
 * Decodes base64url without padding (RFC 7515 §2), strictly: undefined when a character is not of its alphabet or bits are
 * left over, since two spellings of one value are one too many (RFC 4648 §3.5).
 */
export function decodeBase64Url(part: string): Buffer | undefined {
  const length = strictLength(part);
  if (length === undefined) return undefined;
  const bytes = Buffer.from(part, 'base64url');
  return bytes.length === length ? bytes : undefined;
}

/** The same for text; undefined also when it is not UTF-8. */
export function decodeBase64UrlText(part: string): string | undefined {
  const length = strictLength(part);
  if (length === undefined) return undefined;
  const room = length <= SCRATCH.length ? SCRATCH : Buffer.allocUnsafe(length);
  if (room.write(part, 0, 'base64url') !== length) return undefined;
  const text = room.toString('utf8', 0, length);
  // Bad bytes become U+FFFD; the full check is made only where one is seen.
  return text.includes('\uFFFD') && !isUtf8(room.subarray(0, length)) ? undefined : text;
}

/** For what is read out again at once. */
const SCRATCH = Buffer.allocUnsafe(8 * 1024);

const LAST_OF_TWO = 'AQgw';
const LAST_OF_THREE = 'AEIMQUYcgkosw048';

/**
 * The bytes that a part of the right form decodes to. Node passes over characters that are of neither base64 alphabet, each of
 * which makes the result shorter: whoever decodes compares the length. What it would take instead is refused here.
 */
function strictLength(part: string): number | undefined {
  const rest = part.length % 4;
  const last = part.charAt(part.length - 1);
  if (rest === 1) return undefined;
  if (rest === 2 && !LAST_OF_TWO.includes(last)) return undefined;
  if (rest === 3 && !LAST_OF_THREE.includes(last)) return undefined;
  if (part.includes('+') || part.includes('/')) return undefined;
  // Beyond ASCII: Node looks at the low byte of wide characters only.
  if (Buffer.byteLength(part) !== part.length) return undefined;
  return Math.floor((part.length * 3) / 4);
}
