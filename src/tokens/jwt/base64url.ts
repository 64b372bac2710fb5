import { isUtf8 } from 'node:buffer';

/**
 * Decodes base64url without padding (RFC 7515 §2). Undefined when the text is not canonical: two spellings of one value are one too
 * many (RFC 4648 §3.5), and Node would skip foreign characters.
 */
export function decodeBase64Url(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url');
  return bytes.toString('base64url') === part ? bytes : undefined;
}

/** The same for text; undefined also when it is not UTF-8. */
export function decodeBase64UrlText(part: string): string | undefined {
  const bytes = decodeBase64Url(part);
  return bytes !== undefined && isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}
