import { after } from '../../core/after.ts';
import { isRefusal, type Refusal } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import type { Decision, Gate } from '../gate.ts';
import { isServedHere } from '../messages/direct-response.ts';
import { type Permit, type PermitToExchange, permitExchanged, withoutExchange } from '../permit.ts';
import type { Route } from '../route.ts';
import { awaitsMessage } from './awaits-message.ts';

/**
 * Obtains the token for the backend, where its upstream has an `exchange`: the last step of a decision, so that no endpoint is asked
 * for a request that is refused anyway. One that brings a message is decided on it first. Simulated requests exchange nothing.
 */
export function decideExchange(
  decision: Decision,
  exchanges: NonNullable<Gate['exchanges']>,
  trace: Trace | undefined,
): Decision | Promise<Decision> {
  const { outcome } = decision;
  if (isRefusal(outcome) || isServedHere(outcome) || !isToExchange(outcome)) return decision;
  if (exchanges === 'simulated') {
    trace?.add({
      step: 'exchange',
      ok: true,
      expected: expectation(outcome),
      got: 'not requested: nothing is sent here',
    });
    return { ...decision, outcome: withoutExchange(outcome) };
  }
  if (awaitsMessage(outcome)) return decision;
  return after(exchangeToken(outcome, trace), (exchanged) => ({ ...decision, outcome: exchanged }));
}

/** Whether a token for the backend is still to be obtained. */
export function isToExchange(permit: Permit): permit is PermitToExchange {
  return permit.exchange !== undefined;
}

/** Obtains the token; the permit that comes of it has no other. */
export function exchangeToken(
  permit: PermitToExchange,
  trace: Trace | undefined,
): Permit | Refusal | Promise<Permit | Refusal> {
  const { exchanger, token } = permit.exchange;
  return after(exchanger.exchange(permit.exchange), (credential) => {
    if (!isRefusal(credential)) {
      trace?.add({ step: 'exchange', ok: true, expected: expectation(permit), got: 'a token' });
      return permitExchanged(permit, credential);
    }
    trace?.add({ step: 'exchange', ok: false, expected: expectation(permit), got: credential.reason });
    return { ...credential, issuer: token.issuer };
  });
}

function expectation({ route }: Permit): string {
  return `a token for upstream ${route.config.upstream} in exchange for the caller's`;
}

/** Whether the backend gets another token than the caller's, where the caller has one. */
export function exchangesToken({ exchanger, access }: Pick<Route, 'exchanger' | 'access'>): boolean {
  return exchanger !== undefined && access.token !== 'public';
}
