import { type FileTest, fileTests } from '../config/file-tests.ts';
import type { ConfigPath, PathProblem } from '../config/problem.ts';
import type { Config } from '../config/schema/config.ts';
import { isRefusal } from '../core/refusals.ts';
import type { Clock } from '../core/time/clock.ts';
import type { Gate } from '../pipeline/gate.ts';
import { isServedHere } from '../pipeline/messages/direct-response.ts';
import type { CompiledIssuer } from '../tokens/compiled-issuer.ts';
import { createKeyStorePool } from '../tokens/keys/key-store-pool.ts';
import { createTokenVerifier } from '../tokens/verifier.ts';
import { makeTestIssuer, type TestIssuer } from './mint-test-token.ts';
import { type SimulatedDecision, simulate } from './simulate.ts';
import { type Certainty, isRouteOpen, isTestOpen } from './test-certainty.ts';
import { createTestProvider } from './test-provider.ts';
import { makeTestRequest, type TestSetup } from './test-request.ts';

/** A configuration and what was compiled from it. */
export interface CompiledRules {
  readonly config: Config;
  readonly issuers: readonly CompiledIssuer[];
  readonly gate: Gate;
  /** That of the rules: the tokens of tests are as old as these take them to be. */
  readonly clock: Clock;
}

/** The result of one of the file's own `tests`. */
export interface FileTestOutcome {
  /** Of the test in the file, or of the row of its table. */
  readonly path: ConfigPath;
  readonly name: string;
  readonly ok: boolean;
  readonly expected: string;
  readonly got: string;
  /** The decision, step by step, where the test failed. */
  readonly failed?: SimulatedDecision;
}

/** For a file without errors. */
const CERTAIN: Certainty = { hasAllRoutes: true, toFilePath: (path) => path, isUncertain: () => false };

/** The file's own tests that fail, as problems of the file. What was expected and got is left to `check`: these problems are logged. */
export async function findFailingTests(rules: CompiledRules): Promise<readonly PathProblem[]> {
  const outcomes = await runFileTests(rules);
  return outcomes
    .filter(({ ok }) => !ok)
    .map(({ path, name }) => ({
      severity: 'error',
      path,
      message: `the file's own test "${name}" fails`,
      hint: '`sealgate check` shows what it expected and what it got',
    }));
}

/**
 * Runs the file's own `tests` through the compiled gate, with tokens made for them. Nothing is fetched or counted. A test whose outcome
 * errors of the file leave open is left out.
 */
export async function runFileTests(
  rules: CompiledRules,
  certainty: Certainty = CERTAIN,
): Promise<readonly FileTestOutcome[]> {
  const { config, clock } = rules;
  const tests = fileTests(config);
  if (tests.length === 0) return [];
  const used = new Set(tests.map(({ test: { token } }) => token?.issuer ?? Object.keys(config.issuers)[0]));
  const issuers = new Map<string, TestIssuer>();
  for (const issuer of rules.issuers) {
    if (used.has(issuer.name)) issuers.set(issuer.name, await makeTestIssuer(issuer));
  }
  const provider = createTestProvider();
  const verifier = createTokenVerifier({
    issuers: rules.issuers.map((issuer) => issuers.get(issuer.name)?.compiled ?? issuer),
    clock,
    tokenBytes: config.listen.limits.tokenBytes,
    cacheBytes: 0,
    pool: createKeyStorePool({ clock, env: {} }),
    introspect: provider.introspect,
  });
  const setup: TestSetup = { config, issuers, clock, provider, gate: { ...rules.gate, verifier } };
  try {
    const outcomes: FileTestOutcome[] = [];
    for (const placed of tests) {
      if (isTestOpen(placed, config, certainty)) continue;
      const { simulated, outcome } = await runTest(placed.test, setup);
      const { route } = simulated.decision;
      if (route !== undefined && isRouteOpen(route.index, config, certainty)) continue;
      outcomes.push({ path: placed.path, ...outcome });
    }
    return outcomes;
  } finally {
    verifier.close();
  }
}

async function runTest(
  test: FileTest,
  setup: TestSetup,
): Promise<{
  readonly simulated: SimulatedDecision;
  readonly outcome: Omit<FileTestOutcome, 'path'>;
}> {
  const request = await makeTestRequest(test, setup);
  const simulated = await simulate(setup.gate, request, { config: setup.config, showClaims: true });
  const wrong = simulated.code === test.expect ? compareIdentity(test, simulated) : undefined;
  const ok = simulated.code === test.expect && wrong === undefined;
  const failed = ok ? {} : { failed: simulated };
  const expected = wrong?.expected ?? test.expect;
  return {
    simulated,
    outcome: { name: test.name, ok, expected, got: wrong?.got ?? simulated.code, ...failed },
  };
}

/** The first identity header that is not as the test expects. */
function compareIdentity(
  { identity = {} }: FileTest,
  { decision }: SimulatedDecision,
): { readonly expected: string; readonly got: string } | undefined {
  const { outcome } = decision;
  const pairs = isRefusal(outcome) || isServedHere(outcome) ? [] : outcome.identity;
  for (const [name, expected] of Object.entries(identity)) {
    const values = pairs.filter((_, at) => at % 2 === 1 && pairs[at - 1] === name.toLowerCase());
    const got = values.length === 0 ? null : values.join(', ');
    if (got === expected) continue;
    const show = (value: string | null) => (value === null ? `no ${name}` : `${name}: ${value}`);
    return { expected: show(expected), got: show(got) };
  }
  return undefined;
}
