import type { Problem } from '../../config/problem.ts';
import { escapeText } from '../../core/escape.ts';
import type { SpecProblem } from '../../openapi/source/spec-node.ts';

/** The problems of an OpenAPI document as those of a gateway file are shown. */
export function specProblems(file: string, problems: readonly SpecProblem[]): readonly Problem[] {
  return problems.map(({ message, hint, line, column }) => ({
    severity: 'error',
    file,
    line,
    column,
    path: '',
    message: escapeText(message),
    ...(hint !== undefined && { hint: escapeText(hint) }),
  }));
}
