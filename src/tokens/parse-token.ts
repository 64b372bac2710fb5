import { isRefusal, type Refusal, refuse } from '../core/refusals.ts';
import { decodeBase64Url, decodeBase64UrlText } from './base64url.ts';
import type { KnownHeaders } from './known-headers.ts';
import { parseStrictJson } from './strict-json.ts';
import type { Claims, TokenHeader } from './verified-token.ts';

/** A token of good form. Nothing in it is proven. */
export interface UnverifiedToken {
  readonly header: TokenHeader;
  /** The header as it stands in the token, where it was not known before. */
  readonly newHeader: string | undefined;
  readonly unverifiedClaims: Claims;
  /** Header and payload as signed (RFC 7515 §5.2, step 8). */
  readonly signingInput: string;
  readonly signature: Buffer;
}

/** Longest key id that is looked up; a SHA-512 in hexadecimal has 128 characters. */
export const MAX_KID_LENGTH = 512;

/**
 * Reads the compact form of a signed token (RFC 7515 §7.1), strictly: three canonical base64url parts, header and
 * payload JSON objects with one reading, no `crit` and no `b64` (RFC 7797), since no extension is supported.
 * Only the signature of an unsecured token is empty (RFC 7518 §3.6): its `alg` is what is wrong with it.
 * `jwk`, `jku`, `x5u`, `x5c` in the header are not looked at: keys come from the issuer's key set only.
 */
export function parseToken(
  rawToken: string,
  maxBytes: number,
  known?: KnownHeaders,
): UnverifiedToken | Refusal {
  if (rawToken.length > maxBytes) return malformed(`the token is longer than ${maxBytes} bytes`);
  const headerEnd = rawToken.indexOf('.');
  const payloadEnd = rawToken.indexOf('.', headerEnd + 1);
  const hasThreeParts = payloadEnd !== -1 && rawToken.indexOf('.', payloadEnd + 1) === -1;
  if (!hasThreeParts || headerEnd === 0 || payloadEnd === headerEnd + 1)
    return malformed(describeForm(rawToken));
  const encodedHeader = rawToken.slice(0, headerEnd);
  const knownHeader = known?.find(encodedHeader);
  const header = knownHeader ?? readHeader(encodedHeader);
  if (isRefusal(header)) return header;
  const payload = decodeBase64UrlText(rawToken.slice(headerEnd + 1, payloadEnd));
  const signature = decodeBase64Url(rawToken.slice(payloadEnd + 1));
  if (payload === undefined || signature === undefined) return malformed(BAD_PART);
  if (signature.length === 0 && !UNSECURED.test(header.alg)) return malformed(describeForm(rawToken));
  const claims = parseStrictJson(payload);
  if (typeof claims === 'string') return malformed(`the payload is refused: ${claims}`);
  const signingInput = rawToken.slice(0, payloadEnd);
  const newHeader = knownHeader === undefined ? encodedHeader : undefined;
  return { header, newHeader, unverifiedClaims: claims, signingInput, signature };
}

/** Extensions and marks of encryption: a token that has one asks for something else than a plain signature check. */
const UNSUPPORTED_HEADERS = ['crit', 'b64', 'enc', 'zip'] as const;

function readHeader(encoded: string): TokenHeader | Refusal {
  const text = decodeBase64UrlText(encoded);
  if (text === undefined) return malformed(BAD_PART);
  const header = parseStrictJson(text);
  if (typeof header === 'string') return malformed(`the header is refused: ${header}`);
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string') return malformed('the header has no `alg`');
  if (kid !== undefined && typeof kid !== 'string') return malformed('`kid` is not a string');
  if (kid !== undefined && kid.length > MAX_KID_LENGTH) return malformed('`kid` is too long');
  if (typ !== undefined && typeof typ !== 'string') return malformed('`typ` is not a string');
  for (const name of UNSUPPORTED_HEADERS) {
    if (name in header) return malformed(`the header has \`${name}\`, which is not supported`);
  }
  // Shared by all tokens that have it.
  return Object.freeze({ alg, ...(kid !== undefined && { kid }), ...(typ !== undefined && { typ }) });
}

const UNSECURED = /^none$/i;

const BAD_PART = 'a part is not canonical base64url of UTF-8 text';

function malformed(reason: string): Refusal {
  return refuse('token_malformed', reason);
}

function describeForm(rawToken: string): string {
  const dots = rawToken.split('.', 8).length - 1;
  if (dots === 4) return 'encrypted tokens (JWE) are not accepted';
  if (dots === 0) return 'not a JWT; the provider may issue opaque tokens';
  if (dots === 2) return 'a part is empty';
  return 'a JWT has three parts';
}
