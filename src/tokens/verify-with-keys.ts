import { type Refusal, refuse } from '../core/refusals.ts';
import type { Trace } from '../core/trace.ts';
import type { CompiledIssuer } from './compiled-issuer.ts';
import type { UnverifiedToken } from './jwt/parse-token.ts';
import { type VerificationKey, verifySignature } from './jwt/verify-signature.ts';
import type { KeyStore } from './keys/key-store.ts';

/** A token whose issuer is known. */
export interface VerificationContext {
  readonly token: UnverifiedToken;
  readonly issuer: CompiledIssuer;
  readonly store: KeyStore;
  readonly trace?: Trace | undefined;
  /** Default: the check by OpenSSL. */
  readonly verifySignature?: typeof verifySignature | undefined;
}

/**
 * Finds the key and checks the signature: the key that verifies it, or the refusal. A promise when a fetch may bring a key that is
 * missing. A token without key id that no key verifies counts as one whose key is missing.
 */
export function verifyWithKeys(
  context: VerificationContext,
): VerificationKey | Refusal | Promise<VerificationKey | Refusal> {
  const trial = tryKeys(context);
  const wait = isConclusive(trial, context)
    ? undefined
    : context.store.refreshIfUseful(context.token.header.kid);
  return wait === undefined ? conclude(trial, context) : wait.then(() => conclude(tryKeys(context), context));
}

/** The key that verifies; or how many were tried in vain. */
type Trial = VerificationKey | number;

function tryKeys(context: VerificationContext): Trial {
  const { token, issuer, store, verifySignature: verify = verifySignature } = context;
  const { acceptsKey } = issuer.rules;
  let tried = 0;
  for (const key of store.find(token.header.alg, token.header.kid)) {
    if (acceptsKey !== undefined && !acceptsKey(token.unverifiedClaims, key.keyIssuer)) continue;
    if (verify(key, token.signingInput, token.signature)) return key;
    tried += 1;
  }
  return tried;
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
  const misfit = describeMisfit(token.header.alg, token.signature.length);
  return misfit === undefined
    ? refuse('signature_invalid', 'the signature does not verify', { issuer: issuer.name })
    : refuse('signature_length', misfit, { issuer: issuer.name });
}

/** Bytes of a signature (RFC 7518 §3.4, RFC 8037 §3.1); that of RSA is as long as the key, of which none is shorter. */
const SIGNATURE_BYTES: Readonly<Record<string, number>> = {
  ES256: 64,
  ES384: 96,
  ES512: 132,
  EdDSA: 64,
  Ed25519: 64,
};
const LEAST_RSA_BYTES = 256;

/** Only a signature of the right length can be one that somebody else made. */
function describeMisfit(algorithm: string, length: number): string | undefined {
  const exact = SIGNATURE_BYTES[algorithm];
  if (exact === undefined ? length >= LEAST_RSA_BYTES : length === exact) return undefined;
  const wanted = exact ?? `at least ${LEAST_RSA_BYTES}`;
  return `the signature has ${length} bytes, and one of ${algorithm} has ${wanted}`;
}

/** What Google's services put in place of a signature that they have checked. */
const REMOVED_BY_GOOGLE = Buffer.from('SIGNATURE_REMOVED_BY_GOOGLE', 'base64url');

function describeMissing({ token, issuer, store }: VerificationContext): Refusal {
  if (issuer.rules.acceptsKey !== undefined && store.find(token.header.alg, token.header.kid).length > 0) {
    return refuse('key_for_other_issuer', 'the key is not one that may sign for the issuer of the token');
  }
  return store.refuseMiss(token.header.alg, token.header.kid);
}
