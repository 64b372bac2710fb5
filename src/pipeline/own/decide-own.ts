import { after } from '../../core/after.ts';
import { isRefusal, type Refusal } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import {
  isDirectResponse,
  type OwnEndpoint,
  type OwnRequest,
  type ServedHere,
} from '../messages/direct-response.ts';
import { consume } from '../rate-limit/rate-limit.ts';

export interface OwnDecisionOptions {
  readonly clientAddress: string;
  /** False for simulated requests, which are not counted. */
  readonly appliesLimits: boolean;
  readonly trace: Trace | undefined;
}

/** A decision without a route. */
export interface OwnDecision {
  readonly route: undefined;
  readonly outcome: ServedHere | Refusal;
  readonly addedHeaders: readonly string[];
}

/** Decides on a request for a path that the gateway serves itself. A promise only where a shared store counts the calls of a front. */
export function decideOwn(
  own: OwnEndpoint,
  request: OwnRequest,
  { clientAddress, appliesLimits, trace }: OwnDecisionOptions,
): OwnDecision | Promise<OwnDecision> {
  const { addedHeaders = [] } = own;
  const refused = (step: string, refusal: Refusal): OwnDecision => {
    const expected = refusal.allow === undefined ? {} : { expected: refusal.allow.join(', ') };
    trace?.add({ step, ok: false, ...expected, got: refusal.reason });
    return { route: undefined, outcome: refusal, addedHeaders };
  };
  const outcome = own.respond(request);
  if (isRefusal(outcome)) return refused('match', outcome);
  trace?.add({ step: 'match', ok: true, got: own.what });
  if (isDirectResponse(outcome)) {
    if (outcome.body !== undefined) trace?.add({ step: 'response', ok: true, got: outcome.body });
    return { route: undefined, outcome, addedHeaders };
  }
  return after(consume(appliesLimits ? own.limits : undefined, { clientAddress }), (consumed) => {
    const carried = { addedHeaders: [...addedHeaders, ...consumed.headers] };
    if (consumed.refusal !== undefined) return { ...refused('limits', consumed.refusal), ...carried };
    return { route: undefined, outcome, ...carried };
  });
}
