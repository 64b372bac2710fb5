import type { ConfigPath, PathProblem } from './problem.ts';
import type { Config } from './schema.ts';

/** What a rule may look at. */
export interface RuleInput {
  readonly config: Config;
  /** Names the file gives, also to entries that are wrong in themselves. */
  readonly issuerNames: readonly string[];
  readonly upstreamNames: readonly string[];
  /** The line of a place in the file, for messages that name a second place. */
  readonly lineOf: (path: ConfigPath) => number;
}

/** Judges what needs more than one key. */
export type Rule = (input: RuleInput) => readonly PathProblem[];

const RULES: readonly Rule[] = [];

/** Every problem of a file whose single values are all valid. */
export function applyRules(input: RuleInput): readonly PathProblem[] {
  return RULES.flatMap((rule) => rule(input));
}
