import type { Dispatcher } from 'undici';
import type { Clock } from '../core/clock.ts';
import type { CompiledIssuer, KeySource } from './compiled-issuer.ts';
import { discoverJwksUri } from './discovery.ts';
import { type FetchedJson, FetchFailure, fetchJson } from './fetch-json.ts';
import { judgeKeys, loadRemoteKeySet } from './key-set.ts';
import type { LoadedKeys } from './key-store.ts';
import type { Scheduler } from './scheduler.ts';

/** Fetches the next generation of an issuer's keys. Rejects with words for the operator. */
export type KeyLoader = (signal: AbortSignal) => Promise<LoadedKeys>;

export interface LoaderOptions {
  readonly issuer: CompiledIssuer;
  readonly source: Exclude<KeySource, { kind: 'static' }>;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

/**
 * Makes the loader of one issuer. Metadata is read again with every fetch, since a provider may move its keys; while only the
 * metadata cannot be had, the last known place of the keys is asked.
 */
export function createKeyLoader({ issuer, source, dispatcher, clock, scheduler }: LoaderOptions): KeyLoader {
  const { headers, maxBytes, insecure } = issuer.keys;
  let knownPlace: URL | undefined;

  async function findPlace(signal: AbortSignal): Promise<URL> {
    if (source.kind === 'url') return source.url;
    const limit = knownPlace === undefined ? { signal, cancel: () => {} } : halveTime(signal);
    const fetchDocument = (url: URL) =>
      fetchJson(url, { dispatcher, headers, maxBytes, signal: limit.signal });
    try {
      knownPlace = await discoverJwksUri({ ...source, insecure, fetchDocument });
      return knownPlace;
    } catch (error) {
      // A document that names another issuer is no outage: then nothing is asked for and nothing replaced.
      const isOutage = error instanceof FetchFailure && error.kind !== 'wrong';
      if (knownPlace === undefined || signal.aborted || !isOutage) throw error;
      return knownPlace;
    } finally {
      limit.cancel();
    }
  }

  /** Leaves the other half to the keys, should the metadata hang. */
  function halveTime(signal: AbortSignal): { readonly signal: AbortSignal; readonly cancel: () => void } {
    const half = new AbortController();
    const cancel = scheduler.after(issuer.keys.timeoutMs / 2, () => half.abort());
    return { signal: AbortSignal.any([signal, half.signal]), cancel };
  }

  return async (signal) => {
    const place = await findPlace(signal);
    let maxAgeSeconds: number | undefined;
    const set = await loadRemoteKeySet(place, async () => {
      const fetched = await fetchJson(place, { dispatcher, headers, maxBytes, signal });
      maxAgeSeconds = fetched.maxAgeSeconds;
      const judged = judgeKeys(readMembers(fetched, place), issuer.algorithms);
      if (judged.usable.length > 0) return judged;
      const reasons = judged.reports.map(({ reason }) => reason).slice(0, 3);
      const why = reasons.length === 0 ? 'it is empty' : reasons.join('; ');
      throw new FetchFailure(`${describePlace(place)}: the set has no usable key: ${why}`, 'wrong');
    });
    return { set, maxAgeSeconds, fetchedAtMs: clock() };
  };
}

function readMembers({ json }: FetchedJson, place: URL): readonly unknown[] {
  if (Array.isArray(json.keys)) return json.keys;
  throw new FetchFailure(`${describePlace(place)}: the answer is not a key set: no \`keys\` list`, 'wrong');
}

/** Without the query, which may hold a secret. */
function describePlace(place: URL): string {
  return `${place.origin}${place.pathname}`;
}
