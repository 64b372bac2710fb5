import type { Refusal } from '../../core/refusals.ts';
import { ACCESS_TOKEN_TYPE, type ExchangeGrant } from './exchange-parameters.ts';
import { readTokenError, type TokenEndpointResponse, unavailable } from './read-token-error.ts';

/** A token for the backend. */
export interface ExchangedToken {
  readonly accessToken: string;
  /** From the response on; undefined where the response has none that could be relied on. */
  readonly lifetimeSeconds: number | undefined;
}

/** What fits into a header field as one word: the b64token of RFC 6750 §2.1, and what else is visible ASCII. */
const HEADER_WORD = /^[!-~]+$/;
/** Backends take 8 to 64 KiB of header fields in all. */
const LONGEST_TOKEN = 16 * 1024;
const TOKEN_TYPES: ReadonlySet<unknown> = new Set([
  ACCESS_TOKEN_TYPE,
  'urn:ietf:params:oauth:token-type:jwt',
]);

/** Reads a response (RFC 6749 §5, RFC 8693 §2.2). Nothing is taken that a backend could not use as a bearer token. */
export function readTokenResponse(
  response: TokenEndpointResponse,
  { grant, rawToken }: { readonly grant: ExchangeGrant; readonly rawToken: string },
): ExchangedToken | Refusal {
  const { status, json } = response;
  if (status !== 200) return readTokenError(response);
  if (json === undefined) return unavailable('exchange_unreadable', 'the response is no JSON object');
  const flaw = findFlaw(json, { grant, rawToken });
  if (flaw !== undefined) return unavailable('exchange_token_unusable', flaw);
  return { accessToken: json.access_token as string, lifetimeSeconds: readLifetime(json.expires_in) };
}

/** RFC 6749 §5.1 has a number. The v1 endpoints of Entra ID and AD FS write its digits as a text. */
function readLifetime(stated: unknown): number | undefined {
  const seconds = typeof stated === 'string' && /^\d{1,10}$/.test(stated) ? Number(stated) : stated;
  return typeof seconds === 'number' && seconds > 0 ? seconds : undefined;
}

function findFlaw(
  { access_token: token, token_type: type, issued_token_type: issued }: Readonly<Record<string, unknown>>,
  { grant, rawToken }: { readonly grant: ExchangeGrant; readonly rawToken: string },
): string | undefined {
  if (typeof token !== 'string') return 'the response has no `access_token`';
  if (token.length > LONGEST_TOKEN) return `the token is longer than ${LONGEST_TOKEN} characters`;
  if (!HEADER_WORD.test(token)) return 'the token does not fit into a header field';
  if (token === rawToken) return "the token is the caller's own";
  if (typeof type !== 'string') return 'the response has no `token_type`';
  if (type.toLowerCase() !== 'bearer') return 'the `token_type` is not Bearer';
  // RFC 8693 §2.2.1 requires it, and it alone distinguishes an access token from other ones.
  return grant !== 'token-exchange' || TOKEN_TYPES.has(issued)
    ? undefined
    : 'the `issued_token_type` is that of no access token';
}
