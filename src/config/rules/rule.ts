import type { ConfigPath, PathProblem } from '../problem.ts';
import type { Config } from '../schema/config.ts';

/** What a rule may look at. */
export interface RuleInput {
  readonly config: Config;
  /** Names the file gives, also to entries that are wrong in themselves. */
  readonly issuerNames: readonly string[];
  readonly upstreamNames: readonly string[];
  readonly policyNames: readonly string[];
  /** The line of a place in the file, for messages that name a second place. */
  readonly lineOf: (path: ConfigPath) => number;
}

/** Validates what needs more than one key, or more than a pattern. */
export type Rule = (input: RuleInput) => readonly PathProblem[];

/** The optional parts of a problem. */
interface Details {
  readonly hint?: string | undefined;
  readonly at?: 'key';
  readonly hintShowsValue?: true;
}

export function error(path: ConfigPath, message: string, details: Details = {}): PathProblem {
  return { severity: 'error', path, message, ...known(details) };
}

export function warning(path: ConfigPath, message: string, details: Details = {}): PathProblem {
  return { severity: 'warning', path, message, ...known(details) };
}

/** For what is as it was meant to be, and still worth seeing in one list. */
export function note(path: ConfigPath, message: string, details: Details = {}): PathProblem {
  return { severity: 'note', path, message, ...known(details) };
}

function known({ hint, at, hintShowsValue }: Details): Pick<PathProblem, 'hint' | 'at' | 'hintShowsValue'> {
  return {
    ...(hint !== undefined && { hint }),
    ...(at !== undefined && { at }),
    ...(hintShowsValue !== undefined && { hintShowsValue }),
  };
}
