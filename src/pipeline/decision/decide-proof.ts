import { after } from '../../core/after.ts';
import { isRefusal, type Refusal } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import { replaceFields } from '../../http/header-pairs.ts';
import type { Decision, Gate } from '../gate.ts';
import { isServedHere } from '../messages/direct-response.ts';
import { type Permit, type PermitToProve, permitProven } from '../permit.ts';
import { describeQuota } from '../rate-limit/rate-limit.ts';
import { awaitsMessage } from './awaits-message.ts';

/**
 * Uses up the proof of a request that nothing else refuses: a proof that was of no use stays good. Comes behind all limits and rules,
 * and behind the message of a request that brings one. Of simulated requests nothing is remembered.
 */
export function decideProof(
  decision: Decision,
  proofs: NonNullable<Gate['proofs']>,
  trace: Trace | undefined,
): Decision | Promise<Decision> {
  const { outcome } = decision;
  if (isRefusal(outcome) || isServedHere(outcome) || !isToProve(outcome)) return decision;
  if (proofs === 'simulated') {
    trace?.add({ step: 'replay', ok: true, got: 'not asked: nothing is remembered of this request' });
    return { ...decision, outcome: permitProven(outcome) };
  }
  return awaitsMessage(outcome) ? decision : useProof(decision, outcome, trace);
}

/** Whether the proof of a key is still to be used up. */
export function isToProve(permit: Permit): permit is PermitToProve {
  return permit.proof !== undefined;
}

/** Uses up the proof of a permit; the decision that comes of it has none, or refuses. */
export function useProof<Made extends Decision>(
  decision: Made,
  permit: PermitToProve,
  trace: Trace | undefined,
): Made | Promise<Made> {
  const { proofs, held } = permit.proof;
  return after(proofs.use(held), (refusal) => {
    if (refusal === undefined) return { ...decision, outcome: permitProven(permit) };
    trace?.add({
      step: 'replay',
      ok: false,
      expected: 'a proof that was not used before',
      got: refusal.reason,
    });
    const { addedHeaders } = decision;
    return {
      ...decision,
      outcome: refusal,
      ...(refusal.code === 'rate_limited' && { addedHeaders: withShare(addedHeaders, permit, refusal) }),
    };
  });
}

/** The limit that a request fails by is the one that its response describes. */
function withShare(
  fields: readonly string[] = [],
  { proof: { proofs } }: PermitToProve,
  { retryAfterSeconds = 1 }: Refusal,
): readonly string[] {
  const used = { remaining: 0, resetMs: retryAfterSeconds * 1000 };
  return replaceFields(fields, describeQuota({ by: 'dpop', quota: proofs.quota }, used));
}
