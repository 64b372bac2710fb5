import { type Refusal, refuse } from '../../core/refusals.ts';
import { decide } from '../../pipeline/decision/decide.ts';
import type { Decision, Gate } from '../../pipeline/gate.ts';
import type { RequestFacts } from '../../pipeline/messages/request.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { traceRefusedSteps } from './refused-steps.ts';
import type { Transaction } from './transaction.ts';

interface DecisionRun {
  readonly gate: Gate;
  readonly facts: RequestFacts;
  readonly transaction: Transaction;
  readonly log: Logger;
}

/** Runs the decision on a request, in the same tick unless keys must be waited for. No failure is ever "allow". */
export function runDecision(
  { gate, facts, transaction, log }: DecisionRun,
  then: (outcome: Decision['outcome']) => void,
): void {
  const fail = (error: unknown): void =>
    then(refuseFailed(log, transaction, { error, what: 'the decision failed' }));
  const refusedSteps = traceRefusedSteps(log);
  const settle = (made: Decision): void => {
    refusedSteps?.write(made, transaction.requestId);
    transaction.decided(made);
    then(made.outcome);
  };
  let decision: Decision | Promise<Decision>;
  try {
    decision = decide(gate, facts, refusedSteps);
  } catch (error) {
    fail(error);
    return;
  }
  if (decision instanceof Promise) {
    transaction.watchClient();
    decision.then(settle, fail);
  } else settle(decision);
}

/** An unexpected error ends its own request only. The log has the reason; the client gets a 500. */
export function refuseFailed(
  log: Logger,
  { requestId }: Transaction,
  { error, what }: { readonly error: unknown; readonly what: string },
): Refusal {
  log.error({ err: error, requestId }, what);
  return refuse('internal', what);
}
