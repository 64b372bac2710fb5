import type { TokenSourceConfig } from '../config/schema.ts';
import { type Refusal, refuse } from '../core/refusals.ts';
import type { Target } from '../http/target.ts';
import type { ScreenedHeaders } from './firewall.ts';
import { readCookie, readProtocolToken, readQuery } from './token-places.ts';

/** A place for the token beside Authorization. */
export interface TokenSource {
  readonly kind: 'header' | 'cookie' | 'query' | 'webSocketProtocol';
  /** Of the header (lower case), cookie, parameter, or of the protocol that announces the token. */
  readonly name: string;
}

const READERS: Readonly<
  Record<TokenSource['kind'], (name: string, headers: ScreenedHeaders, target: Target) => readonly string[]>
> = {
  header: (name, { credentials }) =>
    credentials.filter((_, at) => at % 2 === 1 && credentials[at - 1] === name),
  cookie: (name, { cookies }) => cookies.flatMap((cookie) => readCookie(cookie, name)),
  query: (name, _, target) => readQuery(target.query, name),
  webSocketProtocol: (name, { passed }) => readProtocolToken(passed, name),
};

/** The one place that a `tokenFrom` entry of the file names. */
export function toTokenSource(entry: TokenSourceConfig): TokenSource {
  const [kind, name] = Object.entries(entry)[0] as [TokenSource['kind'], string];
  return { kind, name: kind === 'header' ? name.toLowerCase() : name };
}

/**
 * Finds the one token of a request (contract §3.4, RFC 6750 §2); undefined when there is none. Refuses two of them, wherever they
 * are, with `multiple_tokens`, and a bearer credential that is not one scheme, one space and one token with `token_malformed`.
 */
export function extractToken(
  sources: readonly TokenSource[],
  headers: ScreenedHeaders,
  target: Target,
): string | undefined | Refusal {
  const several = refuseSeveralAuthorizations(headers);
  if (several !== undefined) return several;
  const authorization = headers.authorizations[0];
  const bearer = authorization === undefined ? undefined : parseBearer(authorization);
  if (sources.length === 0) return bearer;

  const elsewhere = sources
    .flatMap(({ kind, name }) => READERS[kind](name, headers, target))
    .filter((value) => value !== '');
  if (elsewhere.length > (bearer === undefined ? 1 : 0)) {
    return refuse('tokens_in_two_places', 'the request carries a token in more than one place');
  }
  const [token] = elsewhere;
  if (token === undefined || /^[!-~]+$/.test(token)) return bearer ?? token;
  return refuse('token_place', 'what stands in the place of the token is not one token');
}

/** Two `Authorization` fields are refused on every route, whether it looks at tokens or not. */
export function refuseSeveralAuthorizations(headers: ScreenedHeaders): Refusal | undefined {
  if (headers.authorizations.length < 2) return undefined;
  return refuse('authorization_twice', 'the request has more than one Authorization field');
}

/**
 * The field that holds the token `extractToken` gave, as name and value; empty where it came from elsewhere. No other credential is
 * handed on beside it, be it of another scheme or in the header of another route's provider: nobody has verified that one.
 */
export function verifiedCredential(
  sources: readonly TokenSource[],
  { authorizations, credentials }: ScreenedHeaders,
): readonly string[] {
  const [authorization] = authorizations;
  if (authorization !== undefined && isBearer(authorization)) return ['authorization', authorization];
  const own = new Set(sources.flatMap(({ kind, name }) => (kind === 'header' ? [name] : [])));
  return credentials.filter((_, at) => own.has(credentials[at - (at % 2)] as string));
}

/** Whether an `Authorization` is of the scheme that tokens come in (RFC 6750 §2.1). */
function isBearer(authorization: string): boolean {
  return /^bearer(?:[ \t]|$)/i.test(authorization);
}

/** The token of a bearer credential; undefined for another scheme, which is no token at all. */
function parseBearer(value: string): string | undefined | Refusal {
  if (!isBearer(value)) return undefined;
  const token = value.slice('bearer '.length);
  // Other characters are the verifier's to find: a look at each would cost more than finding a remembered token.
  const mayBeOne = token !== '' && !token.includes(' ') && !token.includes('\t');
  if (value.charCodeAt(6) === 32 && mayBeOne) return token;
  if (/,\s*bearer\s/i.test(value)) {
    return refuse('tokens_in_one_field', 'the Authorization field holds more than one token');
  }
  return refuseBearer(value);
}

/** What is wrong with a bearer credential, in the words of its form. */
function refuseBearer(value: string): Refusal {
  const rest = value.slice('bearer'.length).trim();
  if (rest === '') return refuse('bearer_empty', 'Authorization is "Bearer" without a token');
  if (/^bearer\b/i.test(rest)) return refuse('bearer_repeated', 'Authorization says "Bearer" twice');
  return refuse(
    'bearer_spacing',
    'Authorization is not "Bearer", one space and one token: it has other white space',
  );
}
