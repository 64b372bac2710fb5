import { type IssueContext, problemsOf, withoutEchoes } from './issue-words.ts';
import { type ConfigPath, type PathProblem, pathKey } from './problem.ts';
import { applyRules, applyRulesToPart } from './rules.ts';
import { salvage } from './salvage.ts';
import { type Config, configSchema } from './schema.ts';
import type { Substitution } from './substitution.ts';
import { validate, valueAt } from './validate.ts';
import type { SourceProblem, YamlSource } from './yaml-source.ts';

export interface Judgement {
  readonly config: Config | undefined;
  readonly problems: readonly PathProblem[];
}

/** What was read, before anyone looked at what it means. */
export interface PlainConfig {
  readonly value: unknown;
  readonly source: YamlSource;
  readonly substitutions: ReadonlyMap<string, Substitution>;
  readonly early: readonly SourceProblem[];
}

/** Schema first, then rules over what is valid. Something wrong in itself is not also blamed for what follows from it. */
export function judge({ value, source, substitutions, early }: PlainConfig): Judgement {
  const { config, leaves } = validate(value, substitutions);
  const inFile = {
    issuerNames: Object.keys(Object(valueAt(value, ['issuers']))),
    upstreamNames: Object.keys(Object(valueAt(value, ['upstreams']))),
    policyNames: Object.keys(Object(valueAt(value, ['policies']))),
  };
  const lineOf = (path: ConfigPath): number => source.locate(path).line;
  if (config !== undefined) return { config, problems: applyRules({ config, ...inFile, lineOf }) };

  const context: IssueContext = {
    schema: configSchema,
    valueAt: (path) => valueAt(value, path),
    writtenAt: (path) => substitutions.get(pathKey(path))?.written,
  };
  const known = new Set(early.map(({ path }) => pathKey(path)));
  const schemaProblems = withoutEchoes(leaves.flatMap((leaf) => problemsOf(leaf, context))).filter(
    ({ path }) => !known.has(pathKey(path)),
  );
  const rest = salvage(value, leaves);
  if (rest === undefined) return { config, problems: schemaProblems };
  const ruleProblems = applyRulesToPart({
    config: rest.config,
    ...inFile,
    lineOf: (path) => lineOf(rest.toFilePath(path)),
  })
    .map((problem) => ({ ...problem, path: rest.toFilePath(problem.path) }))
    .filter(({ path }) => !rest.isTouched(path));
  return { config, problems: [...schemaProblems, ...ruleProblems] };
}
