import type { FileTestConfig } from '../config/schema.ts';
import { systemClock } from '../core/clock.ts';
import { isRefusal } from '../core/refusals.ts';
import { isOwnAnswer } from '../pipeline/own-answer.ts';
import { compileIssuers } from '../tokens/compile-issuers.ts';
import { describeAnswer } from './answer-text.ts';
import type { Certainty, ConfigCheck, ValidConfig } from './check.ts';
import type { TestOutcome } from './check-report.ts';
import { makeTestIssuer, mintTestToken, type TestIssuer } from './mint-test-token.ts';
import { compileOfflineGate, type OfflineGate } from './offline-gate.ts';
import { painter } from './paint.ts';
import { type Answer, askGate } from './question.ts';
import { isRouteOpen, isTestOpen } from './test-certainty.ts';

/** Of a file without errors. */
const CERTAIN: Certainty = { hasAllRoutes: true, toFilePath: (path) => path, isUncertain: () => false };

/**
 * Runs the file's own `tests`, with tokens made for them, through the pipeline that serves. Nothing is fetched. A test whose outcome
 * errors of the file leave open has none.
 */
export async function runFileTests(
  loaded: ValidConfig,
  certainty: Certainty = CERTAIN,
): Promise<readonly TestOutcome[]> {
  const { config } = loaded;
  if (config.tests.length === 0) return [];
  const compiled = compileIssuers(config, { resolvePath: loaded.resolvePath });
  const used = new Set(config.tests.map(({ token }) => token?.issuer ?? Object.keys(config.issuers)[0]));
  const issuers = new Map<string, TestIssuer>();
  for (const issuer of compiled.issuers) {
    if (used.has(issuer.name)) issuers.set(issuer.name, await makeTestIssuer(issuer));
  }
  const judging = compiled.issuers.map((issuer) => issuers.get(issuer.name)?.compiled ?? issuer);
  const offline = await compileOfflineGate({
    config,
    issuers: judging,
    clock: systemClock,
    env: {},
    resolvePath: loaded.resolvePath,
  });
  try {
    const outcomes: TestOutcome[] = [];
    for (const [index, test] of config.tests.entries()) {
      if (isTestOpen(index, config, certainty)) continue;
      const { answer, outcome } = await runTest(test, { loaded, issuers, offline });
      const { route } = answer.decision;
      if (route !== undefined && isRouteOpen(route.index, config, certainty)) continue;
      outcomes.push({ ...outcome, line: loaded.locate(certainty.toFilePath(['tests', index])).line });
    }
    return outcomes;
  } finally {
    offline.verifier.close();
  }
}

/** The file's own tests as a part of `check`. */
export const fileTestsCheck: ConfigCheck = async (sound) => {
  const tests = await runFileTests(sound, sound);
  return { tests, testsNotRun: sound.config.tests.length - tests.length };
};

interface TestStand {
  readonly loaded: ValidConfig;
  readonly issuers: ReadonlyMap<string, TestIssuer>;
  readonly offline: OfflineGate;
}

async function runTest(
  test: FileTestConfig,
  { loaded, issuers, offline }: TestStand,
): Promise<{ readonly answer: Answer; readonly outcome: TestOutcome }> {
  const { config } = loaded;
  const [method = '', target = ''] = test.request.split(' ');
  const issuer = issuers.get(test.token?.issuer ?? [...issuers.keys()][0] ?? '');
  const token =
    test.token === undefined || issuer === undefined
      ? undefined
      : await mintTestToken(issuer, test.token, { config, nowMs: systemClock() });
  const headers = Object.entries(test.headers ?? {});
  const answer = await askGate(
    offline.gate,
    { method, target, headers, token },
    { config, showClaims: true },
  );
  const wrong = answer.code === test.expect ? compareIdentity(test, answer) : undefined;
  const ok = answer.code === test.expect && wrong === undefined;
  const explanation = ok
    ? {}
    : { explanation: describeAnswer(answer, painter({ env: {}, isTTY: false })).join('\n') };
  const expected = wrong?.expected ?? test.expect;
  return {
    answer,
    outcome: { name: test.name, ok, expected, got: wrong?.got ?? answer.code, ...explanation },
  };
}

/** The first identity header that is not as the test expects. */
function compareIdentity(
  { identity = {} }: FileTestConfig,
  { decision }: Answer,
): { readonly expected: string; readonly got: string } | undefined {
  const { outcome } = decision;
  const pairs = isRefusal(outcome) || isOwnAnswer(outcome) ? [] : outcome.identity;
  for (const [name, expected] of Object.entries(identity)) {
    const values = pairs.filter((_, at) => at % 2 === 1 && pairs[at - 1] === name.toLowerCase());
    const got = values.length === 0 ? null : values.join(', ');
    if (got === expected) continue;
    const say = (value: string | null) => (value === null ? `no ${name}` : `${name}: ${value}`);
    return { expected: say(expected), got: say(got) };
  }
  return undefined;
}
