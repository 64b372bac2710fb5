import { after } from '../../core/after.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import type { VerifiedToken } from '../../tokens/verified-token.ts';
import type { PresentedToken } from '../credentials/presented-token.ts';
import type { Matched } from '../permit.ts';
import { type ConfirmationName, readConfirmations } from './confirmations.ts';
import type { KeyProof } from './key-proof.ts';
import { proveCertificate } from './prove-certificate.ts';
import { proveKey } from './prove-key.ts';

/** What a proof of possession is about. */
export interface Presentation {
  readonly request: Matched;
  readonly token: VerifiedToken;
  readonly presented: PresentedToken;
  readonly isSimulated: boolean;
}

/** What a client has proven. */
export interface Possession {
  readonly refusal: Refusal | undefined;
  /** Good once: to be used up when nothing else refuses the request. */
  readonly proof?: KeyProof | undefined;
  /** Fields of the response, names and values in turn. */
  readonly addedHeaders?: readonly string[];
}

/**
 * Checks that the client holds what its token is bound to (RFC 7800 §3): such a token is worth nothing to who found it. All that the
 * token names must be proven. Undefined where the token is bound to nothing, and where nothing is left to do about it.
 */
export function provePossession(
  presentation: Presentation,
  trace: Trace | undefined,
): Possession | undefined | Promise<Possession | undefined> {
  const { token, presented } = presentation;
  const confirmations = readConfirmations(token.claims);
  if (confirmations === undefined && presented.scheme !== 'DPoP') {
    trace?.add({ step: 'binding', ok: true, expected: NOTHING_TO_PROVE });
    return undefined;
  }
  const outcome =
    confirmations === undefined || isRefusal(confirmations)
      ? { refusal: confirmations ?? UNBOUND }
      : proveEach(confirmations, presentation, trace);
  return after(outcome, (possession) => {
    const { refusal } = possession;
    traceBinding(trace, token, { confirmations, refusal });
    if (refusal === undefined && possession.proof === undefined) return undefined;
    return { ...possession, refusal: refusal && { ...refusal, issuer: token.issuer } };
  });
}

/** The certificate first: it costs nothing. */
function proveEach(
  confirmations: readonly ConfirmationName[],
  { token, presented, request, isSimulated }: Presentation,
  trace: Trace | undefined,
): Possession | Promise<Possession> {
  const refusal = confirmations.includes('x5t#S256') ? proveCertificate(token, request) : undefined;
  if (refusal !== undefined) return { refusal };
  if (!confirmations.includes('jkt')) {
    return { refusal: presented.scheme === 'DPoP' ? UNBOUND : undefined };
  }
  return proveKey({ request, presented, token, isSimulated }, trace);
}

const UNBOUND = refuse('binding_required', 'it came under the scheme DPoP and is bound to no key');

function traceBinding(
  trace: Trace | undefined,
  { claims }: VerifiedToken,
  {
    confirmations,
    refusal,
  }: {
    readonly confirmations: ReturnType<typeof readConfirmations>;
    readonly refusal: Refusal | undefined;
  },
): void {
  if (trace === undefined) return;
  const shown = trace.showClaims && claims.cnf !== undefined ? JSON.stringify(claims.cnf) : undefined;
  trace.add({
    step: 'binding',
    ok: refusal === undefined,
    expected:
      confirmations === undefined || isRefusal(confirmations)
        ? 'a binding that can be proven here'
        : confirmations.map((name) => EXPECTED[name]).join(', and '),
    ...(refusal && { got: [refusal.reason, shown].filter((part) => part !== undefined).join('; '), refusal }),
  });
}

const NOTHING_TO_PROVE = 'a token that is bound to no key';

const EXPECTED: Readonly<Record<ConfirmationName, string>> = {
  'x5t#S256': 'the client certificate that the token is bound to',
  jkt: 'a proof by the key that the token is bound to',
};
