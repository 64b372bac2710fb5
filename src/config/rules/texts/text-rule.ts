import type { ConfigPath, PathProblem } from '../../problem.ts';
import type { Substitution } from '../../source/substitution.ts';

/** A text of the file, a value or a key, before the schema has looked at it. */
export interface FileText {
  readonly path: ConfigPath;
  /** As it counts: after substitution. */
  readonly text: string;
  readonly isKey: boolean;
  /** Undefined where the text stands in the file as it is. */
  readonly substitution: Substitution | undefined;
}

/** Finds what is wrong with the characters of a text, whatever the text is for. */
export type TextRule = (text: FileText) => PathProblem | undefined;
