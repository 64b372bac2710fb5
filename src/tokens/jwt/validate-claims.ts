import { quoteForLog } from '../../core/escape.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import type { CompiledIssuer } from '../compiled-issuer.ts';
import type { Claims } from '../verified-token.ts';
import { isAbsent } from './json/absent.ts';

/** Validates the `typ` header (RFC 8725 §3.11), compared without case and `application/` (RFC 7515 §4.1.9). */
export function validateType(
  typ: string | undefined,
  { name: issuer, tokenTypes }: Pick<CompiledIssuer, 'name' | 'tokenTypes'>,
): Refusal | undefined {
  if (typ === undefined) {
    return tokenTypes.required ? refuse('typ_missing', 'the token has no `typ`', { issuer }) : undefined;
  }
  if (tokenTypes.names.has(normalizeType(typ))) return undefined;
  return refuse('typ_not_listed', `its \`typ\` ${quoteForLog(typ)} is not accepted`, { issuer });
}

export function normalizeType(typ: string): string {
  const lower = typ.toLowerCase();
  return lower.startsWith('application/') ? lower.slice('application/'.length) : lower;
}

/** Validates the kind of token by its payload. Comes before the claims, so that an ID token without `exp` is refused as an ID token. */
export function validateKind(claims: Claims, { idTokens, rules }: CompiledIssuer): Refusal | undefined {
  return findForeignMark(claims, idTokens) ?? rules.validateKind?.(claims, idTokens);
}

/** Marks of an ID token (OpenID Connect Core 1.0 §2, §3.3.2.11). */
const ID_TOKEN_CLAIMS = ['at_hash', 'c_hash'] as const;

/**
 * Refuses tokens that were made for something else than an API call. `idTokens: true` lets ID tokens pass; logout tokens and
 * other security events (RFC 8417 §2.2) and refresh tokens are never credentials for an API.
 */
function findForeignMark(claims: Claims, idTokens: boolean): Refusal | undefined {
  if (isStated(claims.events))
    return refuse('foreign_token', 'it has `events`: a logout token or security event');
  const typ = typeof claims.typ === 'string' ? claims.typ.toLowerCase() : undefined;
  if (typ === 'refresh' || typ === 'logout') {
    return refuse('foreign_token', 'its payload `typ` is that of a refresh or logout token');
  }
  if (idTokens) return undefined;
  for (const mark of ID_TOKEN_CLAIMS) {
    if (!isAbsent(claims[mark])) return refuse('id_token', `it has \`${mark}\`: an ID token`);
  }
  if (typ === 'id') return refuse('id_token', 'its payload `typ` is that of an ID token');
  if (claims.token_use === 'id') return refuse('id_token', 'its `token_use` is that of an ID token');
  return undefined;
}

/** Empty ones count here, unlike those of optional claims: what is unclear about a mark of another kind is refused. */
function isStated(mark: unknown): boolean {
  return mark !== undefined && mark !== null;
}

/** Null and the empty string count as missing. */
export function validatePresence(claims: Claims, required: readonly string[]): Refusal | undefined {
  for (const name of required) {
    const value = claims[name];
    if (value === undefined || value === null || value === '') {
      return refuse('claim_missing', `the claim \`${name}\` is required`);
    }
  }
  return undefined;
}
