import type { Dispatcher } from 'undici';
import type { CompiledIssuer, KeySource } from '../../compiled-issuer.ts';
import { type CheckedKeySet, checkKeys } from '../key-set.ts';
import { discoverJwksUri } from './discovery.ts';
import { describePlace, type FetchedJson, FetchFailure, type FetchReport, fetchJson } from './fetch-json.ts';

/** A published set after its keys were checked, with the response. */
export interface FetchedKeys {
  readonly checked: CheckedKeySet;
  readonly fetched: FetchedJson;
}

/** Finds and fetches the keys of an issuer. Rejects with a `FetchFailure`, in words for the operator. */
export interface KeyFetcher {
  findPlace(signal: AbortSignal): Promise<URL>;
  fetchKeys(place: URL, signal: AbortSignal): Promise<FetchedKeys>;
  /** Whether `keys.headers` are kept from this place. */
  omitsHeaders(place: URL): boolean;
}

export type RemoteSource = Exclude<KeySource, { kind: 'static' | 'none' }>;

export interface KeyFetcherOptions {
  readonly issuer: CompiledIssuer;
  readonly source: RemoteSource;
  readonly dispatcher: Dispatcher;
  readonly onFetched?: ((report: FetchReport) => void) | undefined;
}

/**
 * Makes the fetcher of one issuer, within its limits. `keys.headers` may hold a secret: they go to the origin of the issuer, or to
 * that of the `jwksUri` of the file or preset, never to another one that metadata names.
 */
export function createKeyFetcher(options: KeyFetcherOptions): KeyFetcher {
  const { issuer, source, dispatcher, onFetched } = options;
  const { maxBytes, insecure } = issuer.keys;
  const trustedOrigin = source.kind === 'url' ? source.url.origin : new URL(source.issuer).origin;
  const hasHeaders = Object.keys(issuer.keys.headers).length > 0;
  const omitsHeaders = ({ origin }: URL) => hasHeaders && origin !== trustedOrigin;

  function fetchDocument(url: URL, signal: AbortSignal): Promise<FetchedJson> {
    const headers = omitsHeaders(url) ? {} : issuer.keys.headers;
    return fetchJson(url, { dispatcher, headers, maxBytes, signal, onFetched });
  }

  return {
    omitsHeaders,
    async findPlace(signal) {
      if (source.kind === 'url') return source.url;
      return discoverJwksUri({ ...source, insecure, fetchDocument: (url) => fetchDocument(url, signal) });
    },
    async fetchKeys(place, signal) {
      const fetched = await fetchDocument(place, signal).catch((error: unknown) => {
        const isRefused = error instanceof FetchFailure && error.kind === 'refused';
        if (!isRefused || !omitsHeaders(place)) throw error;
        throw new FetchFailure(`${error.message}; ${describeOmitted(place)}`, error.kind, NAME_THE_PLACE);
      });
      if (!Array.isArray(fetched.json.keys)) {
        throw new FetchFailure(
          `${describePlace(place)}: the response is not a key set: no \`keys\` list`,
          'wrong',
        );
      }
      return { checked: checkKeys(fetched.json.keys, issuer.algorithms), fetched };
    },
  };
}

/** Why a place that only metadata names gets no `keys.headers`. */
export function describeOmitted(place: URL): string {
  return `\`keys.headers\` are not sent to ${place.origin}, which only the metadata names`;
}

export const NAME_THE_PLACE = 'give this address as `jwksUri` if it is to get the headers';
