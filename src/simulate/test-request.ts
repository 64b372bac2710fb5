import type { FileTest } from '../config/file-tests.ts';
import type { Config } from '../config/schema/config.ts';
import type { Clock } from '../core/time/clock.ts';
import type { Gate } from '../pipeline/gate.ts';
import type { TestIssuer } from './mint-test-token.ts';
import { type SimulatedRequest, simulate } from './simulate.ts';
import { makeTestCredentials } from './test-credentials.ts';
import type { TestProvider } from './test-provider.ts';

/** What the tests of one file are run with. */
export interface TestSetup {
  readonly config: Config;
  readonly clock: Clock;
  readonly gate: Gate;
  /** By name, those that tests have tokens of. */
  readonly issuers: ReadonlyMap<string, TestIssuer>;
  readonly provider: TestProvider;
}

/** Makes the request of a test, with the token and what its client needs to use it. */
export async function makeTestRequest(test: FileTest, setup: TestSetup): Promise<SimulatedRequest> {
  const { config, clock, issuers, provider } = setup;
  const [method = '', target = ''] = test.request.split(' ');
  const headers = Object.entries(test.headers ?? {});
  const request = { method, target, headers, mcp: test.mcp };
  const issuer = issuers.get(test.token?.issuer ?? [...issuers.keys()][0] ?? '');
  if (test.token === undefined || issuer === undefined) return request;
  const nowMs = clock();
  const credentials = await makeTestCredentials(issuer, test.token, { config, nowMs, provider });
  const { rawToken: token, certificate, client } = credentials;
  const presented = { ...request, token, certificate };
  if (client === undefined || headers.some(([name]) => name.toLowerCase() === 'dpop')) return presented;
  const proof = await client.prove({ method, uri: await uriOf(request, setup), token, nowMs });
  return { ...presented, headers: [...headers, ['dpop', proof]] };
}

/** As its client names it: what is only a path is sent to the address that the file has for its route. */
async function uriOf(request: SimulatedRequest, { gate, config }: TestSetup): Promise<string> {
  const [address = ''] = request.target.split('?');
  if (/^https?:/i.test(address)) return address;
  const { decision } = await simulate(gate, request, { config, showClaims: false });
  return (decision.route?.proofs?.origin ?? '') + address;
}
