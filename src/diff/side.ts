import type { LoadedConfig } from '../config/load.ts';
import { formatProblem, isError } from '../config/problem.ts';
import type { Config } from '../config/schema/config.ts';
import type { Gate } from '../pipeline/gate.ts';
import { generateTestKey, giveTestKey, type TestIssuer } from '../simulate/mint-test-token.ts';
import { compileOfflineGate } from '../simulate/offline-gate.ts';
import { createTestProvider, type TestProvider } from '../simulate/test-provider.ts';
import type { CompiledIssuer } from '../tokens/compiled-issuer.ts';
import { compileIssuers } from '../tokens/issuers/compile-issuers.ts';
import { createTokenVerifier } from '../tokens/verifier.ts';
import { type NamedConditions, nameConditions } from './conditions/named-conditions.ts';

/** One of the two files, compiled as for serving, but for tokens of throw-away keys. */
export interface Side {
  readonly config: Config;
  /** Takes parts of conditions for names: one holds for a token that lists it. */
  readonly gate: Gate;
  /** Evaluates them; the same as `gate` in files without any. */
  readonly exactGate: Gate;
  /** By the first `iss`: what the file calls an issuer may differ between the files. */
  readonly issuers: ReadonlyMap<string, TestIssuer>;
  /** The first `iss` of an issuer by its name in the file. */
  readonly issOf: ReadonlyMap<string, string>;
  /** Undefined in files without any. */
  readonly conditions: NamedConditions | undefined;
  /** For tokens that are introspected; both sides ask the same. */
  readonly provider: TestProvider;
  /** The time of all decisions, so that ages are exact. */
  readonly nowMs: number;
  /** The word, or one like it, that no file names: what stands for everything else. */
  readonly unusedName: (word: string) => string;
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
  const names = compiled.map(({ issuers }) => issuers.map((one) => `${one.name} is ${issOf(one)}`).sort());
  const setup: Setup = {
    ...{ keys, env, nowMs: Math.floor(Date.now() / 1000) * 1000 },
    provider: createTestProvider(),
    unusedName: unusedNames(files),
    hasOneNaming: new Set(names.map((list) => list.join())).size === 1,
  };
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

/** What all files of a comparison share. */
interface Setup extends Pick<Side, 'provider' | 'nowMs' | 'unusedName'> {
  readonly keys: ReadonlyMap<string, TestKey>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether issuers have the same names in all of them. */
  readonly hasOneNaming: boolean;
}

function unusedNames(files: readonly ValidFile[]): Side['unusedName'] {
  const text = JSON.stringify(files.map(({ config }) => config)).toLowerCase();
  const found = new Map<string, string>();
  return (word) => {
    const known = found.get(word);
    if (known !== undefined) return known;
    let name = word;
    for (let at = 2; text.includes(name.toLowerCase()); at += 1) name = `${word}-${at}`;
    found.set(word, name);
    return name;
  };
}

async function compileSide(
  { config, resolvePath }: ValidFile,
  issuers: readonly CompiledIssuer[],
  { keys, provider, env, nowMs, unusedName, hasOneNaming }: Setup,
): Promise<Side> {
  const ours = issuers.flatMap((issuer) => {
    const key = keys.get(issOf(issuer));
    return key === undefined ? [] : [giveTestKey(issuer, key)];
  });
  const compiled = ours.map(({ compiled: issuer }) => issuer);
  const clock = () => nowMs;
  const options = { config, issuers: compiled, clock, env, resolvePath };
  const naming = hasOneNaming ? '' : compiled.map((one) => `${one.name} is ${issOf(one)}`).join(', ');
  const conditions = await nameConditions(config, naming);
  const named = await compileOfflineGate({ ...options, conditions: conditions?.compiler });
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
    ...{ conditions, provider, nowMs, unusedName },
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
