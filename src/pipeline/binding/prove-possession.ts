import { type Refusal, refuse } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import type { VerifiedToken } from '../../tokens/verified-token.ts';
import type { PresentedToken } from '../credentials/presented-token.ts';
import type { FilteredRequest } from '../messages/request.ts';

/** What a proof of possession is about. */
export interface Presentation {
  readonly request: FilteredRequest;
  readonly token: VerifiedToken;
  readonly presented: PresentedToken;
}

/**
 * Checks that the client holds the key its token is bound to (RFC 7800 §3): such a token is worth nothing to who found it. Undefined
 * where that is proven, and where the token is bound to none.
 */
export function provePossession(
  { token }: Presentation,
  trace: Trace | undefined,
): Refusal | undefined | Promise<Refusal | undefined> {
  const isBound = isStated(token.claims.cnf);
  const refusal = isBound
    ? refuse('token_bound', 'it has `cnf` and came as a plain bearer token', { issuer: token.issuer })
    : undefined;
  const shown = isBound && trace?.showClaims === true ? JSON.stringify(token.claims.cnf) : undefined;
  trace?.add({
    step: 'binding',
    ok: !isBound,
    expected: 'a token that is bound to no key',
    ...(refusal && { got: [refusal.reason, shown].filter((part) => part !== undefined).join('; '), refusal }),
  });
  return refusal;
}

/** An empty `cnf` counts, unlike other optional claims: what is unclear about a binding is refused. */
function isStated(confirmation: unknown): boolean {
  return confirmation !== undefined && confirmation !== null;
}
