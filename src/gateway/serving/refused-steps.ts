import { isRefusal, type Refusal } from '../../core/refusals.ts';
import type { Step, Trace } from '../../core/trace.ts';
import type { Decision } from '../../pipeline/gate.ts';
import type { Logger } from '../../telemetry/logger.ts';

/** Logs the steps of one decision that refused. One of them may be an alternative that did not decide. */
export interface RefusedSteps extends Trace {
  write(decision: Decision, requestId: string): void;
}

/** Undefined unless the level is `debug`: then requests are decided without a trace. With a trace, tokens are verified in full. */
export function traceRefusedSteps(log: Logger): RefusedSteps | undefined {
  if (!log.isLevelEnabled('debug')) return undefined;
  const refused: Step[] = [];
  return {
    showClaims: false,
    isForLog: true,
    add(step) {
      if (!step.ok) refused.push(step);
    },
    write({ route, outcome }, requestId) {
      for (const { step, refusal = refusalOf(outcome) } of refused) {
        const { code, cause, reason } = refusal ?? {};
        log.debug(
          { requestId, route: route?.name, step, code, cause, reason },
          'a step of a decision refused',
        );
      }
    },
  };
}

/** Most steps that refuse end the decision. */
function refusalOf(outcome: Decision['outcome']): Refusal | undefined {
  return isRefusal(outcome) ? outcome : undefined;
}
