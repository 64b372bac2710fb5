import { after } from '../core/after.ts';
import { isRefusal, type Refusal } from '../core/refusals.ts';
import type { Clock } from '../core/time/clock.ts';
import type { Trace } from '../core/trace.ts';
import type { CompiledIssuer } from './compiled-issuer.ts';
import { indexIssuers } from './issuer-index.ts';
import { parseToken } from './jwt/parse-token.ts';
import { validateHeader } from './jwt/validate-header.ts';
import { describeLifetime, type Lifetime, validateLifetime } from './jwt/validate-lifetime.ts';
import { validatePayload } from './jwt/validate-payload.ts';
import type { VerificationKey } from './jwt/verify-signature.ts';
import type { KeySetValidity } from './keys/key-generation.ts';
import type { KeyStore } from './keys/key-store.ts';
import type { VerifiedToken } from './verified-token.ts';
import { type VerificationContext, verifyWithKeys } from './verify-with-keys.ts';

/** A token that holds: within its lifetime, for as long as its key may serve. */
export interface Acceptance {
  readonly token: VerifiedToken;
  readonly lifetime: Lifetime;
  readonly issuer: CompiledIssuer;
  readonly store: KeyStore;
  readonly keyId: string;
  readonly validity: KeySetValidity;
}

/** A token that is refused: from a moment on, for as long as the keys it was tried with are current. */
export interface Rejection {
  readonly refusal: Refusal;
  readonly fromMs: number;
  readonly issuer: CompiledIssuer;
  readonly validity: KeySetValidity;
}

/** The outcome with what it depends on. A bare refusal may not last: a key may arrive, or the token may become valid. */
export type Verification = Acceptance | Rejection | Refusal;

export type TokenOutcome = VerifiedToken | Refusal;

/** For whom a token is verified. */
export interface VerificationRequest {
  /** The configured names of the issuers that count here; undefined means all of the file. */
  readonly accepts: ReadonlySet<string> | undefined;
  /** Shares what is scarce among clients. */
  readonly clientAddress: string;
  readonly trace?: Trace | undefined;
}

export interface VerifyOptions extends Pick<VerificationContext, 'trace' | 'verifySignature'> {
  /** The configured names of the issuers that count here; undefined means all of the file. */
  readonly accepts: ReadonlySet<string> | undefined;
}

export type VerifyToken = (rawToken: string, options: VerifyOptions) => Verification | Promise<Verification>;

export interface VerifyTokenOptions {
  readonly stores: ReadonlyMap<CompiledIssuer, KeyStore>;
  readonly clock: Clock;
  /** Longer tokens are refused as malformed. */
  readonly tokenBytes: number;
}

/** Makes the steps of one configuration: form, issuer, algorithm, type, key, signature, claims and times, in this order. */
export function createVerifyToken({ stores, clock, tokenBytes }: VerifyTokenOptions): VerifyToken {
  const index = indexIssuers([...stores.keys()]);

  return (rawToken, options) => {
    const { trace, verifySignature } = options;
    const token = parseToken(rawToken, tokenBytes);
    const malformed = isRefusal(token);
    trace?.add({ step: 'form', ok: !malformed, ...(malformed && { note: token.reason }) });
    if (malformed) return token;
    const issuer = validateHeader(token, index, options);
    if (isRefusal(issuer)) return issuer;
    // Literals here and below: spreading objects into them made a fresh token 15 µs slower.
    const context = { token, issuer, store: stores.get(issuer) as KeyStore, trace, verifySignature };
    return after(verifyWithKeys(context), (key) => validateSigned(context, key, clock()));
  };
}

function validateSigned(
  { token, issuer, store, trace }: VerificationContext,
  key: VerificationKey | Refusal,
  nowMs: number,
): Verification {
  // The next fetch may bring a key that is missing.
  if (isRefusal(key) && key.code !== 'signature_invalid') return key;
  // There is one: a key of it was tried.
  const validity = store.validity() as KeySetValidity;
  const reject = (refusal: Refusal, fromMs = Number.NEGATIVE_INFINITY) => ({
    refusal,
    fromMs,
    issuer,
    validity,
  });
  if (isRefusal(key)) return reject(key);
  const validated = validatePayload(token, issuer, trace);
  if (isRefusal(validated)) return reject(validated);
  const { token: verified, lifetime } = validated;
  const untimely = validateLifetime(lifetime, nowMs, issuer.name);
  trace?.add({
    step: 'times',
    ok: untimely === undefined,
    expected: 'a moment in which the token is valid, tolerance included',
    got: describeLifetime(lifetime, nowMs),
    ...(untimely && { note: untimely.reason }),
  });
  if (untimely === undefined) return { token: verified, lifetime, issuer, store, keyId: key.id, validity };
  if (untimely.code === 'token_not_yet_valid') return untimely;
  return reject(untimely, verified.rejectedFromMs);
}

/** The outcome alone. */
export function outcomeOf(verification: Verification): TokenOutcome {
  if (isRefusal(verification)) return verification;
  return 'refusal' in verification ? verification.refusal : verification.token;
}
