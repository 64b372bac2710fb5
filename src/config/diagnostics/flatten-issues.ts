import type * as z from 'zod';
import type { ConfigPath } from '../problem.ts';

type Issue = z.core.$ZodIssue;

/** What is wrong with one value, after a branch of each union was chosen. */
export interface FlatIssue {
  readonly path: ConfigPath;
  readonly issue: Issue;
  /** For a value that no branch of a union fits: what each of them expects. */
  readonly alternatives?: readonly Issue[];
}

/**
 * Flattens the issues of the schema. In a union, the branch for this kind of value is assumed to be meant; of several, the one that
 * came furthest.
 */
export function flattenIssues(issues: readonly Issue[], parent: ConfigPath = []): readonly FlatIssue[] {
  const meant = new Set(
    issues.filter(({ code }) => code === 'unrecognized_keys').map(({ path }) => JSON.stringify(path)),
  );
  // A mapping that lacks a key because it is misspelled is one problem.
  const causes = issues.filter(({ code, path }) => code !== 'custom' || !meant.has(JSON.stringify(path)));
  return causes.flatMap((issue): readonly FlatIssue[] => {
    const path = [...parent, ...(issue.path as ConfigPath)];
    if (issue.code !== 'invalid_union') return [{ path, issue }];
    const branches = issue.errors as readonly (readonly Issue[])[];
    const fitting = branches.filter((branch) => !branch.some(isWrongKind));
    if (fitting.length > 0) return flattenIssues(fitting.reduce(furthest), path);
    return [{ path, issue, alternatives: branches.flatMap((branch) => rootAlternatives(branch)) }];
  });
}

/** Whether the branch does not take this kind of value. */
function isWrongKind(issue: Issue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === 'invalid_union') {
    const branches = issue.errors as readonly (readonly Issue[])[];
    return branches.every((branch) => branch.some(isWrongKind));
  }
  return issue.code === 'invalid_type' || issue.code === 'invalid_value';
}

function rootAlternatives(branch: readonly Issue[]): readonly Issue[] {
  return branch.filter(isWrongKind).flatMap((issue) => {
    if (issue.code !== 'invalid_union') return [issue];
    return (issue.errors as readonly (readonly Issue[])[]).flatMap(rootAlternatives);
  });
}

function furthest(best: readonly Issue[], branch: readonly Issue[]): readonly Issue[] {
  const depth = (issues: readonly Issue[]): number => Math.max(...issues.map(({ path }) => path.length));
  const gain = depth(branch) - depth(best);
  return gain > 0 || (gain === 0 && branch.length < best.length) ? branch : best;
}
