/** A place in the data of the file: keys and indices from the root. */
export type ConfigPath = readonly (string | number)[];

/** A place in the text of the file; both count from 1, columns in UTF-16 units as in editors. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A place in the text of one of the files of a configuration. */
export interface Place extends Position {
  /** As shown to people. */
  readonly file: string;
}

export type Severity = 'error' | 'warning' | 'note';

/** A file with an error is not served. A warning is likely a mistake; a note is only worth knowing. */
export function isError({ severity }: { readonly severity: Severity }): boolean {
  return severity === 'error';
}

/** A problem by path, as rules and later phases report it. `LoadedConfig.report` turns it into a `Problem`. */
export interface PathProblem {
  readonly severity: Severity;
  readonly path: ConfigPath;
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  /** Points at the key instead of its value. */
  readonly at?: 'key';
  /** The hint shows the value, so it is left out where the value was substituted: it may be a secret in the wrong place. */
  readonly hintShowsValue?: true;
  /** The place in another file that it is about, too. */
  readonly related?: Place;
}

/** A problem by file, line and column, for people. Holds no substituted value. */
export interface Problem extends Position {
  readonly severity: Severity;
  readonly file: string;
  /** Such as `routes[0].access.scopes`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
  readonly related?: Place;
}

/** Writes a path for people: `routes[0].access`, `issuers.corp`, `claims["a.b"]`. */
export function formatPath(path: ConfigPath): string {
  return path.reduce<string>((written, step) => {
    if (typeof step === 'number') return `${written}[${step}]`;
    if (!/^[\w$-]+$/.test(step)) return `${written}[${JSON.stringify(step)}]`;
    return written === '' ? step : `${written}.${step}`;
  }, '');
}

/** A map key for a path; no two paths share one. */
export function pathKey(path: ConfigPath): string {
  return JSON.stringify(path);
}

/** Whether `path` is `start` or below it. */
export function isWithin(path: ConfigPath, start: ConfigPath): boolean {
  return start.length <= path.length && start.every((step, index) => step === path[index]);
}

/** Writes a problem so that editors and terminals can jump to it: `file:line:column: error: KEY.PATH: message`. */
export function formatProblem(problem: Problem): string {
  const { file, line, column, severity, hint } = problem;
  const head = `${file}:${line}:${column}: ${severity}: ${problemText(problem)}`;
  return hint === undefined ? head : `${head}\n    hint: ${hint}`;
}

/** `KEY.PATH: message`; the message alone for the file as a whole. */
export function problemText({ path, message }: Pick<Problem, 'path' | 'message'>): string {
  return path === '' ? message : `${path}: ${message}`;
}

/** Orders problems by their place in the file. */
export function byPosition(a: Position, b: Position): number {
  return a.line - b.line || a.column - b.column;
}
