import type { Dispatcher } from 'undici';
import type { CompiledIssuer, KeySource } from './compiled-issuer.ts';
import { discoverJwksUri } from './discovery.ts';
import { type FetchedJson, FetchFailure, fetchJson } from './fetch-json.ts';
import { type JudgedSet, judgeKeys } from './key-set.ts';

/** A published set, judged, with what came along with it. */
export interface FetchedKeys {
  readonly judged: JudgedSet;
  readonly answer: FetchedJson;
}

/** Asks an issuer where its keys are, and for the keys. Rejects with a `FetchFailure`, in words for the operator. */
export interface KeyFetcher {
  findPlace(signal: AbortSignal): Promise<URL>;
  fetchKeys(place: URL, signal: AbortSignal): Promise<FetchedKeys>;
}

export type RemoteSource = Exclude<KeySource, { kind: 'static' }>;

export interface KeyFetcherOptions {
  readonly issuer: CompiledIssuer;
  readonly source: RemoteSource;
  readonly dispatcher: Dispatcher;
}

/** Makes the fetcher of one issuer, within its limits and with its headers. */
export function createKeyFetcher({ issuer, source, dispatcher }: KeyFetcherOptions): KeyFetcher {
  const { headers, maxBytes, insecure } = issuer.keys;
  return {
    async findPlace(signal) {
      if (source.kind === 'url') return source.url;
      const fetchDocument = (url: URL) => fetchJson(url, { dispatcher, headers, maxBytes, signal });
      return discoverJwksUri({ ...source, insecure, fetchDocument });
    },
    async fetchKeys(place, signal) {
      const answer = await fetchJson(place, { dispatcher, headers, maxBytes, signal });
      if (!Array.isArray(answer.json.keys)) {
        throw new FetchFailure(
          `${describePlace(place)}: the answer is not a key set: no \`keys\` list`,
          'wrong',
        );
      }
      return { judged: judgeKeys(answer.json.keys, issuer.algorithms), answer };
    },
  };
}

/** Without the query, which may hold a secret. */
export function describePlace(place: URL): string {
  return `${place.origin}${place.pathname}`;
}
