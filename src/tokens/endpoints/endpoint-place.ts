import type { Dispatcher } from 'undici';
import type { Scheduler } from '../../core/time/scheduler.ts';
import type { KeySettings } from '../compiled-issuer.ts';
import { discoverMetadata } from '../keys/fetch/discovery.ts';
import { describePlace, type FetchedJson, FetchFailure, fetchJson } from '../keys/fetch/fetch-json.ts';
import { isAllowedUrl } from '../keys/fetch/key-transport.ts';
import { createKeyRefresher } from '../keys/key-refresher.ts';

/** Where an endpoint is: written in the file, or named by the metadata of the issuer. */
export type EndpointPlace = { readonly kind: 'url'; readonly url: URL } | DiscoveredPlace;

export interface DiscoveredPlace {
  readonly kind: 'discovery';
  readonly issuer: string;
  readonly member: 'introspection_endpoint' | 'token_endpoint';
  /** Whether the one for clients with a certificate is asked for (`mtls_endpoint_aliases`, RFC 8705 §5). */
  readonly hasCertificate: boolean;
  /** How metadata is fetched and kept: as keys are. */
  readonly settings: KeySettings;
}

/** Finds the endpoint, and keeps what it found. */
export interface PlaceFinder {
  /** Begins to look. Further calls do nothing. */
  start(): void;
  /** A promise only while the place is not known; a text is why it cannot be. */
  find(): URL | string | Promise<URL | string>;
  close(): void;
}

interface PlaceFinderOptions {
  readonly dispatcher: Dispatcher;
  readonly scheduler: Scheduler;
  readonly random: () => number;
}

/** Metadata is small; a larger document is none. */
const MAX_METADATA_BYTES = 64 * 1024;

export function createPlaceFinder(place: EndpointPlace, options: PlaceFinderOptions): PlaceFinder {
  return place.kind === 'url' ? fixedPlace(place.url) : discoveredPlace(place, options);
}

function fixedPlace(url: URL): PlaceFinder {
  return { start() {}, find: () => url, close() {} };
}

/** A known place stays in use when metadata cannot be fetched: what is asked there shows whether it still serves. */
function discoveredPlace(place: DiscoveredPlace, options: PlaceFinderOptions): PlaceFinder {
  let known: URL | undefined;
  let started = false;
  const refresher = createKeyRefresher<{ readonly url: URL; readonly maxAgeSeconds: number | undefined }>({
    ...options,
    settings: place.settings,
    load: (signal) => fetchPlace(place, { ...options, signal }),
    onLoaded({ url }) {
      known = url;
    },
    onFailed() {},
    onFetched() {},
  });
  const found = (): URL | string => known ?? refresher.status().lastError ?? 'its place is not known yet';
  return {
    start() {
      if (started) return;
      started = true;
      void refresher.refresh();
    },
    find() {
      started = true;
      return known ?? refresher.refreshIfCool()?.then(found) ?? found();
    },
    close: refresher.close,
  };
}

/**
 * Reads the place of an endpoint from the metadata of its issuer.
 * @throws FetchFailure
 */
function fetchPlace(
  place: DiscoveredPlace,
  { dispatcher, signal }: { readonly dispatcher: Dispatcher; readonly signal: AbortSignal },
) {
  const { issuer, settings } = place;
  const { origin: trusted } = new URL(issuer);
  return discoverMetadata(
    {
      issuer,
      fetchDocument: (url) =>
        fetchJson(url, {
          dispatcher,
          // They may hold a secret.
          headers: url.origin === trusted ? settings.headers : {},
          maxBytes: MAX_METADATA_BYTES,
          signal,
        }),
    },
    (document, from) => ({ url: readPlace(document, from, place), maxAgeSeconds: document.maxAgeSeconds }),
  );
}

function readPlace(
  { json }: FetchedJson,
  from: URL,
  { member, hasCertificate, settings }: DiscoveredPlace,
): URL {
  const aliases = hasCertificate ? json.mtls_endpoint_aliases : undefined;
  const alias = typeof aliases === 'object' && aliases !== null && Object.hasOwn(aliases, member);
  const named = alias ? (aliases as Record<string, unknown>)[member] : json[member];
  const fail = (reason: string, hint: string) =>
    new FetchFailure(`${describePlace(from)}: ${reason}`, 'wrong', hint);
  if (typeof named !== 'string' || !URL.canParse(named)) {
    throw fail(`it names no ${member}`, 'give the address of the endpoint in the file');
  }
  const url = new URL(named);
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    throw fail(
      `its ${member} holds a password or a fragment`,
      'give the address of the endpoint in the file',
    );
  }
  if (!isAllowedUrl(url, settings.insecure)) {
    throw fail(`its ${member} is not https`, 'the endpoint gets tokens and credentials; it needs TLS');
  }
  return url;
}
