import { type Refusal, refuse } from '../core/refusals.ts';
import type { Trace } from '../core/trace.ts';
import type { CompiledIssuer } from './compiled-issuer.ts';
import type { KeyStore } from './key-store.ts';
import type { UnverifiedToken } from './parse-token.ts';
import { type VerificationKey, verifySignature } from './verify-signature.ts';

/** A token whose issuer is known, on its way to that issuer's keys. */
export interface Inquiry {
  readonly token: UnverifiedToken;
  readonly issuer: CompiledIssuer;
  readonly store: KeyStore;
  readonly trace: Trace | undefined;
}

/**
 * Finds the key and checks the signature: the key that signed, or the refusal. A promise only when a fetch may bring a key that is
 * not there yet. A token without key id that no key verifies counts as one whose key is not there yet.
 */
export function judgeSignature(
  inquiry: Inquiry,
): VerificationKey | Refusal | Promise<VerificationKey | Refusal> {
  const trial = tryKeys(inquiry);
  if (isConclusive(trial, inquiry)) return conclude(trial, inquiry);
  const wait = inquiry.store.seek(inquiry.token.kid);
  if (wait === undefined) return conclude(trial, inquiry);
  return wait.then(() => conclude(tryKeys(inquiry), inquiry));
}

/** A key that verifies; or how many were there to try. */
type Trial = VerificationKey | number;

function tryKeys({ token, issuer, store }: Inquiry): Trial {
  const { acceptsKey } = issuer.rules;
  let tried = 0;
  for (const key of store.find(token.alg, token.kid)) {
    if (acceptsKey !== undefined && !acceptsKey(token.unverifiedClaims, key.keyIssuer)) continue;
    if (verifySignature(key, token.signingInput, token.signature)) return key;
    tried += 1;
  }
  return tried;
}

function isConclusive(trial: Trial, { token }: Inquiry): boolean {
  return typeof trial === 'object' || (trial > 0 && token.kid !== undefined);
}

function conclude(trial: Trial, inquiry: Inquiry): VerificationKey | Refusal {
  const { token, issuer, trace } = inquiry;
  const miss = isConclusive(trial, inquiry) ? undefined : describeMissing(inquiry);
  const keyless = miss !== undefined && (trial === 0 || miss.code === 'keys_unavailable');
  trace?.add({
    step: 'key',
    ok: !keyless,
    expected: 'a key of the issuer for this algorithm',
    got: token.kid ?? 'no key id',
    ...(keyless && { note: miss.reason }),
  });
  if (keyless) return { ...miss, issuer: issuer.name };

  const verified = typeof trial === 'object';
  trace?.add({ step: 'signature', ok: verified });
  if (verified) return trial;
  return refuse('signature_invalid', 'the signature does not verify', { issuer: issuer.name });
}

function describeMissing({ token, issuer, store }: Inquiry): Refusal {
  if (issuer.rules.acceptsKey !== undefined && store.find(token.alg, token.kid).length > 0) {
    return refuse('key_unknown', 'the key is not one that may sign for the issuer of the token');
  }
  return store.refuseMiss(token.alg, token.kid);
}
