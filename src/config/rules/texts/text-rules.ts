import type { ConfigPath, PathProblem } from '../../problem.ts';
import { pathKey } from '../../problem.ts';
import type { Substitution } from '../../source/substitution.ts';
import { filesAreNamed } from './file-names.ts';
import { textsHaveNoStrayCharacters, textsHaveNoStrayQuotes } from './stray-texts.ts';
import type { TextRule } from './text-rule.ts';
import { variablesAreFilledIn } from './unfilled-variables.ts';

/** For every text of the file. The first that finds something reports it: the others would repeat it in other words. */
const TEXT_RULES: readonly TextRule[] = [
  filesAreNamed,
  textsHaveNoStrayCharacters,
  textsHaveNoStrayQuotes,
  variablesAreFilledIn,
];

/** Applies them to keys and values, whether or not the rest of the file is valid. */
export function applyTextRules(
  value: unknown,
  substitutions: ReadonlyMap<string, Substitution>,
): readonly PathProblem[] {
  const problems: PathProblem[] = [];
  const look = (text: string, path: ConfigPath, isKey: boolean): void => {
    const substitution = isKey ? undefined : substitutions.get(pathKey(path));
    for (const rule of TEXT_RULES) {
      const problem = rule({ path, text, isKey, substitution });
      if (problem === undefined) continue;
      problems.push(problem);
      return;
    }
  };
  const walk = (inside: unknown, path: ConfigPath): void => {
    if (typeof inside === 'string') look(inside, path, false);
    if (typeof inside !== 'object' || inside === null) return;
    const isList = Array.isArray(inside);
    for (const [key, item] of Object.entries(inside)) {
      const place = [...path, isList ? Number(key) : key];
      if (!isList) look(key, place, true);
      walk(item, place);
    }
  };
  walk(value, []);
  return problems;
}
