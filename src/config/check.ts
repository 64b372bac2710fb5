import { type IssueContext, problemsOf, withoutEchoes } from './diagnostics/format-issue.ts';
import { type PartialConfig, partialConfig, type Wrongs, wholeFile } from './diagnostics/partial-config.ts';
import { valuesAt } from './places.ts';
import { type ConfigPath, isError, type PathProblem, pathKey } from './problem.ts';
import { applyRules, applyRulesToPart } from './rules/rules.ts';
import { applyTextRules } from './rules/texts/text-rules.ts';
import { type Config, configSchema } from './schema/config.ts';
import type { Substitution } from './source/substitution.ts';
import type { SourceProblem } from './source/yaml-source.ts';
import { validate, valueAt } from './validate.ts';

export interface CheckedConfig {
  readonly config: Config | undefined;
  readonly problems: readonly PathProblem[];
  /** The part of the file without errors, for further checks; undefined where there is none. */
  readonly sound: () => PartialConfig | undefined;
}

/** What was read, before validation. */
export interface PlainConfig {
  readonly value: unknown;
  readonly whereIs: (path: ConfigPath) => string;
  readonly substitutions: ReadonlyMap<string, Substitution>;
  readonly early: readonly SourceProblem[];
  /** Part of the configuration could not be read, so that nothing is known to be missing or without effect. */
  readonly isIncomplete: boolean;
}

/** Schema first, then rules over what is valid. What follows from an error is not reported too. */
export function check(plain: PlainConfig): CheckedConfig {
  const { value, whereIs, substitutions, early } = plain;
  const known = new Set(early.map(({ path }) => pathKey(path)));
  const textProblems = applyTextRules(value, substitutions).filter(({ path }) => !known.has(pathKey(path)));
  const { config, leaves } = validate(value, substitutions);
  const inFile = {
    issuerNames: Object.keys(Object(valueAt(value, ['issuers']))),
    upstreamNames: Object.keys(Object(valueAt(value, ['upstreams']))),
    policyNames: Object.keys(Object(valueAt(value, ['policies']))),
    routeNames: valuesAt(value, 'routes.*.name').map(({ value: name }) => String(name)),
  };
  const conclude = (found: readonly PathProblem[]): CheckedConfig => {
    const problems = explainedByText(found, textProblems);
    const places = [...early, ...problems].filter(isWrong).map(({ path }) => path);
    const sound = (): PartialConfig | undefined =>
      config !== undefined && places.length === 0 ? wholeFile(config) : findSound(value, { leaves, places });
    return { config, problems, sound };
  };
  if (config !== undefined && !plain.isIncomplete) {
    return conclude(applyRules({ config, ...inFile, whereIs }));
  }

  const context: IssueContext = {
    schema: configSchema,
    valueAt: (path) => valueAt(value, path),
    writtenAt: (path) => substitutions.get(pathKey(path))?.written,
  };
  const schemaProblems = withoutEchoes(leaves.flatMap((leaf) => problemsOf(leaf, context))).filter(
    ({ path }) => !known.has(pathKey(path)),
  );
  if (plain.isIncomplete) {
    const problems = schemaProblems.filter(({ path }) => path.join() !== 'routes');
    return { config: undefined, problems: explainedByText(problems, textProblems), sound: () => undefined };
  }
  const rest = partialConfig(value, { leaves, places: [] });
  if (rest === undefined) return conclude(schemaProblems);
  const ruleProblems = applyRulesToPart({
    config: rest.config,
    ...inFile,
    whereIs: (path) => whereIs(rest.toFilePath(path)),
  })
    .map((problem) => ({ ...problem, path: rest.toFilePath(problem.path) }))
    .filter(({ path }) => !rest.isTouched(path));
  return conclude(withoutEchoes([...schemaProblems, ...ruleProblems]));
}

/** Leaves out what is wrong, then what depends on it, such as a route whose upstream is left out. */
function findSound(value: unknown, { leaves, places }: Wrongs): PartialConfig | undefined {
  const rest = partialConfig(value, { leaves, places });
  if (rest === undefined) return undefined;
  const { issuers, upstreams, policies, routes } = rest.config;
  const lacking = applyRulesToPart({
    config: rest.config,
    issuerNames: Object.keys(issuers),
    upstreamNames: Object.keys(upstreams),
    policyNames: Object.keys(policies),
    routeNames: routes.map(({ name }) => name),
    whereIs: () => '',
  })
    .filter(isError)
    .map(({ path }) => rest.toFilePath(path))
    .filter((path) => !places.some((known) => pathKey(known) === pathKey(path)));
  return lacking.length === 0 ? rest : findSound(value, { leaves, places: [...places, ...lacking] });
}

/** Early problems without a severity are errors. */
function isWrong({ severity = 'error' }: { readonly severity?: PathProblem['severity'] }): boolean {
  return isError({ severity });
}

/** Where a character is the cause, it is not also reported that the value is not a URL or a number. */
function explainedByText(
  found: readonly PathProblem[],
  textProblems: readonly PathProblem[],
): readonly PathProblem[] {
  const placeOf = ({ path, at }: PathProblem): string => `${at ?? 'value'} ${pathKey(path)}`;
  const ofText = new Set(textProblems.map(placeOf));
  const isExplained = (problem: PathProblem): boolean => ofText.has(placeOf(problem));
  const raised = new Set(found.filter((problem) => isError(problem) && isExplained(problem)).map(placeOf));
  return [
    ...textProblems.map((problem) =>
      raised.has(placeOf(problem)) ? { ...problem, severity: 'error' as const } : problem,
    ),
    ...found.filter((problem) => !isExplained(problem)),
  ];
}
