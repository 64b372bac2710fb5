import { randomBytes, randomUUID } from 'node:crypto';
import { isRefusal } from '../core/refusals.ts';
import { certificateOfFingerprint } from '../http/certificates/client-certificate.ts';
import { decide } from '../pipeline/decision/decide.ts';
import { decideMessage, isForMessages } from '../pipeline/decision/decide-message.ts';
import type { Decision, Gate } from '../pipeline/gate.ts';
import { isServedHere } from '../pipeline/messages/direct-response.ts';
import { makeTestClient, type TestClient } from '../simulate/mint-proof.ts';
import { makeTestClaims, signTestToken, type TestIssuer } from '../simulate/mint-test-token.ts';
import { toRequestFacts } from '../simulate/simulate.ts';
import { writeMessage } from '../simulate/simulated-message.ts';
import type { Caller, CallerToken } from './callers.ts';
import { HELD_CONDITIONS } from './conditions/named-conditions.ts';
import type { SampleRequest } from './request-classes.ts';
import type { Side } from './side.ts';

/** What a file does with a request of a caller. */
export interface Outcome {
  /** `allow`, or the code of the refusal. */
  readonly code: string;
  /** Identity headers, by name; empty for a refusal. */
  readonly identity: Readonly<Record<string, string>>;
}

/** A caller with a real token, and what it needs to use it. */
interface Presented {
  readonly rawToken: string;
  readonly certificate: ReturnType<typeof certificateOfFingerprint> | undefined;
  readonly client: TestClient | undefined;
}

/** Has both files decide on the requests of callers. Each caller gets one token, which both of them see. */
export function createTrial(sides: readonly [Side, Side]) {
  const presented = new Map<string, Promise<Presented | undefined>>();

  /** The claims are those of the file that lets the caller in; undefined where neither has its issuer. */
  function present(caller: Caller, by: 0 | 1): Promise<Presented | undefined> {
    const { token } = caller;
    if (token === undefined) return Promise.resolve(undefined);
    const key = JSON.stringify([token, by]);
    const known = presented.get(key) ?? makeToken(token, sides[by]);
    presented.set(key, known);
    return known;
  }

  async function askBoth(
    gates: readonly [Gate, Gate],
    { caller, by, request }: Question,
  ): Promise<readonly [Outcome, Outcome]> {
    const credentials = await present(caller, by);
    return [
      await askSide(sides[0], { gate: gates[0], request, credentials }),
      await askSide(sides[1], { gate: gates[1], request, credentials }),
    ];
  }

  return {
    ask: (question: Question) => askBoth([sides[0].gate, sides[1].gate], question),
    /** The same, with conditions evaluated. */
    askExactly: (question: Question) => askBoth([sides[0].exactGate, sides[1].exactGate], question),
  };
}

export interface Question {
  readonly caller: Caller;
  /** The file whose rules the caller was made for. */
  readonly by: 0 | 1;
  readonly request: SampleRequest;
}

interface Asked {
  readonly gate: Gate;
  readonly request: SampleRequest;
  readonly credentials: Presented | undefined;
}

async function askSide(
  { config, nowMs }: Side,
  { gate, request: { method, target, host, message }, credentials }: Asked,
): Promise<Outcome> {
  const { rawToken, certificate, client } = credentials ?? {};
  const input = { method, target, host, token: rawToken, certificate, mcp: message?.text };
  const headers: (readonly [string, string])[] = [];
  if (client !== undefined && rawToken !== undefined) {
    // A proof names the address of the request as the file has it for the route.
    const { route } = await decide(gate, toRequestFacts(input, config));
    const uri = (route?.proofs?.origin ?? '') + target;
    headers.push(['dpop', await client.prove({ method, uri, token: rawToken, nowMs })]);
  }
  const decision = await decide(gate, toRequestFacts({ ...input, headers }, config));
  const { outcome } = decision;
  if (message === undefined || isRefusal(outcome) || isServedHere(outcome) || !isForMessages(outcome))
    return outcomeOf(decision);
  return outcomeOf(await decideMessage(outcome, writeMessage(message.text)));
}

function outcomeOf({ outcome }: Decision): Outcome {
  if (isRefusal(outcome)) return { code: outcome.code, identity: {} };
  if (isServedHere(outcome)) return { code: 'allow', identity: {} };
  const identity: Record<string, string> = {};
  for (let at = 0; at < outcome.identity.length; at += 2) {
    const name = outcome.identity[at] as string;
    const value = outcome.identity[at + 1] as string;
    identity[name] = name in identity ? `${identity[name]}, ${value}` : value;
  }
  return { code: 'allow', identity };
}

async function makeToken(token: CallerToken, side: Side): Promise<Presented | undefined> {
  const { issuers, provider } = side;
  const issuer = issuers.get(token.iss);
  if (issuer === undefined) return undefined;
  const client = token.bound === 'dpop' ? await makeTestClient(issuer.compiled) : undefined;
  const certificate =
    token.bound === 'mtls' ? certificateOfFingerprint(randomBytes(32).toString('hex')) : undefined;
  const claims = claimsOf(token, issuer, side);
  if (client !== undefined) claims.cnf = { jkt: client.thumbprint };
  if (certificate !== undefined) claims.cnf = { 'x5t#S256': certificate.thumbprint };
  return { rawToken: await writeToken(issuer, claims, provider), certificate, client };
}

/** An issuer without keys has opaque tokens. */
async function writeToken(
  issuer: TestIssuer,
  claims: Readonly<Record<string, unknown>>,
  provider: Side['provider'],
): Promise<string> {
  const { compiled } = issuer;
  if (compiled.source.kind !== 'none') {
    const rawToken = await signTestToken(issuer, claims);
    provider.state(rawToken, {});
    return rawToken;
  }
  const rawToken = `${compiled.introspection?.prefix ?? ''}test-${randomUUID()}`;
  provider.state(rawToken, claims);
  return rawToken;
}

/** The claims of its token: those that its issuer needs, and its own in them. */
export function claimsOf(
  token: CallerToken,
  { compiled }: TestIssuer,
  { config, nowMs, unusedName }: Pick<Side, 'config' | 'nowMs' | 'unusedName'>,
): Record<string, unknown> {
  const { scopes, roles, audiences } = token;
  const wanted = { scopes: [...scopes], roles: [...roles], audiences: [...audiences] };
  const claims: Record<string, unknown> = { ...makeTestClaims(compiled, wanted, { config, nowMs }) };
  if (scopes.length === 0) remove(claims, compiled.scopeClaims[0]);
  if (roles.length === 0) remove(claims, compiled.roleClaims[0]);
  // Values that no rule asks for.
  claims.sub = unusedName('test-subject');
  for (const name of compiled.requiredClaims) {
    const isMadeUp = claims[name] === undefined || claims[name] === `test-${name}`;
    if (isMadeUp) claims[name] = unusedName(`test-${name}`);
  }
  for (const { path, values } of token.claims) place(claims, path, values.length === 1 ? values[0] : values);
  if (token.acr !== undefined) claims.acr = token.acr;
  if (token.authAgeMs !== undefined) claims.auth_time = (nowMs - token.authAgeMs) / 1000;
  if (token.conditions.length > 0) claims[HELD_CONDITIONS] = token.conditions;
  return claims;
}

function place(claims: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const last = path.at(-1) as string;
  let object = claims;
  for (const name of path.slice(0, -1)) {
    const inner = object[name];
    const isObject = typeof inner === 'object' && inner !== null && !Array.isArray(inner);
    const next = (isObject ? inner : {}) as Record<string, unknown>;
    object[name] = next;
    object = next;
  }
  object[last] = value;
}

/** An empty list of scopes or roles is a claim too. */
function remove(claims: Record<string, unknown>, path: readonly string[] | undefined): void {
  if (path === undefined) return;
  const last = path.at(-1) as string;
  let object: Record<string, unknown> | undefined = claims;
  for (const name of path.slice(0, -1)) object = object?.[name] as Record<string, unknown> | undefined;
  if (object !== undefined) delete object[last];
}
