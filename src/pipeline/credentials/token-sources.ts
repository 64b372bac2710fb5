import type { TokenSourceConfig } from '../../config/schema/config.ts';
import type { Target } from '../../http/target.ts';
import type { FilteredHeaders } from '../messages/request-header-filter.ts';
import {
  COOKIE_SPELLINGS,
  hidesCookie,
  hidesParameter,
  hidesProtocol,
  PROTOCOL_SPELLINGS,
  QUERY_SPELLINGS,
  readCookie,
  readProtocolToken,
  readQuery,
  withoutCookie,
  withoutParameter,
  withoutProtocolToken,
} from './token-places.ts';
import { compileSourceNames, type SourceNames, type SpellingRules } from './token-spellings.ts';

/** The kinds that the schema of `tokenFrom` has. */
type Kind = TokenSourceConfig extends infer Entry ? (Entry extends unknown ? keyof Entry : never) : never;

/** A place for the token beside Authorization. */
export interface TokenSource {
  readonly kind: Kind;
  /** Of the header (lower case), cookie, parameter, or of the protocol that announces the token. */
  readonly name: string;
}

/** The places that one route names, compiled. */
export interface TokenSources {
  readonly places: readonly TokenSource[];
  /** Whether tokens also come under the scheme `DPoP` (RFC 9449 §7.1). */
  readonly readsDpop: boolean;
  /** The names of each kind of place, to look for other spellings of them. Headers need none: the header filter drops those. */
  readonly names: readonly (SourceNames & { readonly kind: Exclude<TokenSource['kind'], 'header'> })[];
}

/** What is forwarded of a request: header fields as names and values in turn, and the query. */
interface ForwardedParts {
  readonly passed: readonly string[];
  readonly query: string;
}

interface Place {
  /** As a reason calls it. */
  readonly label: string;
  readonly read: (name: string, headers: FilteredHeaders, target: Target) => readonly string[];
  /** Whether a backend would find one of the names where `read` does not. */
  readonly hides: (names: SourceNames, headers: FilteredHeaders, target: Target) => boolean;
  /** What is left without what `read` finds. */
  readonly strip: (name: string, parts: ForwardedParts) => ForwardedParts;
}

const PLACES: Readonly<Record<TokenSource['kind'], Place>> = {
  header: {
    label: 'header',
    read: (name, { credentials }) =>
      credentials.filter((_, at) => at % 2 === 1 && credentials[at - 1] === name),
    hides: () => false,
    // The header filter has kept it apart.
    strip: (_, parts) => parts,
  },
  cookie: {
    label: 'cookie',
    read: (name, { cookies }) => cookies.flatMap((cookie) => readCookie(cookie, name)),
    hides: (names, { cookies }) => cookies.some((cookie) => hidesCookie(cookie, names)),
    strip: (name, { passed, query }) => ({ passed: withoutCookieIn(passed, name), query }),
  },
  query: {
    label: 'query parameter',
    read: (name, _, target) => readQuery(target.query, name),
    hides: (names, _, target) => hidesParameter(target.query, names),
    strip: (name, { passed, query }) => ({ passed, query: withoutParameter(query, name) }),
  },
  webSocketProtocol: {
    label: 'WebSocket protocol',
    read: (name, { passed }) => readProtocolToken(passed, name),
    hides: (names, { passed }) => hidesProtocol(passed, names),
    strip: (name, { passed, query }) => ({ passed: withoutProtocolToken(passed, name), query }),
  },
};

const SPELLINGS = {
  cookie: COOKIE_SPELLINGS,
  query: QUERY_SPELLINGS,
  webSocketProtocol: PROTOCOL_SPELLINGS,
} as const satisfies Record<Exclude<Kind, 'header'>, SpellingRules>;
const KINDS = Object.keys(SPELLINGS) as (keyof typeof SPELLINGS)[];

/** Compiles the `tokenFrom` of a route and the headers of the providers it accepts. */
export function compileTokenSources(
  entries: readonly TokenSourceConfig[],
  providerHeaders: readonly string[],
  readsDpop = false,
): TokenSources {
  const all = [
    ...entries.map(toTokenSource),
    ...providerHeaders.map((name): TokenSource => ({ kind: 'header', name })),
  ];
  const places = [...new Map(all.map((place) => [`${place.kind} ${place.name}`, place])).values()];
  const names = KINDS.flatMap((kind) => {
    const exact = places.filter((place) => place.kind === kind).map(({ name }) => name);
    return exact.length === 0 ? [] : [{ kind, ...compileSourceNames(exact, SPELLINGS[kind]) }];
  });
  return { places, readsDpop, names };
}

/** The values in the places of a route; empty ones do not count. */
export function readTokenPlaces(
  { places }: TokenSources,
  headers: FilteredHeaders,
  target: Target,
): readonly { readonly source: TokenSource; readonly value: string }[] {
  return places.flatMap((source) =>
    PLACES[source.kind]
      .read(source.name, headers, target)
      .filter((value) => value !== '')
      .map((value) => ({ source, value })),
  );
}

/** The kind of place in which a backend would find a token that the gateway does not, as a reason calls it. */
export function findHiddenToken(
  { names }: TokenSources,
  headers: FilteredHeaders,
  target: Target,
): string | undefined {
  const hiding = names.find((known) => PLACES[known.kind].hides(known, headers, target));
  return hiding === undefined
    ? undefined
    : `${PLACES[hiding.kind].label} ${hiding.exact.map((name) => JSON.stringify(name)).join(' or ')}`;
}

/** The forwarded parts without the token in these places. */
export function withoutTokens({ places }: TokenSources, parts: ForwardedParts): ForwardedParts {
  return places.reduce((rest, { kind, name }) => PLACES[kind].strip(name, rest), parts);
}

export function describeSource({ kind, name }: TokenSource): string {
  return `${PLACES[kind].label} ${JSON.stringify(name)}`;
}

function withoutCookieIn(pairs: readonly string[], name: string): readonly string[] {
  const kept: string[] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    const field = pairs[at] as string;
    const value = pairs[at + 1] as string;
    const rest = field.toLowerCase() === 'cookie' ? withoutCookie(value, name) : value;
    if (rest !== undefined) kept.push(field, rest);
  }
  return kept;
}

function toTokenSource(entry: TokenSourceConfig): TokenSource {
  const [kind, name] = Object.entries(entry)[0] as [TokenSource['kind'], string];
  return { kind, name: kind === 'header' ? name.toLowerCase() : name };
}
