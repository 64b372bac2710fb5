import type { Config } from '../config/schema/config.ts';
import { isRefusal, type Refusal } from '../core/refusals.ts';
import type { Step, Trace } from '../core/trace.ts';
import type { ClientCertificate } from '../http/certificates/client-certificate.ts';
import { challengeFor } from '../pipeline/access/challenge.ts';
import { decide } from '../pipeline/decision/decide.ts';
import { admitBody, decideMessage, isForMessages } from '../pipeline/decision/decide-message.ts';
import type { Decision, Gate } from '../pipeline/gate.ts';
import { isServedHere } from '../pipeline/messages/direct-response.ts';
import type { RequestFacts } from '../pipeline/messages/request.ts';
import { writeMessage } from './simulated-message.ts';

/** A request that is only decided, not sent. */
export interface SimulatedRequest {
  readonly method: string;
  /** A path with its query, or a URL, whose host is used. Nothing is normalized. */
  readonly target: string;
  /** Takes precedence over the host of a URL. */
  readonly host?: string | undefined;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly token?: string | undefined;
  /** With which its client came. */
  readonly certificate?: ClientCertificate | undefined;
  /** The message that it brings, such as `tools/call search`. */
  readonly mcp?: string | undefined;
}

/** The decision, step by step. */
export interface SimulatedDecision {
  readonly request: RequestFacts;
  readonly decision: Decision;
  readonly steps: readonly Step[];
  /** `allow`, or the code of the refusal. */
  readonly code: string;
  /** The `WWW-Authenticate` of the response to a refusal, where it has one. */
  readonly challenge: string | undefined;
}

/** What each step expects, by its name, where the step itself reports nothing more exact. */
const EXPECTATIONS: Readonly<Record<string, string>> = {
  method: 'a method that can be forwarded',
  path: 'a path with one reading',
  host: 'one name or address, with or without a port',
  match: 'a route with this host and path',
  preflight: 'an origin and a method that the route lets browsers use',
  origin: 'an origin of `cors.origins`, or that of `publicUrl` where MCP is spoken',
  upgrade: 'a route with `websocket: true`',
  limits: 'a limit that is not used up',
  token: 'one bearer token',
  form: 'a signed JWT in compact form',
  signature: 'the one that this key makes',
  'proof form': 'one DPoP field with one signed JWT',
  'proof type': 'the type dpop+jwt',
  'proof signature': 'the one that the key in the proof makes',
  identity: 'every required header has its claim and fits',
  body: 'a message of the type application/json, without a content coding',
  message: 'one message of JSON-RPC that every server reads alike',
  agreement: 'a header that repeats what stands in the message',
};

/** Decides as for a client on this machine. */
export async function simulate(
  gate: Gate,
  input: SimulatedRequest,
  { config, showClaims }: { readonly config: Config; readonly showClaims: boolean },
): Promise<SimulatedDecision> {
  const request = toRequestFacts(input, config);
  const steps: Step[] = [];
  const add = (step: Step) => void steps.push({ expected: EXPECTATIONS[step.step], ...step });
  const trace: Trace = { showClaims, add };
  const decision = await decideBody(await decide(gate, request, trace), input, trace);
  const { outcome } = decision;
  if (!isRefusal(outcome)) return { request, decision, steps, code: 'allow', challenge: undefined };
  return {
    request,
    decision,
    steps,
    code: outcome.code,
    challenge: challengeOf(decision, outcome, showClaims),
  };
}

/** Decides on the message too, where there is one. Without one, a POST request is decided as far as it is known. */
async function decideBody(
  decision: Decision,
  { method, mcp }: SimulatedRequest,
  trace: Trace,
): Promise<Decision> {
  const { outcome } = decision;
  if (isRefusal(outcome) || isServedHere(outcome)) return decision;
  if (!isForMessages(outcome)) {
    if (mcp !== undefined) trace.add({ step: 'message', ok: true, got: 'not read: the route has no `mcp`' });
    return decision;
  }
  if (mcp === undefined) {
    if (method === 'POST') trace.add({ step: 'message', ok: true, got: 'not known: none was given' });
    return decision;
  }
  const admitted = admitBody(outcome, true, trace);
  if (isRefusal(admitted)) return { ...decision, outcome: admitted };
  return { ...decision, ...(await decideMessage(outcome, writeMessage(mcp), trace)) };
}

/** The scopes of the token are claims, and so hidden unless they are asked for. */
function challengeOf({ route, token }: Decision, refusal: Refusal, showClaims: boolean): string | undefined {
  if (showClaims || route?.challenge?.isCumulative !== true)
    return challengeFor(route?.challenge, refusal, token);
  const challenge = challengeFor(route.challenge, refusal, undefined);
  const hides =
    refusal.code === 'insufficient_scope' && challenge !== undefined && (token?.scopes.length ?? 0) > 0;
  return hides ? `${challenge} (and in scope those that the token has)` : challenge;
}

/** Who shows a proof means a token that is bound. */
function schemeFor(names: readonly string[]): string {
  return names.includes('dpop') ? 'DPoP' : 'Bearer';
}

/** The facts of a request as a gateway gets them. */
export function toRequestFacts(input: SimulatedRequest, { listen }: Config): RequestFacts {
  const url = /^https?:\/\/([^/?#]*)(.*)$/i.exec(input.target);
  const publicHost = listen.publicUrl === undefined ? 'localhost' : new URL(listen.publicUrl).host;
  const rest = input.headers ?? [];
  const host = input.host ?? url?.[1] ?? publicHost;
  const names = rest.map(([name]) => name.toLowerCase());
  const { token, certificate } = input;
  return {
    method: input.method,
    rawTarget: url === null ? input.target : url[2] || '/',
    rawHeaders: [
      ...(input.mcp === undefined || names.includes('content-type')
        ? []
        : ['content-type', 'application/json']),
      ...(names.includes('host') && input.host === undefined ? [] : ['host', host]),
      ...rest.flat(),
      ...(token === undefined ? [] : ['authorization', `${schemeFor(names)} ${token}`]),
    ],
    httpVersion: '1.1',
    clientAddress: '127.0.0.1',
    ...(certificate && { certificate: () => certificate }),
    isUpgrade: rest.some(
      ([name, value]) => name.toLowerCase() === 'upgrade' && /^websocket$/i.test(value.trim()),
    ),
  };
}
