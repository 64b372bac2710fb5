import type * as z from 'zod';
import { configSchema } from '../../../src/config/schema/config.ts';
import { isRefusal, type Refusal, refuse } from '../../../src/core/refusals.ts';
import type { Step } from '../../../src/core/trace.ts';
import { type CompiledGate, compileGate, type GateOptions } from '../../../src/pipeline/compile.ts';
import { decide } from '../../../src/pipeline/decision/decide.ts';
import type { Decision, Gate } from '../../../src/pipeline/gate.ts';
import { isDirectResponse, isServedHere } from '../../../src/pipeline/messages/direct-response.ts';
import type { RequestFacts } from '../../../src/pipeline/messages/request.ts';
import type { Permit } from '../../../src/pipeline/permit.ts';
import { compileIssuers } from '../../../src/tokens/issuers/compile-issuers.ts';
import { markReused } from '../../../src/tokens/token-memo.ts';
import type { Claims, VerifiedToken } from '../../../src/tokens/verified-token.ts';
import type { TokenVerifier } from '../../../src/tokens/verifier.ts';

export type ConfigInput = z.input<typeof configSchema>;
type RouteInput = ConfigInput['routes'][number];

/** An issuer and an upstream, so that a test names only the routes it is about. */
export function fileWith(
  routes: readonly Partial<RouteInput>[],
  rest: Partial<ConfigInput> = {},
): ConfigInput {
  return {
    issuers: { corp: { issuer: 'https://corp.example', audiences: ['api'] } },
    upstreams: { app: { url: 'http://127.0.0.1:3000' } },
    routes: routes.map((route, at) => ({
      name: `r${at}`,
      path: '/',
      upstream: 'app',
      access: 'public' as const,
      ...route,
    })),
    ...rest,
  };
}

/** Compiles a file as written in code, with its problems. */
export function compileFile(
  file: ConfigInput,
  options: Partial<Pick<GateOptions, 'verifier' | 'limitStore' | 'clock'>> = {},
): Promise<CompiledGate> {
  const config = configSchema.parse(file);
  const { issuers } = compileIssuers(config, { resolvePath: (path) => path });
  return compileGate({ config, issuers, verifier: fakeVerifier({}), ...options });
}

/** Compiles a file as written in code; fails on any error. */
export async function gateOf(file: ConfigInput, verifier: TokenVerifier = fakeVerifier({})): Promise<Gate> {
  const { gate, problems } = await compileFile(file, { verifier });
  const errors = problems.filter((problem) => problem.severity === 'error');
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  return gate;
}

/** A token that is cached, with what a test cares about. */
export function tokenOf(claims: Claims = {}, rest: Partial<VerifiedToken> = {}): VerifiedToken {
  const token = freshTokenOf(claims, rest);
  markReused(token);
  return token;
}

/** A token that is used once. */
export function freshTokenOf(claims: Claims = {}, rest: Partial<VerifiedToken> = {}): VerifiedToken {
  return {
    issuer: 'corp',
    header: { alg: 'RS256' },
    claims,
    audiences: ['api'],
    scopes: [],
    roles: [],
    rejectedFromMs: Number.POSITIVE_INFINITY,
    ...rest,
  };
}

/** Knows tokens by their text; all others have a bad signature. */
export function fakeVerifier(tokens: Readonly<Record<string, VerifiedToken | Refusal>>): TokenVerifier {
  return {
    verify(rawToken, { accepts }) {
      const token = tokens[rawToken] ?? refuse('signature_invalid', 'not one of the known tokens');
      if (isRefusal(token) || (accepts?.has(token.issuer) ?? true)) return token;
      return refuse('issuer_not_allowed', 'not accepted here');
    },
  };
}

/** Facts of a request given as on the command line: `GET /path`, then header names and values in turn. */
export function requestOf(line: string, ...rawHeaders: string[]): RequestFacts {
  const space = line.indexOf(' ');
  const hasHost = rawHeaders.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'host');
  return {
    method: line.slice(0, space),
    rawTarget: line.slice(space + 1),
    rawHeaders: hasHost ? rawHeaders : ['Host', 'gw.example', ...rawHeaders],
    httpVersion: '1.1',
    clientAddress: '192.0.2.1',
  };
}

/** The decision, or an error when keys had to be waited for. Holds `explain` to it: watched step by step, it is the same. */
export function decideNow(gate: Gate, request: RequestFacts): Decision {
  const decision = decide(gate, request);
  if (decision instanceof Promise) throw new Error('the decision was not made at once');
  // Deciding again would consume from a limit.
  if (decision.route?.limits === undefined) assertExplained(gate, request, codeOf(decision));
  return decision;
}

function assertExplained(gate: Gate, request: RequestFacts, code: string): void {
  const steps: Step[] = [];
  const explained = decide(gate, request, { showClaims: true, add: (step) => void steps.push(step) });
  if (explained instanceof Promise || codeOf(explained) !== code)
    throw new Error('explain decides otherwise');
  const last = steps.at(-1);
  // The fake verifier reports no steps.
  if (last === undefined || (last.ok !== (code === 'allow') && last.step !== 'token')) {
    throw new Error(`${code}, but the last step is ${JSON.stringify(last)}`);
  }
}

function codeOf({ outcome }: Decision): string {
  return isRefusal(outcome) ? outcome.code : 'allow';
}

/** `allow` or the code of the refusal. */
export function resultOf(gate: Gate, request: RequestFacts): string {
  const { outcome } = decideNow(gate, request);
  if (isRefusal(outcome)) return outcome.code;
  return isDirectResponse(outcome) ? outcome.directResponse : 'allow';
}

/** The permit of a request that must pass. */
export function permitOf(gate: Gate, request: RequestFacts): Permit {
  const { outcome } = decideNow(gate, request);
  if (isRefusal(outcome)) throw new Error(`refused: ${outcome.code}, ${outcome.reason}`);
  if (isServedHere(outcome)) throw new Error('the gateway responded itself');
  return outcome;
}

/** Pairs as an object, lower case; fails when a name is there twice. */
export function fieldsOf(pairs: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = 0; at < pairs.length; at += 2) {
    const name = (pairs[at] as string).toLowerCase();
    if (name in fields) throw new Error(`${name} is there twice`);
    fields[name] = pairs[at + 1] as string;
  }
  return fields;
}
