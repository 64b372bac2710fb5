import { type Refusal, refuse } from '../../core/refusals.ts';
import type { Target } from '../../http/target.ts';
import type { FilteredHeaders } from '../messages/request-header-filter.ts';
import type { PresentedToken } from './presented-token.ts';
import { describeSource, findHiddenToken, readTokenPlaces, type TokenSources } from './token-sources.ts';

/**
 * Finds the one token of a request (RFC 6750 §2); undefined when there is none. Refuses two of them, wherever they
 * are, and one that only some backends would find, with `multiple_tokens`; a credential of a scheme for tokens that is not one scheme,
 * one space and one token with `token_malformed`.
 */
export function extractToken(
  sources: TokenSources,
  headers: FilteredHeaders,
  target: Target,
): PresentedToken | undefined | Refusal {
  const several = refuseSeveralAuthorizations(headers);
  if (several !== undefined) return several;
  const authorization = headers.authorizations[0];
  const own =
    authorization === undefined
      ? undefined
      : parseCredential(authorization, schemeOf(authorization, sources), 'Authorization');
  if (sources.places.length === 0) return own;

  const hidden = findHiddenToken(sources, headers, target);
  if (hidden !== undefined) {
    return refuse(
      'token_hidden',
      `the request spells the ${hidden} in another way, which a backend could read`,
    );
  }
  const elsewhere = readTokenPlaces(sources, headers, target);
  if (elsewhere.length > (own === undefined ? 1 : 0)) {
    return refuse('tokens_in_two_places', 'the request carries a token in more than one place');
  }
  const [found] = elsewhere;
  if (found === undefined) return own;
  const { source, value } = found;
  if (source.kind === 'header' && isBearer(value)) {
    return parseCredential(value, 'Bearer', `the ${describeSource(source)}`);
  }
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
  sources: TokenSources,
  { authorizations, credentials }: FilteredHeaders,
): readonly string[] {
  const [authorization] = authorizations;
  if (authorization !== undefined && schemeOf(authorization, sources) !== undefined) {
    return ['authorization', authorization];
  }
  const own = new Set(sources.places.flatMap(({ kind, name }) => (kind === 'header' ? [name] : [])));
  return credentials.filter((_, at) => own.has(credentials[at - (at % 2)] as string));
}

const BEARER = /^bearer(?:[ \t]|$)/i;
const DPOP = /^dpop(?:[ \t]|$)/i;

/** Whether a credential is of the scheme that tokens come in (RFC 6750 §2.1). */
function isBearer(credential: string): boolean {
  return BEARER.test(credential);
}

/** Whether a credential is a token for gateways that take proofs. Those of other schemes may be the backend's. */
export function isOfDpopScheme(credential: string): boolean {
  return DPOP.test(credential);
}

/** The scheme of a credential, if tokens come under it on this route. */
function schemeOf(credential: string, { readsDpop }: TokenSources): PresentedToken['scheme'] | undefined {
  if (isBearer(credential)) return 'Bearer';
  return readsDpop && isOfDpopScheme(credential) ? 'DPoP' : undefined;
}

/** The token of a credential; undefined for another scheme, which is no token at all. */
function parseCredential(
  value: string,
  scheme: PresentedToken['scheme'] | undefined,
  place: string,
): PresentedToken | undefined | Refusal {
  if (scheme === undefined) return undefined;
  const rawToken = value.slice(scheme.length + 1);
  // The verifier checks the characters: to do so here would cost more than finding a remembered token.
  const mayBeOne = rawToken !== '' && !rawToken.includes(' ') && !rawToken.includes('\t');
  if (value.charCodeAt(scheme.length) === 32 && mayBeOne) return { rawToken, scheme };
  if (/,\s*(?:bearer|dpop)\s/i.test(value)) {
    return refuse('tokens_in_one_field', `${place} holds more than one token`);
  }
  return refuseCredential(value, scheme, place);
}

/** Names the fault in the form of a credential. */
function refuseCredential(value: string, scheme: PresentedToken['scheme'], place: string): Refusal {
  const rest = value.slice(scheme.length).trim();
  if (rest === '') return refuse('bearer_empty', `${place} is "${scheme}" without a token`);
  if (
    rest.slice(0, scheme.length).toLowerCase() === scheme.toLowerCase() &&
    !/^\w/.test(rest.slice(scheme.length))
  ) {
    return refuse('bearer_repeated', `${place} has "${scheme}" twice`);
  }
  return refuse(
    'bearer_spacing',
    `${place} is not "${scheme}", one space and one token: it has other white space`,
  );
}
