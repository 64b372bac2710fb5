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
