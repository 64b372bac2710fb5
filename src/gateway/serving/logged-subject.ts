import { createHash } from 'node:crypto';
import type { Config } from '../../config/schema/config.ts';
import { createTokenMemo } from '../../tokens/token-memo.ts';
import type { VerifiedToken } from '../../tokens/verified-token.ts';

const LONGEST = 256;
const HASH_LENGTH = 22;

const hashes = createTokenMemo<string>();

/**
 * The subject of a verified token as `log.subject` wants it. `hash` is the beginning of SHA-256 over issuer and subject: the same for one
 * caller in every line and on every gateway, and no more secret than subjects are hard to guess.
 */
export function loggedSubject(
  token: VerifiedToken | undefined,
  form: Config['log']['subject'],
): string | undefined {
  if (form === 'none' || typeof token?.claims.sub !== 'string') return undefined;
  if (form === 'plain') return cut(token.claims.sub);
  const known = hashes.get(token);
  if (known !== undefined) return known;
  const hash = createHash('sha256')
    .update(JSON.stringify([token.claims.iss, token.claims.sub]))
    .digest('base64url')
    .slice(0, HASH_LENGTH);
  hashes.set(token, hash);
  return hash;
}

function cut(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
