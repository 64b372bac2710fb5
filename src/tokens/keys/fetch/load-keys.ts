import type { Clock } from '../../../core/time/clock.ts';
import type { Scheduler } from '../../../core/time/scheduler.ts';
import { describeUseless } from '../explain-missing-key.ts';
import type { LoadedKeys } from '../key-generation.ts';
import { loadRemoteKeySet } from '../key-set.ts';
import { describePlace, FetchFailure } from './fetch-json.ts';
import { createKeyFetcher, type KeyFetcherOptions } from './fetch-keys.ts';

/** Fetches the next generation of an issuer's keys. Rejects with words for the operator. */
export type KeyLoader = (signal: AbortSignal) => Promise<LoadedKeys>;

export interface LoaderOptions extends KeyFetcherOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
}

/**
 * Makes the loader of one issuer. Metadata is read again with every fetch, since a provider may move its keys; while only the
 * metadata cannot be fetched, the keys are fetched from their last known place.
 */
export function createKeyLoader(options: LoaderOptions): KeyLoader {
  const { issuer, clock, scheduler } = options;
  const { findPlace, fetchKeys } = createKeyFetcher(options);
  let knownPlace: URL | undefined;

  async function findPlaceAgain(signal: AbortSignal): Promise<URL> {
    const limit = knownPlace === undefined ? { signal, cancel: () => {} } : halveTime(signal);
    try {
      knownPlace = await findPlace(limit.signal);
      return knownPlace;
    } catch (error) {
      // A document that names another issuer is no outage: then no keys are fetched or replaced.
      const isOutage = error instanceof FetchFailure && error.kind !== 'wrong';
      if (knownPlace === undefined || signal.aborted || !isOutage) throw error;
      return knownPlace;
    } finally {
      limit.cancel();
    }
  }

  /** Leaves the other half for the keys if the metadata hangs. */
  function halveTime(signal: AbortSignal): { readonly signal: AbortSignal; readonly cancel: () => void } {
    const half = new AbortController();
    const cancel = scheduler.after(issuer.keys.timeoutMs / 2, () => half.abort());
    return { signal: AbortSignal.any([signal, half.signal]), cancel };
  }

  return async (signal) => {
    const place = await findPlaceAgain(signal);
    let maxAgeSeconds: number | undefined;
    const set = await loadRemoteKeySet(place, async () => {
      const { checked, fetched } = await fetchKeys(place, signal);
      maxAgeSeconds = fetched.maxAgeSeconds;
      if (checked.usable.length > 0) return checked;
      throw new FetchFailure(`${describePlace(place)}: ${describeUseless(checked.reports)}`, 'wrong');
    });
    return { set, maxAgeSeconds, fetchedAtMs: clock() };
  };
}
