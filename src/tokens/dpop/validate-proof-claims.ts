import { hash } from 'node:crypto';
import { type Refusal, refuse } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import { isInexactNumber } from '../jwt/json/inexact-number.ts';
import type { Claims } from '../verified-token.ts';
import type { DpopPolicy, HeldProof, ProvenRequest } from './proof-policy.ts';
import { normalizePath, normalizeTargetUri } from './target-uri.ts';

/** What the claims of a proof are compared with. */
export interface ProofContext {
  readonly policy: DpopPolicy;
  readonly request: ProvenRequest;
  readonly rawToken: string;
  readonly nowMs: number;
  readonly trace?: Trace | undefined;
}

/** Longer identifiers would serve nobody: 128 bits of chance are 22 characters. */
const MAX_JTI_LENGTH = 256;

/** Validates what a proof states (RFC 9449 §4.2, §4.3 items 8 to 11). Its signature is not checked here. */
export function validateProofClaims(
  claims: Claims,
  context: ProofContext,
): Omit<HeldProof, 'thumbprint'> | Refusal {
  const { policy, trace } = context;
  const times = readTimes(claims);
  const found =
    checkMethod(claims, context) ??
    checkUri(claims, context) ??
    checkTimes(times, context) ??
    checkIdentifier(claims, trace) ??
    checkToken(claims, context);
  if (found !== undefined) return found;
  const issuedMs = times.iat as number;
  const lastMs = issuedMs + policy.maxAgeMs;
  return { jti: claims.jti as string, issuedMs, lastMs, unverifiedNonce: claims.nonce };
}

function checkMethod({ htm }: Claims, { request, trace }: ProofContext): Refusal | undefined {
  const ok = htm === request.method;
  trace?.add({
    step: 'proof method',
    ok,
    expected: request.method,
    got: typeof htm === 'string' ? shown(htm, ok ? request.method : 'another', trace) : 'no `htm`',
  });
  return ok ? undefined : refuse('proof_method', '`htm` of the proof is not the method of the request');
}

function checkUri({ htu }: Claims, { request, trace }: ProofContext): Refusal | undefined {
  const ok = typeof htu === 'string' && isSameUri(htu, request);
  trace?.add({
    step: 'proof URI',
    ok,
    expected: request.origin + request.path,
    got:
      typeof htu === 'string'
        ? shown(htu, ok ? request.origin + request.path : 'another', trace)
        : 'no `htu`',
  });
  return ok ? undefined : refuse('proof_uri', '`htu` of the proof is not the URI of the request');
}

/** Nearly all clients state it as it is. */
function isSameUri(htu: string, { origin, path }: ProvenRequest): boolean {
  if (htu.length === origin.length + path.length && htu.startsWith(origin) && htu.endsWith(path)) return true;
  const own = normalizePath(path);
  return own !== undefined && normalizeTargetUri(htu) === origin + own;
}

interface Times {
  /** In milliseconds; `NaN` where it is there and no date. */
  readonly iat: number | undefined;
  readonly exp: number | undefined;
  readonly nbf: number | undefined;
}

/** `exp` and `nbf` are not among the claims of a proof, but a JWT that states them is held to them (RFC 7519 §4.1). */
function readTimes({ iat, exp, nbf }: Claims): Times {
  return { iat: readDate(iat), exp: readDate(exp), nbf: readDate(nbf) };
}

function readDate(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const seconds = isInexactNumber(value) ? value.value : value;
  return typeof seconds === 'number' ? seconds * 1000 : Number.NaN;
}

function checkTimes(times: Times, { policy, nowMs, trace }: ProofContext): Refusal | undefined {
  const refusal = findUntimely(times, policy, nowMs);
  trace?.add({
    step: 'proof time',
    ok: refusal === undefined,
    expected: `made at most ${policy.maxAgeMs / 1000} s ago`,
    got: describeAge(times.iat, nowMs),
    ...(refusal && { note: refusal.reason }),
  });
  return refusal;
}

function findUntimely({ iat, exp, nbf }: Times, policy: DpopPolicy, nowMs: number): Refusal | undefined {
  const { maxAgeMs, clockToleranceMs } = policy;
  if (iat === undefined || Number.isNaN(iat)) return refuse('proof_undated', '`iat` of the proof is no date');
  // Written so that what is no number holds nothing.
  if (!(nowMs - iat <= maxAgeMs)) return refuse('proof_old', 'the proof was made too long ago');
  if (!(iat - nowMs <= clockToleranceMs)) {
    return refuse('proof_early', '`iat` of the proof lies in the future');
  }
  if (exp !== undefined && !(nowMs < exp + clockToleranceMs)) {
    return refuse('proof_old', '`exp` of the proof has passed');
  }
  if (nbf !== undefined && !(nbf - clockToleranceMs <= nowMs)) {
    return refuse('proof_early', '`nbf` of the proof lies in the future');
  }
  return undefined;
}

function describeAge(iat: number | undefined, nowMs: number): string {
  if (iat === undefined || Number.isNaN(iat)) return 'no date';
  const seconds = Math.round((nowMs - iat) / 1000);
  return seconds < 0 ? `${-seconds} s in the future` : `${seconds} s ago`;
}

function checkIdentifier({ jti }: Claims, trace: Trace | undefined): Refusal | undefined {
  const ok = typeof jti === 'string' && jti !== '' && jti.length <= MAX_JTI_LENGTH;
  trace?.add({ step: 'proof identifier', ok, expected: `a \`jti\` of up to ${MAX_JTI_LENGTH} characters` });
  return ok ? undefined : refuse('proof_identifier', '`jti` of the proof is missing, empty or too long');
}

function checkToken({ ath }: Claims, { rawToken, trace }: ProofContext): Refusal | undefined {
  // Tokens are ASCII (performance.md, "its hashes by `hash`").
  const ok = ath === hash('sha256', rawToken, 'base64url');
  trace?.add({
    step: 'proof token',
    ok,
    expected: 'the hash of the token in `ath`',
    got: ok ? 'this token' : ath === undefined ? 'no `ath`' : 'another token',
  });
  return ok ? undefined : refuse('proof_token', '`ath` of the proof is not the hash of the token');
}

/** What a client states may be anything, so only what is known of it is shown unless claims are. */
function shown(value: string, known: string, { showClaims }: Trace): string {
  return showClaims ? value : known;
}
