import { type Refusal, refuse } from '../core/refusals.ts';
import type { ScreenedHeaders } from './firewall.ts';

const TWO_TOKENS = 'the request carries a token in more than one place';

/**
 * Finds the one token of a request (contract §3.4, RFC 6750 §2.1); undefined when there is none. Refuses two `Authorization` fields
 * with `multiple_tokens` and a bearer credential that is not one scheme, one space and one token with `token_malformed`.
 */
export function extractToken(headers: ScreenedHeaders): string | undefined | Refusal {
  const several = refuseSeveralAuthorizations(headers);
  if (several !== undefined) return several;
  const value = headers.authorizations[0];
  return value === undefined ? undefined : parseBearer(value);
}

/** Two `Authorization` fields are refused on every route, whether it looks at tokens or not. */
export function refuseSeveralAuthorizations(headers: ScreenedHeaders): Refusal | undefined {
  if (headers.authorizations.length < 2) return undefined;
  return refuse('multiple_tokens', 'the request has more than one Authorization field');
}

/** The token of a bearer credential; undefined for another scheme, which is no token at all. */
function parseBearer(value: string): string | undefined | Refusal {
  if (!/^bearer(?:[ \t]|$)/i.test(value)) return undefined;
  const token = value.slice('bearer '.length);
  if (value.charCodeAt(6) === 32 && /^[!-~]+$/.test(token)) return token;
  if (/,\s*bearer\s/i.test(value)) return refuse('multiple_tokens', TWO_TOKENS);
  return refuse('token_malformed', 'Authorization is not "Bearer", one space and one token');
}
