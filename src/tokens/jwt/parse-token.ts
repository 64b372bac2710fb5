import { isUtf8 } from 'node:buffer';
import type { Cause } from '../../core/causes.ts';
import type { JsonFlaw } from '../../core/json/strict-json.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusals.ts';
import type { Claims, TokenHeader } from '../verified-token.ts';
import { refuseForm } from './explain-form.ts';
import { parseStrictJson } from './json/strict-json.ts';

/** A token of good form. Nothing in it is proven. */
export interface UnverifiedToken {
  readonly header: TokenHeader;
  readonly unverifiedClaims: Claims;
  /** Header and payload as signed (RFC 7515 §5.2, step 8). */
  readonly signingInput: string;
  readonly signature: Buffer;
}

/** Longest key id that is looked up; a SHA-512 in hexadecimal has 128 characters. */
export const MAX_KID_LENGTH = 512;

/**
 * Parses the compact form of a signed token (RFC 7515 §7.1), strictly: three canonical base64url parts, header and
 * payload JSON objects with one reading, no `crit` and no `b64` (RFC 7797), since no extension is supported.
 * The signature may be empty only in an unsecured token (RFC 7518 §3.6), which is refused by its `alg`.
 * `jwk`, `jku`, `x5u` and `x5c` in the header are ignored: keys come from the issuer's key set only.
 */
export function parseToken(rawToken: string, maxBytes: number): UnverifiedToken | Refusal {
  if (rawToken.length > maxBytes)
    return refuse('token_too_long', `the token is longer than listen.limits.tokenBytes, ${maxBytes} bytes`);
  const headerEnd = rawToken.indexOf('.');
  const payloadEnd = rawToken.indexOf('.', headerEnd + 1);
  const hasThreeParts = payloadEnd !== -1 && rawToken.indexOf('.', payloadEnd + 1) === -1;
  if (!hasThreeParts || headerEnd === 0 || payloadEnd === headerEnd + 1) return refuseForm(rawToken);
  const header = readHeader(rawToken.slice(0, headerEnd), rawToken);
  if (isRefusal(header)) return header;
  const payload = decodeBase64UrlText(rawToken.slice(headerEnd + 1, payloadEnd));
  const signature = decodeBase64Url(rawToken.slice(payloadEnd + 1));
  if (payload === undefined || signature === undefined) return refuseForm(rawToken);
  if (signature.length === 0 && !UNSECURED.test(header.alg)) return refuseForm(rawToken);
  const claims = parseStrictJson(payload);
  if (typeof claims === 'string') return refuseJson('payload', claims);
  const signingInput = rawToken.slice(0, payloadEnd);
  return { header, unverifiedClaims: claims, signingInput, signature };
}

/** Members that need more than a signature check: encryption, or an extension that must be understood. */
const UNSUPPORTED_HEADERS = {
  enc: 'token_encrypted',
  zip: 'token_encrypted',
  crit: 'token_extension',
  b64: 'token_extension',
} as const satisfies Record<string, Cause>;

/** All tokens of a key have the same header (performance.md, "header remembered by its text"). Emptied when full: strange headers cost no more than unknown ones. */
const knownHeaders = new Map<string, TokenHeader>();
const MAX_KNOWN_HEADERS = 1_024;
const MAX_KNOWN_LENGTH = 1_024;

function readHeader(encoded: string, rawToken: string): TokenHeader | Refusal {
  const known = knownHeaders.get(encoded);
  if (known !== undefined) return known;
  const header = parseHeader(encoded, rawToken);
  if (isRefusal(header) || encoded.length > MAX_KNOWN_LENGTH) return header;
  if (knownHeaders.size >= MAX_KNOWN_HEADERS) knownHeaders.clear();
  // A copy, since a slice would keep the whole token in memory.
  knownHeaders.set(Buffer.from(encoded, 'latin1').toString('latin1'), header);
  return header;
}

function parseHeader(encoded: string, rawToken: string): TokenHeader | Refusal {
  const text = decodeBase64UrlText(encoded);
  if (text === undefined) return refuseForm(rawToken);
  const header = parseStrictJson(text);
  if (typeof header === 'string') return refuseJson('header', header);
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string') return malformedHeader('the header has no `alg`');
  if (kid !== undefined && typeof kid !== 'string') return malformedHeader('`kid` is not a string');
  if (kid !== undefined && kid.length > MAX_KID_LENGTH) return malformedHeader('`kid` is too long');
  if (typ !== undefined && typeof typ !== 'string') return malformedHeader('`typ` is not a string');
  for (const [name, cause] of Object.entries(UNSUPPORTED_HEADERS)) {
    if (name in header) return refuse(cause, `the header has \`${name}\`, which is not supported`);
  }
  // Frozen, since tokens share it. An empty key id names no key.
  return Object.freeze({
    alg,
    ...(kid !== undefined && kid !== '' && { kid }),
    ...(typ !== undefined && { typ }),
  });
}

const UNSECURED = /^none$/i;

function malformedHeader(reason: string): Refusal {
  return refuse('token_header_invalid', reason);
}

const JSON_CAUSES = {
  'not JSON': 'token_not_json',
  'not a JSON object': 'token_not_json',
  'duplicate names': 'token_duplicate_names',
  'nested too deeply': 'token_nested',
  'a number out of range': 'token_number',
} as const satisfies Record<JsonFlaw, Cause>;

function refuseJson(part: 'header' | 'payload', flaw: JsonFlaw): Refusal {
  return refuse(JSON_CAUSES[flaw], `the ${part} is refused: ${flaw}`);
}

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
