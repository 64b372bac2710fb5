import type { Problem } from '../config/problem.ts';
import { decodeUtf8, readFileBounded, whyUnreadable } from '../config/source/read-file.ts';

const MAX_BYTES = 1024 ** 2;

const ASSIGNMENT = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/;

export type EnvFile =
  | { readonly variables: Readonly<Record<string, string>> }
  /** The line, from 1, that is neither an assignment nor a comment. */
  | { readonly badLine: number };

/** Reads `KEY=VALUE` lines. Blank lines and `#` comments are skipped; one pair of quotes around a value is dropped; nothing is expanded. */
export function parseEnvFile(text: string): EnvFile {
  const variables: Record<string, string> = {};
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, name, value] = ASSIGNMENT.exec(line) ?? [];
    if (name === undefined || value === undefined) return { badLine: index + 1 };
    variables[name] = /^(["'])(.*)\1$/s.exec(value)?.[2] ?? value;
  }
  return { variables };
}

/** The variables of the file that `--env-file` names; none without the option. */
export function readEnvFile(
  file: string | undefined,
): { readonly variables: Readonly<Record<string, string>> } | { readonly problem: Problem } {
  if (file === undefined) return { variables: {} };
  const problem = (line: number, message: string) => ({
    problem: { severity: 'error' as const, file, line, column: 1, path: '', message },
  });
  try {
    const text = decodeUtf8(readFileBounded(file, MAX_BYTES));
    if (text === undefined) return problem(1, 'the file is not valid UTF-8');
    const parsed = parseEnvFile(text);
    return 'badLine' in parsed ? problem(parsed.badLine, 'expected NAME=value') : parsed;
  } catch (error) {
    return problem(1, `cannot read the file: ${whyUnreadable(error)}`);
  }
}
