import { randomBytes, randomUUID } from 'node:crypto';
import { isRefusal } from '../core/refusals.ts';
import { certificateOfFingerprint } from '../http/certificates/client-certificate.ts';
import { decide } from '../pipeline/decide.ts';
import type { Decision } from '../pipeline/gate.ts';
import { isServedHere } from '../pipeline/messages/direct-response.ts';
import { makeTestClient, type TestClient } from '../simulate/mint-proof.ts';
import { makeTestClaims, signTestToken, type TestIssuer } from '../simulate/mint-test-token.ts';
import { toRequestFacts } from '../simulate/simulate.ts';
import type { Caller, CallerToken } from './callers.ts';
import type { SampleRequest } from './request-classes.ts';
import { HELD_CONDITIONS, type Side } from './side.ts';

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

  return {
    /** `by` is the file whose rules the caller was made for. */
    async ask(caller: Caller, by: 0 | 1, request: SampleRequest): Promise<readonly [Outcome, Outcome]> {
      const credentials = await present(caller, by);
      return [await askSide(sides[0], request, credentials), await askSide(sides[1], request, credentials)];
    },
    /** The same, with conditions evaluated. */
    async askExactly(
      caller: Caller,
      by: 0 | 1,
      request: SampleRequest,
    ): Promise<readonly [Outcome, Outcome]> {
      const credentials = await present(caller, by);
      const [older, newer] = sides.map((side) => ({ ...side, gate: side.exactGate })) as [Side, Side];
      return [await askSide(older, request, credentials), await askSide(newer, request, credentials)];
    },
  };
}

async function askSide(
  { gate, config }: Side,
  { method, target, host }: SampleRequest,
  credentials: Presented | undefined,
): Promise<Outcome> {
  const { rawToken, certificate, client } = credentials ?? {};
  const base = { method, target, host, token: rawToken, certificate };
  if (client === undefined || rawToken === undefined)
    return outcomeOf(await decide(gate, toRequestFacts(base, config)));
  // A proof names the address of the request as the file has it for the route.
  const { route } = await decide(gate, toRequestFacts(base, config));
  const uri = (route?.proofs?.origin ?? '') + target;
  const proof = await client.prove({ method, uri, token: rawToken, nowMs: Date.now() });
  return outcomeOf(await decide(gate, toRequestFacts({ ...base, headers: [['dpop', proof]] }, config)));
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

async function makeToken(
  token: CallerToken,
  { issuers, config, provider }: Side,
): Promise<Presented | undefined> {
  const issuer = issuers.get(token.iss);
  if (issuer === undefined) return undefined;
  const client = token.bound === 'dpop' ? await makeTestClient(issuer.compiled) : undefined;
  const certificate =
    token.bound === 'mtls' ? certificateOfFingerprint(randomBytes(32).toString('hex')) : undefined;
  const claims = claimsOf(token, issuer, config);
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
  config: Side['config'],
): Record<string, unknown> {
  const claims: Record<string, unknown> = {
    ...makeTestClaims(
      compiled,
      {
        scopes: [...token.scopes],
        roles: [...token.roles],
        audiences: token.audience === undefined ? [] : [token.audience],
        ...(token.authAgeMs !== undefined && { authAge: token.authAgeMs }),
      },
      { config, nowMs: Date.now() },
    ),
  };
  if (token.scopes.length === 0) remove(claims, compiled.scopeClaims[0]);
  if (token.roles.length === 0) remove(claims, compiled.roleClaims[0]);
  for (const { path, values } of token.claims) place(claims, path, values.length === 1 ? values[0] : values);
  if (token.acr !== undefined) claims.acr = token.acr;
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
