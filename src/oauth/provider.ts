import type { Dispatcher } from 'undici';
import { after } from '../core/after.ts';
import { type Refusal, refuse } from '../core/refusals.ts';
import type { Scheduler } from '../core/time/scheduler.ts';
import type { CompiledIssuer } from '../tokens/compiled-issuer.ts';
import { discoverMetadata } from '../tokens/keys/fetch/discovery.ts';
import { FetchFailure, fetchJson } from '../tokens/keys/fetch/fetch-json.ts';
import { createKeyRefresher } from '../tokens/keys/key-refresher.ts';
import { type ProviderMetadata, readProviderMetadata } from './provider-metadata.ts';

/** Where a front reports to. Fits a pino logger. */
export interface FrontLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

/** The provider behind a front: its metadata, kept warm. */
export interface Provider {
  /** Begins to fetch. Further calls, as of a reload, do nothing. */
  start(): void;
  /**
   * The metadata, or why nothing can be sent to the provider. A promise only while there is none yet: requests join the fetch that
   * runs, and start one only if none has failed within `keys.cooldown`.
   */
  metadata(): ProviderMetadata | Refusal | Promise<ProviderMetadata | Refusal>;
  readonly dispatcher: Dispatcher;
  close(): void;
}

export interface ProviderOptions {
  readonly issuer: CompiledIssuer;
  readonly dispatcher: Dispatcher;
  readonly scheduler: Scheduler;
  /** 0 to 1. */
  readonly random: () => number;
  readonly log: FrontLog | undefined;
}

interface Loaded {
  readonly metadata: ProviderMetadata;
  readonly maxAgeSeconds: number | undefined;
}

/** Metadata is small; a larger document is none. */
const MAX_METADATA_BYTES = 64 * 1024;

/** Makes it, without fetching anything. Metadata is fetched, refreshed and kept by the same rules and settings as keys. */
export function createProvider(options: ProviderOptions): Provider {
  const { issuer, scheduler, log } = options;
  let current: (Loaded & { readonly atMono: number }) | undefined;
  let started = false;
  let lastLogged: string | undefined;

  const refresher = createKeyRefresher<Loaded>({
    ...options,
    settings: issuer.keys,
    load: (signal) => fetchProviderMetadata(issuer, { dispatcher: options.dispatcher, signal }),
    onLoaded(loaded) {
      current = { ...loaded, atMono: scheduler.monotonicMs() };
      report(loaded.metadata.namesItself ? NAMES_ITSELF.reason : undefined);
    },
    onFailed: (error) => report(error instanceof Error ? error.message : 'failed'),
    onFetched: () => {},
  });

  /** Writes a line when something changes, not when the same thing fails again. */
  function report(reason: string | undefined): void {
    if (reason === lastLogged && started) return;
    lastLogged = reason;
    if (reason === undefined) log?.info({ issuer: issuer.name }, 'the front for OAuth clients serves');
    else log?.warn({ issuer: issuer.name, reason }, 'the front for OAuth clients lacks its provider');
  }

  function usable(): ProviderMetadata | Refusal | undefined {
    if (current === undefined) return undefined;
    if (scheduler.monotonicMs() - current.atMono > issuer.keys.maxStaleMs) return undefined;
    return current.metadata.namesItself ? NAMES_ITSELF : current.metadata;
  }

  function unavailable(): Refusal {
    const { lastError = 'not fetched yet' } = refresher.status();
    return refuse('provider_unreachable', `no metadata of the provider: ${lastError}`);
  }

  return {
    dispatcher: options.dispatcher,
    start() {
      if (started) return;
      void refresher.refresh();
      started = true;
    },
    metadata() {
      const now = usable();
      if (now !== undefined) return now;
      const fetching = refresher.refreshIfCool();
      return fetching === undefined ? unavailable() : after(fetching, () => usable() ?? unavailable());
    },
    close: refresher.close,
  };
}

const NAMES_ITSELF = refuse(
  'provider_names_itself',
  'the provider announces authorization_response_iss_parameter_supported (RFC 9207)',
);

/**
 * Fetches what a front needs of its provider, below the first `iss` of the issuer.
 * @throws FetchFailure
 */
export function fetchProviderMetadata(
  issuer: CompiledIssuer,
  { dispatcher, signal }: { readonly dispatcher: Dispatcher; readonly signal: AbortSignal },
): Promise<Loaded> {
  const [name] = issuer.issuers;
  if (name === undefined) throw new FetchFailure('the issuer has no address', 'wrong');
  const { headers, insecure } = issuer.keys;
  // They may hold a secret, and go where they would go for keys.
  const trusted = issuer.source.kind === 'url' ? issuer.source.url.origin : new URL(name).origin;
  return discoverMetadata(
    {
      issuer: name,
      fetchDocument: (url) =>
        fetchJson(url, {
          dispatcher,
          headers: url.origin === trusted ? headers : {},
          maxBytes: MAX_METADATA_BYTES,
          signal,
        }),
    },
    (document, from) => ({
      metadata: readProviderMetadata(document, from, { insecure }),
      maxAgeSeconds: document.maxAgeSeconds,
    }),
  );
}
