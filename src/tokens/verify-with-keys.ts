import { type Refusal, refuse } from '../core/refusals.ts';
import type { Trace } from '../core/trace.ts';
import {
  type SignatureResult,
  type TokenCache,
  UNDECIDED_RESULT,
  UNKNOWN_RESULT,
} from './cache/token-cache.ts';
import type { CompiledIssuer } from './compiled-issuer.ts';
import type { UnverifiedToken } from './jwt/parse-token.ts';
import { type VerificationKey, verifySignature } from './jwt/verify-signature.ts';
import type { KeyStore } from './keys/key-store.ts';

/** A token whose issuer is known, on its way to that issuer's keys. */
export interface VerificationContext {
  readonly token: UnverifiedToken;
  readonly issuer: CompiledIssuer;
  readonly store: KeyStore;
  readonly trace: Trace | undefined;
  /** Where the token is remembered, and its name there; undefined when it shall leave no trace. */
  readonly memory: { readonly cache: TokenCache; readonly name: string } | undefined;
}

/**
 * Finds the key and checks the signature: the key that signed, or the refusal. A promise when a fetch may bring a key that is not
 * there yet: when it is over, `verifyWithKeysNow` gives the response. A token without key id that no key verifies counts as one whose
 * key is not there yet.
 */
export function verifyWithKeys(context: VerificationContext): VerificationKey | Refusal | Promise<void> {
  const trial = tryKeys(context);
  const wait = isConclusive(trial, context)
    ? undefined
    : context.store.refreshIfUseful(context.token.header.kid);
  return wait ?? conclude(trial, context);
}

/** The same with the keys that are there. */
export function verifyWithKeysNow(context: VerificationContext): VerificationKey | Refusal {
  return conclude(tryKeys(context), context);
}

/** A key that verifies; or how many were there to try. */
type Trial = VerificationKey | number;

function tryKeys({ token, issuer, store, memory }: VerificationContext): Trial {
  const { acceptsKey } = issuer.rules;
  const result = memory === undefined ? UNKNOWN_RESULT : memory.cache.resultOf(memory.name);
  let tried = 0;
  for (const key of store.find(token.header.alg, token.header.kid)) {
    if (acceptsKey !== undefined && !acceptsKey(token.unverifiedClaims, key.keyIssuer)) continue;
    if (verifies(key, token, result)) return key;
    tried += 1;
  }
  return tried;
}

/** The result of before, where there is one on this very key. */
function verifies(key: VerificationKey, token: UnverifiedToken, result: SignatureResult): boolean {
  if (result === key.serial) return true;
  if (result === -key.serial) return false;
  return verifySignature(key.check, token.signingInput, token.signature);
}

/** The result that a refused signature leaves: on the key, where there was but one to try. */
export function refusedResult({ token, store }: VerificationContext): SignatureResult {
  const [key, ...others] = store.find(token.header.alg, token.header.kid);
  return key === undefined || others.length > 0 ? UNDECIDED_RESULT : -key.serial;
}

function isConclusive(trial: Trial, { token }: VerificationContext): boolean {
  return typeof trial === 'object' || (trial > 0 && token.header.kid !== undefined);
}

function conclude(trial: Trial, context: VerificationContext): VerificationKey | Refusal {
  const { token, issuer, trace } = context;
  const miss = isConclusive(trial, context) ? undefined : describeMissing(context);
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

function describeMissing({ token, issuer, store }: VerificationContext): Refusal {
  if (issuer.rules.acceptsKey !== undefined && store.find(token.header.alg, token.header.kid).length > 0) {
    return refuse('key_for_other_issuer', 'the key is not one that may sign for the issuer of the token');
  }
  return store.refuseMiss(token.header.alg, token.header.kid);
}
