import type { Config } from '../config/schema/config.ts';
import { isRefusal } from '../core/refusals.ts';
import type { Step } from '../core/trace.ts';
import { type Decision, decide, type Gate } from '../pipeline/decide.ts';
import type { RequestFacts } from '../pipeline/request.ts';
import { EXPECTATIONS } from './expectations.ts';

/** A request that nobody sends. */
export interface SimulatedRequest {
  readonly method: string;
  /** A path with its query, or a URL, whose host then counts. Taken as it is: nothing is normalized. */
  readonly target: string;
  /** Goes before the host of a URL. */
  readonly host?: string | undefined;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly token?: string | undefined;
}

/** What the gate makes of it, step by step. */
export interface SimulatedDecision {
  readonly request: RequestFacts;
  readonly decision: Decision;
  readonly steps: readonly Step[];
  /** `allow`, or the code of the refusal. */
  readonly code: string;
}

/** Asks the gate as a client from loopback would. */
export async function simulate(
  gate: Gate,
  input: SimulatedRequest,
  { config, showClaims }: { readonly config: Config; readonly showClaims: boolean },
): Promise<SimulatedDecision> {
  const request = toRequest(input, config);
  const steps: Step[] = [];
  const add = (step: Step) => void steps.push({ expected: EXPECTATIONS[step.step], ...step });
  const decision = await decide(gate, request, { showClaims, add });
  const { outcome } = decision;
  return { request, decision, steps, code: isRefusal(outcome) ? outcome.code : 'allow' };
}

function toRequest(input: SimulatedRequest, { listen }: Config): RequestFacts {
  const url = /^https?:\/\/([^/?#]*)(.*)$/i.exec(input.target);
  const publicHost = listen.publicUrl === undefined ? 'localhost' : new URL(listen.publicUrl).host;
  const rest = input.headers ?? [];
  const host = input.host ?? url?.[1] ?? publicHost;
  const names = rest.map(([name]) => name.toLowerCase());
  const token = input.token;
  return {
    method: input.method,
    rawTarget: url === null ? input.target : url[2] || '/',
    rawHeaders: [
      ...(names.includes('host') && input.host === undefined ? [] : ['host', host]),
      ...rest.flat(),
      ...(token === undefined ? [] : ['authorization', `Bearer ${token}`]),
    ],
    httpVersion: '1.1',
    clientAddress: '127.0.0.1',
    isUpgrade: rest.some(
      ([name, value]) => name.toLowerCase() === 'upgrade' && /^websocket$/i.test(value.trim()),
    ),
  };
}
