import { type Refusal, refuse } from '../../core/refusals.ts';
import type { Target } from '../../http/target.ts';
import type { FilteredHeaders } from '../messages/request-header-filter.ts';
import type { PresentedToken } from './presented-token.ts';
import { describeSource, findHiddenToken, readTokenPlaces, type TokenSources } from './token-sources.ts';

/**
 * Finds the one token of a request (RFC 6750 §2); undefined when there is none. Refuses two of them, wherever they
 * are, and one that only some backends would find, with `multiple_tokens`; a bearer credential that is not one scheme, one space
 * and one token with `token_malformed`.
 */
export function extractToken(
  sources: TokenSources,
  headers: FilteredHeaders,
  target: Target,
): PresentedToken | undefined | Refusal {
  const several = refuseSeveralAuthorizations(headers);
  if (several !== undefined) return several;
  const authorization = headers.authorizations[0];
  const bearer = authorization === undefined ? undefined : parseBearer(authorization, 'Authorization');
  if (sources.places.length === 0) return bearer;

  const hidden = findHiddenToken(sources, headers, target);
  if (hidden !== undefined) {
    return refuse(
      'token_hidden',
      `the request spells the ${hidden} in another way, which a backend could read`,
    );
  }
  const elsewhere = readTokenPlaces(sources, headers, target);
  if (elsewhere.length > (bearer === undefined ? 1 : 0)) {
    return refuse('tokens_in_two_places', 'the request carries a token in more than one place');
  }
  const [found] = elsewhere;
  if (found === undefined) return bearer;
  const { source, value } = found;
  if (source.kind === 'header' && isBearer(value)) return parseBearer(value, `the ${describeSource(source)}`);
  if (/^[!-~]+$/.test(value)) return { rawToken: value, scheme: 'Bearer' };
  const form = source.kind === 'header' ? ', with or without "Bearer" and one space before it' : '';
  return refuse('token_place', `the ${describeSource(source)} does not hold one token alone${form}`);
}

/** Two `Authorization` fields are refused on every route, public ones included. */
export function refuseSeveralAuthorizations(headers: FilteredHeaders): Refusal | undefined {
  if (headers.authorizations.length < 2) return undefined;
  return refuse('authorization_twice', 'the request has more than one Authorization field');
}

/**
 * The field that holds the token `extractToken` gave, as name and value; empty where it came from elsewhere. No other credential is
 * forwarded beside it, of another scheme or in the header of another route's provider, as it was not verified.
 */
export function verifiedCredential(
  { places }: TokenSources,
  { authorizations, credentials }: FilteredHeaders,
): readonly string[] {
  const [authorization] = authorizations;
  if (authorization !== undefined && isBearer(authorization)) return ['authorization', authorization];
  const own = new Set(places.flatMap(({ kind, name }) => (kind === 'header' ? [name] : [])));
  return credentials.filter((_, at) => own.has(credentials[at - (at % 2)] as string));
}

/** Whether a credential is of the scheme that tokens come in (RFC 6750 §2.1). */
function isBearer(credential: string): boolean {
  return /^bearer(?:[ \t]|$)/i.test(credential);
}

/** The token of a bearer credential; undefined for another scheme, which is no token at all. */
function parseBearer(value: string, place: string): PresentedToken | undefined | Refusal {
  if (!isBearer(value)) return undefined;
  const rawToken = value.slice('bearer '.length);
  // The verifier checks the characters: to do so here would cost more than finding a remembered token.
  const mayBeOne = rawToken !== '' && !rawToken.includes(' ') && !rawToken.includes('\t');
  if (value.charCodeAt(6) === 32 && mayBeOne) return { rawToken, scheme: 'Bearer' };
  if (/,\s*bearer\s/i.test(value)) {
    return refuse('tokens_in_one_field', `${place} holds more than one token`);
  }
  return refuseBearer(value, place);
}

/** Names the fault in the form of a bearer credential. */
function refuseBearer(value: string, place: string): Refusal {
  const rest = value.slice('bearer'.length).trim();
  if (rest === '') return refuse('bearer_empty', `${place} is "Bearer" without a token`);
  if (/^bearer\b/i.test(rest)) return refuse('bearer_repeated', `${place} has "Bearer" twice`);
  return refuse(
    'bearer_spacing',
    `${place} is not "Bearer", one space and one token: it has other white space`,
  );
}
