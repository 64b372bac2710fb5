import type { FileTestConfig } from '../config/schema/config.ts';
import { systemClock } from '../core/clock.ts';
import { isRefusal } from '../core/refusals.ts';
import { isDirectResponse } from '../pipeline/direct-response.ts';
import { compileIssuers } from '../tokens/issuers/compile-issuers.ts';
import { makeTestIssuer, mintTestToken, type TestIssuer } from './mint-test-token.ts';
import { compileOfflineGate, type OfflineGate } from './offline-gate.ts';
import { type SimulatedDecision, simulate } from './simulate.ts';
import { type Certainty, isRouteOpen, isTestOpen, type ValidConfig } from './test-certainty.ts';

/** The outcome of one of the file's own `tests`. */
export interface FileTestOutcome {
  readonly name: string;
  readonly ok: boolean;
  readonly expected: string;
  readonly got: string;
  /** Its line in the file. */
  readonly line?: number;
  /** What happened, step by step, where it failed. */
  readonly failed?: SimulatedDecision;
}

/** For a file without errors. */
const CERTAIN: Certainty = { hasAllRoutes: true, toFilePath: (path) => path, isUncertain: () => false };

/**
 * Runs the file's own `tests`, with tokens made for them, through the same pipeline as requests. Nothing is fetched. Tests whose
 * outcome depends on errors of the file are left out.
 */
export async function runFileTests(
  loaded: ValidConfig,
  certainty: Certainty = CERTAIN,
): Promise<readonly FileTestOutcome[]> {
  const { config } = loaded;
  if (config.tests.length === 0) return [];
  const compiled = compileIssuers(config, { resolvePath: loaded.resolvePath });
  const used = new Set(config.tests.map(({ token }) => token?.issuer ?? Object.keys(config.issuers)[0]));
  const issuers = new Map<string, TestIssuer>();
  for (const issuer of compiled.issuers) {
    if (used.has(issuer.name)) issuers.set(issuer.name, await makeTestIssuer(issuer));
  }
  const testIssuers = compiled.issuers.map((issuer) => issuers.get(issuer.name)?.compiled ?? issuer);
  const offline = await compileOfflineGate({
    config,
    issuers: testIssuers,
    clock: systemClock,
    env: {},
    resolvePath: loaded.resolvePath,
  });
  try {
    const outcomes: FileTestOutcome[] = [];
    for (const [index, test] of config.tests.entries()) {
      if (isTestOpen(index, config, certainty)) continue;
      const { simulated, outcome } = await runTest(test, { loaded, issuers, offline });
      const { route } = simulated.decision;
      if (route !== undefined && isRouteOpen(route.index, config, certainty)) continue;
      outcomes.push({ ...outcome, line: loaded.locate(certainty.toFilePath(['tests', index])).line });
    }
    return outcomes;
  } finally {
    offline.verifier.close();
  }
}

interface TestSetup {
  readonly loaded: ValidConfig;
  readonly issuers: ReadonlyMap<string, TestIssuer>;
  readonly offline: OfflineGate;
}

async function runTest(
  test: FileTestConfig,
  { loaded, issuers, offline }: TestSetup,
): Promise<{ readonly simulated: SimulatedDecision; readonly outcome: FileTestOutcome }> {
  const { config } = loaded;
  const [method = '', target = ''] = test.request.split(' ');
  const issuer = issuers.get(test.token?.issuer ?? [...issuers.keys()][0] ?? '');
  const token =
    test.token === undefined || issuer === undefined
      ? undefined
      : await mintTestToken(issuer, test.token, { config, nowMs: systemClock() });
  const headers = Object.entries(test.headers ?? {});
  const simulated = await simulate(
    offline.gate,
    { method, target, headers, token },
    { config, showClaims: true },
  );
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
  { identity = {} }: FileTestConfig,
  { decision }: SimulatedDecision,
): { readonly expected: string; readonly got: string } | undefined {
  const { outcome } = decision;
  const pairs = isRefusal(outcome) || isDirectResponse(outcome) ? [] : outcome.identity;
  for (const [name, expected] of Object.entries(identity)) {
    const values = pairs.filter((_, at) => at % 2 === 1 && pairs[at - 1] === name.toLowerCase());
    const got = values.length === 0 ? null : values.join(', ');
    if (got === expected) continue;
    const show = (value: string | null) => (value === null ? `no ${name}` : `${name}: ${value}`);
    return { expected: show(expected), got: show(got) };
  }
  return undefined;
}
