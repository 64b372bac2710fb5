import type { ConfigPath, PathProblem } from '../../problem.ts';
import type { Substitution } from '../../source/substitution.ts';

/** A text of the file, a value or a key, before the schema has seen it. */
export interface FileText {
  readonly path: ConfigPath;
  /** After substitution. */
  readonly text: string;
  readonly isKey: boolean;
  /** Undefined where nothing was substituted. */
  readonly substitution: Substitution | undefined;
}

/** Finds what is wrong with the characters of a text. */
export type TextRule = (text: FileText) => PathProblem | undefined;

/** Texts with a syntax of their own, in which quotes, dollars and line breaks have a meaning. */
export function hasOwnSyntax(path: ConfigPath): boolean {
  const [section, , key] = path;
  return (
    section === 'tests' ||
    path.at(-1) === 'when' ||
    path.at(-1) === 'filter' ||
    (section === 'issuers' && key === 'jwks' && path[3] === 'keys')
  );
}

/** Header values and templates for them: quotes in the file are sent as they are. */
export function isHeaderValue(path: ConfigPath): boolean {
  const at = path.findIndex((step) => step === 'headers' || step === 'responseHeaders');
  // `cors.headers` is a list of names.
  return at !== -1 && path[at + 1] !== undefined && path[at - 1] !== 'cors';
}

/** Claim values and roles are compared with what people typed into a directory. */
export function isClaimValue(path: ConfigPath): boolean {
  const at = path.findIndex((step) => step === 'claims' || step === 'roles');
  return at !== -1 && at < path.length - 1 && !path.includes('claim');
}

/** There `$name` is a source that is not a claim, and another rule reports an unknown one. */
export function isIdentitySource(path: ConfigPath): boolean {
  const at = path.indexOf('identity');
  return at !== -1 && path[at + 1] === 'headers';
}
