import { after } from '../../core/after.ts';
import { type Refusal, refuse } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import type { VerifiedToken } from '../../tokens/verified-token.ts';
import type { PresentedToken } from '../credentials/presented-token.ts';
import type { Matched } from '../permit.ts';
import { confirmationText } from './confirmations.ts';
import type { KeyProof } from './key-proof.ts';
import type { RouteProofs } from './route-proofs.ts';

/** How the proof of a key went. */
export interface ProvenKey {
  readonly refusal: Refusal | undefined;
  readonly proof: KeyProof | undefined;
  /** Fields of the response, names and values in turn: the next nonce. */
  readonly addedHeaders: readonly string[];
}

export interface KeyPresentation {
  readonly request: Matched;
  readonly presented: PresentedToken;
  readonly token: VerifiedToken;
  /** Nonces of a running gateway mean nothing to a simulated request. */
  readonly isSimulated: boolean;
}

const NONE: readonly string[] = Object.freeze([]);

/** Checks the DPoP proof of a request whose token is bound to a key (RFC 9449 §7.1). */
export function proveKey(
  presentation: KeyPresentation,
  trace: Trace | undefined,
): ProvenKey | Promise<ProvenKey> {
  const { request, presented, token, isSimulated } = presentation;
  const { issuer } = token;
  const jkt = confirmationText(token.claims, 'jkt');
  const route: RouteProofs | undefined = request.route.proofs;
  const proofs = route?.byIssuer.get(issuer);
  if (route === undefined || proofs === undefined) {
    return refuseKey(
      refuse('token_bound', 'its `cnf` binds it to a key, and its issuer has no `dpop`', { issuer }),
    );
  }
  if (presented.scheme !== 'DPoP' || jkt === undefined) {
    const reason =
      jkt !== undefined
        ? 'its `cnf` binds it to a key, and it came as a plain bearer token'
        : '`cnf.jkt` is not the thumbprint of a key';
    return refuseKey(refuse('token_bound', reason, { issuer }));
  }
  const { method, target, headers } = request;
  const outcome = proofs.verify({
    proofs: headers.proofs,
    request: { method, origin: route.origin, path: target.path },
    rawToken: presented.rawToken,
    jkt,
    trace,
    isSimulated,
  });
  return after(outcome, (verified) => {
    const addedHeaders = nonceFields(verified.nextNonce);
    return 'refusal' in verified
      ? { refusal: verified.refusal, proof: undefined, addedHeaders }
      : { refusal: undefined, proof: { proofs, held: verified }, addedHeaders };
  });
}

/** Nonces of one client must not be another's by way of a cache (RFC 9449 §8.2). */
function nonceFields(nonce: string | undefined): readonly string[] {
  return nonce === undefined ? NONE : ['dpop-nonce', nonce, 'cache-control', 'no-store'];
}

function refuseKey(refusal: Refusal): ProvenKey {
  return { refusal, proof: undefined, addedHeaders: NONE };
}
