import { isUtf8 } from 'node:buffer';
import { type Refusal, refuse } from '../core/refusals.ts';
import { parseStrictJson } from './strict-json.ts';
import type { Claims } from './verified-token.ts';

/** A token of good form. Nothing in it is proven. */
export interface UnverifiedToken {
  readonly alg: string;
  readonly kid: string | undefined;
  /** As it stands in the header. */
  readonly typ: string | undefined;
  readonly unverifiedClaims: Claims;
  /** Header and payload as signed (RFC 7515 §5.2, step 8). */
  readonly signingInput: string;
  readonly signature: Buffer;
}

/** Longest key id that is looked up; a SHA-512 in hexadecimal has 128 characters. */
export const MAX_KID_LENGTH = 512;

const THREE_PARTS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/**
 * Reads the compact form of a signed token (RFC 7515 §7.1), strictly: three canonical base64url parts, header and
 * payload JSON objects with one reading, no `crit` and no `b64` (RFC 7797), since no extension is supported.
 * `jwk`, `jku`, `x5u`, `x5c` in the header are not looked at: keys come from the issuer's key set only.
 */
export function parseToken(rawToken: string, maxBytes: number): UnverifiedToken | Refusal {
  if (rawToken.length > maxBytes) return malformed(`the token is longer than ${maxBytes} bytes`);
  if (!THREE_PARTS.test(rawToken)) return malformed(describeForm(rawToken));
  const headerEnd = rawToken.indexOf('.');
  const payloadEnd = rawToken.indexOf('.', headerEnd + 1);
  const headerText = decodeText(rawToken.slice(0, headerEnd));
  const payloadText = decodeText(rawToken.slice(headerEnd + 1, payloadEnd));
  const signature = decodeBytes(rawToken.slice(payloadEnd + 1));
  if (headerText === undefined || payloadText === undefined || signature === undefined) {
    return malformed('a part is not canonical base64url of UTF-8 text');
  }
  const header = parseStrictJson(headerText);
  if (typeof header === 'string') return malformed(`the header is refused: ${header}`);
  const claims = parseStrictJson(payloadText);
  if (typeof claims === 'string') return malformed(`the payload is refused: ${claims}`);
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string') return malformed('the header has no `alg`');
  if (kid !== undefined && typeof kid !== 'string') return malformed('`kid` is not a string');
  if (kid !== undefined && kid.length > MAX_KID_LENGTH) return malformed('`kid` is too long');
  if (typ !== undefined && typeof typ !== 'string') return malformed('`typ` is not a string');
  for (const name of UNSUPPORTED_HEADERS) {
    if (name in header) return malformed(`the header has \`${name}\`, which is not supported`);
  }
  const signingInput = rawToken.slice(0, payloadEnd);
  return { alg, kid, typ, unverifiedClaims: claims, signingInput, signature };
}

/** Extensions and marks of encryption: a token that has one asks for something else than a plain signature check. */
const UNSUPPORTED_HEADERS = ['crit', 'b64', 'enc', 'zip'] as const;

function malformed(reason: string): Refusal {
  return refuse('token_malformed', reason);
}

function describeForm(rawToken: string): string {
  const dots = rawToken.split('.', 8).length - 1;
  if (dots === 4) return 'encrypted tokens (JWE) are not accepted';
  if (dots === 0) return 'not a JWT; the provider may issue opaque tokens';
  if (dots === 2) return 'a part is empty or not base64url';
  return 'a JWT has three parts';
}

const LAST_OF_TWO = /[AQgw]$/;
const LAST_OF_THREE = /[AEIMQUYcgkosw048]$/;

/** Undefined when bits are left over: two spellings of one value are one too many (RFC 4648 §3.5). */
function decodeBytes(part: string): Buffer | undefined {
  const rest = part.length % 4;
  if (rest === 1) return undefined;
  if (rest === 2 && !LAST_OF_TWO.test(part)) return undefined;
  if (rest === 3 && !LAST_OF_THREE.test(part)) return undefined;
  return Buffer.from(part, 'base64url');
}

function decodeText(part: string): string | undefined {
  const bytes = decodeBytes(part);
  if (bytes === undefined) return undefined;
  const text = bytes.toString('utf8');
  // Bad bytes become U+FFFD; the full check is made only where one is seen.
  return text.includes('\uFFFD') && !isUtf8(bytes) ? undefined : text;
}
