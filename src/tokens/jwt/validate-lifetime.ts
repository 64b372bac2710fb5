import type { Cause } from '../../core/causes.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import type { CompiledIssuer } from '../compiled-issuer.ts';
import type { Claims } from '../verified-token.ts';
import { isInexactNumber } from './json/inexact-number.ts';

/** The span in which a token is accepted, tolerance included. Milliseconds since the epoch. */
export interface Lifetime {
  readonly acceptedFromMs: number;
  /** The claim that sets it. */
  readonly startsBy: 'nbf' | 'iat';
  readonly expiresMs: number;
  /** From here it is older than `maxTokenAge`. */
  readonly tooOldFromMs: number;
}

type TimeLimits = Pick<CompiledIssuer, 'clockToleranceMs' | 'maxTokenAgeMs'>;

/**
 * Reads `exp`, `nbf` and `iat` (RFC 7519 §4.1.4–4.1.6) once, so that a cached token is checked by comparisons alone. Only a token whose
 * provider was asked about it may do without `exp`.
 */
export function readLifetime(
  claims: Claims,
  limits: TimeLimits,
  exp: 'required' | 'optional' = 'required',
): Lifetime | Refusal {
  const { clockToleranceMs: tolerance, maxTokenAgeMs } = limits;
  const expires = readDate(claims.exp) ?? (exp === 'optional' ? Number.POSITIVE_INFINITY : undefined);
  const nbf = readDate(claims.nbf);
  const iat = readDate(claims.iat);
  if (expires === undefined) return refuse('exp_missing', 'the claim `exp` is required');
  if (typeof expires === 'string') return refuseDate('exp', expires);
  if (typeof nbf === 'string') return refuseDate('nbf', nbf);
  if (typeof iat === 'string') return refuseDate('iat', iat);
  if (iat === undefined && maxTokenAgeMs !== undefined) {
    return refuse('iat_missing', 'the claim `iat` is required, since `maxTokenAge` is set');
  }
  const begins = nbf ?? Number.NEGATIVE_INFINITY;
  const issued = iat ?? Number.NEGATIVE_INFINITY;
  const ages = iat !== undefined && maxTokenAgeMs !== undefined;
  return {
    acceptedFromMs: Math.max(begins, issued) - tolerance,
    // A token is mostly issued and valid from the same second on: then it is the clocks.
    startsBy: begins > issued ? 'nbf' : 'iat',
    expiresMs: expires + tolerance,
    tooOldFromMs: ages ? iat + maxTokenAgeMs + tolerance : Number.POSITIVE_INFINITY,
  };
}

/** Validates a token's times by the clock of now: `exp` is the first moment at which it is no longer accepted. */
export function validateLifetime(lifetime: Lifetime, nowMs: number, issuer: string): Refusal | undefined {
  if (nowMs >= lifetime.expiresMs) return refuse('token_expired', '`exp` has passed', { issuer });
  if (nowMs < lifetime.acceptedFromMs) {
    return lifetime.startsBy === 'nbf'
      ? refuse('token_not_yet_valid', '`nbf` lies in the future', { issuer })
      : refuse('token_issued_later', '`iat` lies in the future', { issuer });
  }
  if (nowMs < lifetime.tooOldFromMs) return undefined;
  return refuse('token_too_old', '`iat` is older than `maxTokenAge`', { issuer });
}

/** Where in its span a token stands, as `explain` puts it: spans of time, no dates. */
export function describeLifetime(
  { acceptedFromMs, expiresMs, tooOldFromMs }: Lifetime,
  nowMs: number,
): string {
  if (nowMs >= expiresMs) return `expired ${describeSpan(nowMs - expiresMs)} ago`;
  if (nowMs < acceptedFromMs) return `valid in ${describeSpan(acceptedFromMs - nowMs)}`;
  if (nowMs >= tooOldFromMs) return `too old for ${describeSpan(nowMs - tooOldFromMs)}`;
  const leftMs = Math.min(expiresMs, tooOldFromMs) - nowMs;
  return leftMs === Number.POSITIVE_INFINITY
    ? 'valid without end'
    : `valid for another ${describeSpan(leftMs)}`;
}

const SPANS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const;

function describeSpan(ms: number): string {
  const [name, unit] = SPANS.find(([, length]) => ms >= length) ?? ['second', 1000];
  const count = Math.floor(ms / unit);
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}

/** The end of the year 9999. Later dates are milliseconds taken for seconds: tokens that would live for ever. */
const LAST_SECOND = 253_402_300_799;

type DateFlaw = keyof typeof DATE_FLAWS;

function readDate(value: unknown): number | undefined | DateFlaw {
  if (value === undefined || value === null) return undefined;
  const seconds = isInexactNumber(value) ? value.value : value;
  if (typeof seconds !== 'number') return 'date_not_number';
  if (seconds > LAST_SECOND || seconds < -LAST_SECOND) return 'date_out_of_range';
  return seconds * 1000;
}

/** By cause. */
const DATE_FLAWS = {
  date_not_number: 'is not a number of seconds, but of another JSON type',
  date_out_of_range: 'is not a date in seconds: it lies beyond the year 9999, as milliseconds do',
} as const satisfies Partial<Record<Cause, string>>;

function refuseDate(name: string, flaw: DateFlaw): Refusal {
  return refuse(flaw, `\`${name}\` ${DATE_FLAWS[flaw]}`);
}
