import { didYouMean } from '../diagnostics/nearest.ts';
import type { ConfigPath, PathProblem } from '../problem.ts';
import type { Config } from '../schema/config.ts';

/** What a rule is given. */
export interface RuleInput {
  readonly config: Config;
  /** Names in the file, also of entries with errors. */
  readonly issuerNames: readonly string[];
  readonly upstreamNames: readonly string[];
  readonly policyNames: readonly string[];
  readonly routeNames: readonly string[];
  /** Where a second place is, for messages that name it: `line 7`, or file, line and column where the configuration has several files. */
  readonly whereIs: (path: ConfigPath) => string;
}

/** Checks what needs more than one key, or more than a pattern. */
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

/** For what is intended and still worth a look. */
export function note(path: ConfigPath, message: string, details: Details = {}): PathProblem {
  return { severity: 'note', path, message, ...known(details) };
}

const SECTIONS = { issuer: 'issuers', policy: 'policies' } as const;

/** Reports a name that no entry of the file has. */
export function unknownName(
  path: ConfigPath,
  kind: keyof typeof SECTIONS,
  { name, names }: { readonly name: string; readonly names: readonly string[] },
): PathProblem {
  const hint =
    didYouMean(name, names) ??
    (names.length > 0 ? `known here: ${names.join(', ')}` : `name it under \`${SECTIONS[kind]}\``);
  return error(path, `unknown ${kind} \`${name}\``, { hint });
}

function known({ hint, at, hintShowsValue }: Details): Pick<PathProblem, 'hint' | 'at' | 'hintShowsValue'> {
  return {
    ...(hint !== undefined && { hint }),
    ...(at !== undefined && { at }),
    ...(hintShowsValue !== undefined && { hintShowsValue }),
  };
}
