import { isRefusal, type Refusal, refuse } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import type { VerifiedToken } from '../../tokens/verified-token.ts';
import type { PresentedToken } from '../credentials/presented-token.ts';
import type { FilteredRequest } from '../messages/request.ts';
import { type ConfirmationName, readConfirmations } from './confirmations.ts';
import { proveCertificate } from './prove-certificate.ts';

/** What a proof of possession is about. */
export interface Presentation {
  readonly request: FilteredRequest;
  readonly token: VerifiedToken;
  readonly presented: PresentedToken;
}

type Prove = (presentation: Presentation) => Refusal | undefined;

/** How each confirmation is proven. */
const PROOFS: Readonly<Record<ConfirmationName, Prove>> = {
  'x5t#S256': ({ token, request }) => proveCertificate(token, request),
  jkt: () => refuse('token_bound', 'its `cnf` binds it to a key, and it came as a plain bearer token'),
};

/**
 * Checks that the client holds what its token is bound to (RFC 7800 §3): such a token is worth nothing to who found it. All that the
 * token names must be proven. Undefined where that is so, and where the token is bound to nothing.
 */
export function provePossession(
  presentation: Presentation,
  trace: Trace | undefined,
): Refusal | undefined | Promise<Refusal | undefined> {
  const { token } = presentation;
  const confirmations = readConfirmations(token.claims);
  if (confirmations === undefined) {
    trace?.add({ step: 'binding', ok: true, expected: NOTHING_TO_PROVE });
    return undefined;
  }
  const refusal = isRefusal(confirmations) ? confirmations : proveEach(confirmations, presentation);
  const shown = trace?.showClaims === true ? JSON.stringify(token.claims.cnf) : undefined;
  trace?.add({
    step: 'binding',
    ok: refusal === undefined,
    expected: isRefusal(confirmations) ? 'a binding that can be proven here' : expectedOf(confirmations),
    ...(refusal && { got: [refusal.reason, shown].filter((part) => part !== undefined).join('; '), refusal }),
  });
  return refusal && { ...refusal, issuer: token.issuer };
}

const NOTHING_TO_PROVE = 'a token that is bound to no key';

const EXPECTED: Readonly<Record<ConfirmationName, string>> = {
  'x5t#S256': 'the client certificate that the token is bound to',
  jkt: 'a proof by the key that the token is bound to',
};

function expectedOf(confirmations: readonly ConfirmationName[]): string {
  return confirmations.map((name) => EXPECTED[name]).join(', and ');
}

function proveEach(
  confirmations: readonly ConfirmationName[],
  presentation: Presentation,
): Refusal | undefined {
  for (const name of confirmations) {
    const refusal = PROOFS[name](presentation);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}
