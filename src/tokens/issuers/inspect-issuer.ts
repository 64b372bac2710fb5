import type { Dispatcher } from 'undici';
import { type Clock, systemClock } from '../../core/time/clock.ts';
import type { CompiledIssuer } from '../compiled-issuer.ts';
import type { KeyReport } from '../keys/check-key.ts';
import { describePlace, FetchFailure } from '../keys/fetch/fetch-json.ts';
import { createKeyFetcher, describeOmitted, NAME_THE_PLACE } from '../keys/fetch/fetch-keys.ts';
import { createKeyTransport } from '../keys/fetch/key-transport.ts';

/** What a fetch from an issuer has shown. */
export interface IssuerInspection {
  readonly name: string;
  /** The `iss` of its tokens; the first where there are several. */
  readonly issuer: string | undefined;
  /** `introspection`: it has none, and its tokens are introspected. */
  readonly keysFrom: 'file' | 'jwksUri' | 'metadata' | 'introspection';
  /** Where the keys are, without the query. */
  readonly jwksUri: string | undefined;
  readonly keys: readonly KeyReport[];
  readonly cacheControl: string | undefined;
  /** How far the provider's clock is ahead of ours; its `Date` counts whole seconds. */
  readonly clockDifferenceMs: number | undefined;
  readonly findings: readonly Finding[];
}

/** Something that goes wrong, or will. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly hint?: string;
}

export interface InspectOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
}

/** Fetches the metadata and keys of one issuer once, and reports what would keep its tokens from being accepted. Never throws. */
export async function inspectIssuer(
  issuer: CompiledIssuer,
  { env, clock = systemClock }: InspectOptions,
): Promise<IssuerInspection> {
  const { name, source } = issuer;
  const base = { name, issuer: issuer.issuers[0], cacheControl: undefined, clockDifferenceMs: undefined };
  if (source.kind === 'none') {
    return { ...base, keysFrom: 'introspection', jwksUri: undefined, keys: [], findings: [] };
  }
  if (source.kind === 'static') {
    const keys = source.checked.reports;
    return { ...base, keysFrom: 'file', jwksUri: undefined, keys, findings: checkReports(keys) };
  }
  const keysFrom = source.kind === 'url' ? 'jwksUri' : 'metadata';
  let dispatcher: Dispatcher | undefined;
  const signal = AbortSignal.timeout(issuer.keys.timeoutMs);
  let jwksUri: string | undefined;
  try {
    dispatcher = createKeyTransport({ ca: issuer.keys.ca, env });
    const fetcher = createKeyFetcher({ issuer, source, dispatcher });
    const place = await fetcher.findPlace(signal);
    jwksUri = describePlace(place);
    const { checked, fetched } = await fetcher.fetchKeys(place, signal);
    const clockDifferenceMs = fetched.serverTimeMs === undefined ? undefined : fetched.serverTimeMs - clock();
    const keys = checked.reports;
    const omitted = fetcher.omitsHeaders(place)
      ? [{ severity: 'warning' as const, message: describeOmitted(place), hint: NAME_THE_PLACE }]
      : [];
    const findings = [...checkReports(keys), ...omitted, ...checkClock(clockDifferenceMs, issuer)];
    return {
      ...base,
      keysFrom,
      jwksUri,
      keys,
      cacheControl: fetched.cacheControl,
      clockDifferenceMs,
      findings,
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : 'failed';
    const hint = error instanceof FetchFailure ? error.hint : undefined;
    const finding: Finding = { severity: 'error', message, ...(hint !== undefined && { hint }) };
    return { ...base, keysFrom, jwksUri, keys: [], findings: [finding] };
  } finally {
    await dispatcher?.destroy();
  }
}

function checkReports(keys: readonly KeyReport[]): readonly Finding[] {
  const broken = keys.filter(({ state }) => state === 'broken');
  const usable = keys.filter(({ state }) => state === 'usable');
  const nameless = usable.filter(({ kid }) => kid === undefined);
  return [
    ...(usable.length === 0
      ? [
          {
            severity: 'error' as const,
            message: 'no usable key: every token of this issuer gets 503',
          },
        ]
      : []),
    ...broken.map(({ kid, reason }) => ({
      severity: 'error' as const,
      message: `${kid === undefined ? 'a key without key id' : `the key ${JSON.stringify(kid)}`} is never used: ${reason}`,
      hint: 'tokens that it signed are refused; report it to the provider',
    })),
    ...(nameless.length > 0 && usable.length > 1
      ? [
          {
            severity: 'warning' as const,
            message: 'keys without key id: each token without one is tried against all',
          },
        ]
      : []),
  ];
}

function checkClock(
  differenceMs: number | undefined,
  { clockToleranceMs }: CompiledIssuer,
): readonly Finding[] {
  // `Date` is cut to whole seconds and came over the network.
  if (differenceMs === undefined || Math.abs(differenceMs) <= clockToleranceMs + 1_000) return [];
  const message = "its clock and this machine's differ by more than `clockTolerance`";
  return [
    { severity: 'warning', message, hint: 'tokens may be refused as expired or not yet valid; check NTP' },
  ];
}
