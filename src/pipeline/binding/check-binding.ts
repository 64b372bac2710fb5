import { isRefusal, type Refusal, refuse } from '../../core/refusals.ts';
import type { VerifiedToken } from '../../tokens/verified-token.ts';
import { type ConfirmationName, readConfirmations } from './confirmations.ts';

/** What a route wants a token to be bound to. */
export type RequiredBinding = 'dpop' | 'mtls' | 'any';

const CONFIRMATION_OF: Readonly<Record<Exclude<RequiredBinding, 'any'>, ConfirmationName>> = {
  dpop: 'jkt',
  mtls: 'x5t#S256',
};

const WANTED: Readonly<Record<RequiredBinding, string>> = {
  dpop: 'a token bound to a key by DPoP',
  mtls: 'a token bound to the client certificate',
  any: 'a token bound to its client',
};

/** Comes after the proof of possession: whatever a token is bound to was proven. */
export function checkBinding(
  bindings: readonly RequiredBinding[],
  { claims }: VerifiedToken,
): Refusal | undefined {
  for (const binding of bindings) {
    const confirmations = readConfirmations(claims);
    const isBound =
      confirmations !== undefined &&
      !isRefusal(confirmations) &&
      (binding === 'any' || confirmations.includes(CONFIRMATION_OF[binding]));
    if (!isBound) return refuse('binding_required', `the route wants ${WANTED[binding]}`);
  }
  return undefined;
}
