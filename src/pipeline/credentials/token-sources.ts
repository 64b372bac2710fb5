import type { TokenSourceConfig } from '../../config/schema/config.ts';
import type { Target } from '../../http/target.ts';
import type { FilteredHeaders } from '../request-header-filter.ts';
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
} from './token-places.ts';
import { compileSourceNames, type SourceNames } from './token-spellings.ts';

/** A place for the token beside Authorization. */
export interface TokenSource {
  readonly kind: 'header' | 'cookie' | 'query' | 'webSocketProtocol';
  /** Of the header (lower case), cookie, parameter, or of the protocol that announces the token. */
  readonly name: string;
}

/** The places that one route names, compiled. */
export interface TokenSources {
  readonly places: readonly TokenSource[];
  /** The names of each kind of place, to look for other spellings of them. Headers need none: the header filter drops those. */
  readonly names: readonly (SourceNames & { readonly kind: Exclude<TokenSource['kind'], 'header'> })[];
}

interface Place {
  /** As a reason calls it. */
  readonly label: string;
  readonly read: (name: string, headers: FilteredHeaders, target: Target) => readonly string[];
  /** Whether a backend would find one of the names where `read` does not. */
  readonly hides: (names: SourceNames, headers: FilteredHeaders, target: Target) => boolean;
}

const PLACES: Readonly<Record<TokenSource['kind'], Place>> = {
  header: {
    label: 'header',
    read: (name, { credentials }) =>
      credentials.filter((_, at) => at % 2 === 1 && credentials[at - 1] === name),
    hides: () => false,
  },
  cookie: {
    label: 'cookie',
    read: (name, { cookies }) => cookies.flatMap((cookie) => readCookie(cookie, name)),
    hides: (names, { cookies }) => cookies.some((cookie) => hidesCookie(cookie, names)),
  },
  query: {
    label: 'query parameter',
    read: (name, _, target) => readQuery(target.query, name),
    hides: (names, _, target) => hidesParameter(target.query, names),
  },
  webSocketProtocol: {
    label: 'WebSocket protocol',
    read: (name, { passed }) => readProtocolToken(passed, name),
    hides: (names, { passed }) => hidesProtocol(passed, names),
  },
};

const SPELLINGS = {
  cookie: COOKIE_SPELLINGS,
  query: QUERY_SPELLINGS,
  webSocketProtocol: PROTOCOL_SPELLINGS,
} as const;
const KINDS = ['cookie', 'query', 'webSocketProtocol'] as const;

/** Compiles the `tokenFrom` of a route and the headers of the providers it accepts. */
export function compileTokenSources(
  entries: readonly TokenSourceConfig[],
  providerHeaders: readonly string[],
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
  return { places, names };
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

export function describeSource({ kind, name }: TokenSource): string {
  return `${PLACES[kind].label} ${JSON.stringify(name)}`;
}

function toTokenSource(entry: TokenSourceConfig): TokenSource {
  const [kind, name] = Object.entries(entry)[0] as [TokenSource['kind'], string];
  return { kind, name: kind === 'header' ? name.toLowerCase() : name };
}
