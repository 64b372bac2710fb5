import { randomUUID } from 'node:crypto';
import type { LoadedConfig } from '../config/load.ts';
import { formatProblem, isError } from '../config/problem.ts';
import type { Config } from '../config/schema/config.ts';
import { systemClock } from '../core/clock.ts';
import type { Condition, ConditionCompiler } from '../pipeline/access/cel/condition.ts';
import { loadConditionCompiler } from '../pipeline/access/cel/condition.ts';
import type { Gate } from '../pipeline/gate.ts';
import { generateTestKey, giveTestKey, type TestIssuer } from '../simulate/mint-test-token.ts';
import { compileOfflineGate } from '../simulate/offline-gate.ts';
import { createTestProvider, type TestProvider } from '../simulate/test-provider.ts';
import type { CompiledIssuer } from '../tokens/compiled-issuer.ts';
import { compileIssuers } from '../tokens/issuers/compile-issuers.ts';
import { createTokenVerifier } from '../tokens/verifier.ts';

/** One of the two files, compiled as for serving, but for tokens of throw-away keys. */
export interface Side {
  readonly config: Config;
  /** Takes conditions for names: one holds for a token that lists it. */
  readonly gate: Gate;
  /** Evaluates them; the same as `gate` in files without any. */
  readonly exactGate: Gate;
  /** By the first `iss`: what the file calls an issuer may differ between the files. */
  readonly issuers: ReadonlyMap<string, TestIssuer>;
  /** The first `iss` of an issuer by its name in the file. */
  readonly issOf: ReadonlyMap<string, string>;
  /** For tokens that are introspected; both sides ask the same. */
  readonly provider: TestProvider;
  close(): void;
}

export type ValidFile = LoadedConfig & { readonly config: Config };

/** Files that do not compile; the message lists their problems. */
export class InvalidFiles extends Error {}

/** Compiles files so that any two of them can be compared: an issuer has the same key in each that trusts it. */
export async function compileSides(
  files: readonly ValidFile[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly Side[]> {
  const compiled = files.map((file) => ({
    file,
    ...compileIssuers(file.config, { resolvePath: file.resolvePath }),
  }));
  const errors = compiled.flatMap(({ file, problems }) => file.report(problems).filter(isError));
  if (errors.length > 0) throw new InvalidFiles(errors.map(formatProblem).join('\n'));
  const keys = await makeKeys(compiled.flatMap(({ issuers }) => issuers));
  const setup = { keys, provider: createTestProvider(), env };
  return Promise.all(compiled.map(({ file, issuers }) => compileSide(file, issuers, setup)));
}

type TestKey = Pick<TestIssuer, 'alg' | 'privateKey'>;

/** One for each issuer, by its first `iss`, for an algorithm that both files accept where there is one. */
async function makeKeys(issuers: readonly CompiledIssuer[]): Promise<ReadonlyMap<string, TestKey>> {
  const accepted = new Map<string, ReadonlySet<string>>();
  for (const issuer of issuers) {
    const before = accepted.get(issOf(issuer));
    const common = [...issuer.algorithms].filter((name) => before?.has(name) ?? true);
    accepted.set(issOf(issuer), common.length === 0 ? (before ?? issuer.algorithms) : new Set(common));
  }
  const keys = new Map<string, TestKey>();
  for (const [iss, algorithms] of accepted) {
    const made = await generateTestKey(algorithms);
    if (made !== undefined) keys.set(iss, made);
  }
  return keys;
}

async function compileSide(
  { config, resolvePath }: ValidFile,
  issuers: readonly CompiledIssuer[],
  {
    keys,
    provider,
    env,
  }: {
    readonly keys: ReadonlyMap<string, TestKey>;
    readonly provider: TestProvider;
    readonly env: Readonly<Record<string, string | undefined>>;
  },
): Promise<Side> {
  const ours = issuers.flatMap((issuer) => {
    const key = keys.get(issOf(issuer));
    return key === undefined ? [] : [giveTestKey(issuer, key)];
  });
  const compiled = ours.map(({ compiled: issuer }) => issuer);
  const clock = systemClock;
  const options = { config, issuers: compiled, clock, env, resolvePath };
  const conditions = await holdsByName(config);
  const named = await compileOfflineGate({ ...options, conditions });
  const exact = conditions === undefined ? named : await compileOfflineGate(options);
  const verifier = createTokenVerifier({
    issuers: compiled,
    clock,
    tokenBytes: config.listen.limits.tokenBytes,
    cacheBytes: 0,
    introspect: provider.introspect,
  });
  return {
    config,
    gate: { ...named.gate, verifier },
    exactGate: { ...exact.gate, verifier },
    issuers: new Map(ours.map((issuer) => [issOf(issuer.compiled), issuer])),
    issOf: new Map(compiled.map((issuer) => [issuer.name, issOf(issuer)])),
    provider,
    close() {
      verifier.close();
      named.close();
      exact.close();
    },
  };
}

function issOf({ issuers, name }: CompiledIssuer): string {
  return issuers[0] ?? name;
}

/** The claim of tokens of a comparison that lists the conditions which hold for them. Random: no rule of a file can read it. */
export const HELD_CONDITIONS = `held-${randomUUID()}`;

/**
 * Conditions as names: one holds for a token that lists it. Two with one text are one, wherever they stand; of others nothing is known,
 * so that what depends on them counts as different.
 */
async function holdsByName(config: Config): Promise<ConditionCompiler | undefined> {
  if (!JSON.stringify([config.policies, config.routes]).includes('"when"')) return undefined;
  const real = await loadConditionCompiler();
  return {
    compile(source, parameters) {
      const { condition, problems } = real.compile(source, parameters);
      if (condition === undefined) return { problems };
      return { condition: { ...condition, ...byName(conditionName(source, parameters)) }, problems };
    },
  };
}

/** A condition that reads parameters of the path means something else where they have other names. */
function conditionName(source: string, parameters: readonly string[]): string {
  return /\bparams\b/.test(source) ? `${source} (of ${parameters.join(', ')})` : source;
}

function byName(name: string): Pick<Condition, 'source' | 'asksRequest' | 'evaluate' | 'show'> {
  return {
    source: name,
    asksRequest: false,
    evaluate({ claims }) {
      const held = claims[HELD_CONDITIONS];
      return { kind: Array.isArray(held) && held.includes(name) ? 'true' : 'false' };
    },
    show: () => ({}),
  };
}
