import type { FileValues } from './merged-files.ts';
import { plainValues, type ReadText } from './plain-values.ts';
import { hasSubstitution, type SubstitutionSources, substitute } from './substitution.ts';
import type { YamlSource } from './yaml-source.ts';

export interface FileText {
  /** As shown to people. */
  readonly file: string;
  /** Absolute. */
  readonly path: string;
  readonly source: YamlSource;
}

export interface ValueOptions {
  readonly sources: SubstitutionSources;
  readonly missingVariables: 'error' | 'placeholder';
}

/** Substitutes in a parsed file and reads it as plain data. The values of a broken text are not worth reading. */
export function readFileValues(text: FileText, { sources, missingVariables }: ValueOptions): FileValues {
  const { source } = text;
  if (source.problems.length > 0) {
    return { ...text, value: undefined, problems: source.problems, substitutions: [] };
  }
  const substitutions: FileValues['substitutions'][number][] = [];
  const readScalar: ReadText = (written, path, report) => {
    if (!hasSubstitution(written)) return written;
    const { result, problems } = substitute(written, sources);
    substitutions.push({ path, substitution: result });
    for (const { missing, ...problem } of problems) {
      const tolerated = missing !== undefined && missingVariables === 'placeholder';
      report({ ...problem, severity: tolerated ? 'warning' : 'error' });
    }
    return result.text;
  };
  return { ...text, ...plainValues(source, readScalar), substitutions };
}
