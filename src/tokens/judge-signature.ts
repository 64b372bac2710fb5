import { type Refusal, refuse } from '../core/refusals.ts';
import type { Trace } from '../core/trace.ts';
import type { CompiledIssuer } from './compiled-issuer.ts';
import type { KeyStore } from './key-store.ts';
import type { UnverifiedToken } from './parse-token.ts';
import { type SignatureVerdict, type TokenCache, UNDECIDED_VERDICT, UNKNOWN_VERDICT } from './token-cache.ts';
import { type VerificationKey, verifySignature } from './verify-signature.ts';

/** A token whose issuer is known, on its way to that issuer's keys. */
export interface Inquiry {
  readonly token: UnverifiedToken;
  readonly issuer: CompiledIssuer;
  readonly store: KeyStore;
  readonly trace: Trace | undefined;
  /** Where the token is remembered, and its name there; undefined when it shall leave no trace. */
  readonly memory: { readonly cache: TokenCache; readonly name: string } | undefined;
}

/**
 * Finds the key and checks the signature: the key that signed, or the refusal. A promise when a fetch may bring a key that is not
 * there yet: when it is over, `judgeSignatureNow` gives the answer. A token without key id that no key verifies counts as one whose
 * key is not there yet.
 */
export function judgeSignature(inquiry: Inquiry): VerificationKey | Refusal | Promise<void> {
  const trial = tryKeys(inquiry);
  const wait = isConclusive(trial, inquiry) ? undefined : inquiry.store.seek(inquiry.token.header.kid);
  return wait ?? conclude(trial, inquiry);
}

/** The same with the keys that are there. */
export function judgeSignatureNow(inquiry: Inquiry): VerificationKey | Refusal {
  return conclude(tryKeys(inquiry), inquiry);
}

/** A key that verifies; or how many were there to try. */
type Trial = VerificationKey | number;

function tryKeys({ token, issuer, store, memory }: Inquiry): Trial {
  const { acceptsKey } = issuer.rules;
  const verdict = memory === undefined ? UNKNOWN_VERDICT : memory.cache.verdictOf(memory.name);
  let tried = 0;
  for (const key of store.find(token.header.alg, token.header.kid)) {
    if (acceptsKey !== undefined && !acceptsKey(token.unverifiedClaims, key.keyIssuer)) continue;
    if (verifies(key, token, verdict)) return key;
    tried += 1;
  }
  return tried;
}

/** The verdict of before, where there is one on this very key. */
function verifies(key: VerificationKey, token: UnverifiedToken, verdict: SignatureVerdict): boolean {
  if (verdict === key.serial) return true;
  if (verdict === -key.serial) return false;
  return verifySignature(key.check, token.signingInput, token.signature);
}

/** The verdict that a refused signature leaves: on the key, where there was but one to try. */
export function refusedVerdict({ token, store }: Inquiry): SignatureVerdict {
  const [key, ...others] = store.find(token.header.alg, token.header.kid);
  return key === undefined || others.length > 0 ? UNDECIDED_VERDICT : -key.serial;
}

function isConclusive(trial: Trial, { token }: Inquiry): boolean {
  return typeof trial === 'object' || (trial > 0 && token.header.kid !== undefined);
}

function conclude(trial: Trial, inquiry: Inquiry): VerificationKey | Refusal {
  const { token, issuer, trace } = inquiry;
  const miss = isConclusive(trial, inquiry) ? undefined : describeMissing(inquiry);
  const keyless = miss !== undefined && (trial === 0 || miss.code === 'keys_unavailable');
  trace?.add({
    step: 'key',
    ok: !keyless,
    expected: 'a key of the issuer for this algorithm',
    got: token.header.kid ?? 'no key id',
    ...(keyless && { note: miss.reason }),
  });
  if (keyless) return { ...miss, issuer: issuer.name };

  const verified = typeof trial === 'object';
  trace?.add({ step: 'signature', ok: verified });
  if (verified) return trial;
  if (token.signature.equals(REMOVED_BY_GOOGLE)) {
    const reason =
      'the signature was removed by Google: the token was already checked by Cloud Run or another of its services';
    return refuse('signature_removed', reason, { issuer: issuer.name });
  }
  return refuse('signature_invalid', 'the signature does not verify', { issuer: issuer.name });
}

/** What Google's services put in the place of a signature that they have checked. */
const REMOVED_BY_GOOGLE = Buffer.from('SIGNATURE_REMOVED_BY_GOOGLE', 'base64url');

function describeMissing({ token, issuer, store }: Inquiry): Refusal {
  if (issuer.rules.acceptsKey !== undefined && store.find(token.header.alg, token.header.kid).length > 0) {
    return refuse('key_for_other_issuer', 'the key is not one that may sign for the issuer of the token');
  }
  return store.refuseMiss(token.header.alg, token.header.kid);
}
