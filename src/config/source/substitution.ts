/** A scalar of the file in which something was substituted. */
export interface Substitution {
  /** As written in the file, such as `${PORT:-8080}`: safe to show, which its value is not. */
  readonly written: string;
  readonly text: string;
  /** The scalar is one substitution and nothing else, so it may be a number or a boolean. */
  readonly whole: boolean;
  /** A variable or file was missing, and `text` only takes its place. */
  readonly placeholder: boolean;
  /** What was substituted, so that messages can name its origin. */
  readonly parts: readonly SubstitutedPart[];
}

export interface SubstitutedPart {
  /** Such as: the variable \`NAME\`, the file \`/path\`. */
  readonly origin: string;
  readonly text: string;
}

export interface SubstitutionSources {
  /** The value of an environment variable. */
  readonly variable: (name: string) => string | undefined;
  /** The text of a file, without its final newline; or why there is none. */
  readonly file: (path: string) => { readonly text: string } | { readonly problem: string };
}

export interface SubstitutionProblem {
  readonly message: string;
  readonly hint?: string;
  /** The name of the variable, where it is missing. */
  readonly missing?: string;
}

const PART = /\$\$\{|\$\{([^}]*)\}|\$\{/g;
const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;
const FORMS = 'use ${NAME}, ${NAME:-default} or ${file:/path}; $${ is a literal ${';

/** Whether a scalar contains a substitution. */
export function hasSubstitution(text: string): boolean {
  return text.includes('${');
}

/**
 * Replaces `${NAME}`, `${NAME:-default}` (also when NAME is empty), `${file:/path}` and the literal `$${`. Substituted text is not
 * searched again and never becomes structure.
 */
export function substitute(
  written: string,
  sources: SubstitutionSources,
): { readonly result: Substitution; readonly problems: readonly SubstitutionProblem[] } {
  const problems: SubstitutionProblem[] = [];
  const parts: SubstitutedPart[] = [];
  const text = written.replace(PART, (part: string, inner: string | undefined) => {
    if (part === '$${') return '${';
    const outcome = inner === undefined ? unclosed : resolve(inner, sources);
    if ('text' in outcome) {
      if (outcome.origin !== undefined) parts.push({ origin: outcome.origin, text: outcome.text });
      return outcome.text;
    }
    problems.push(outcome);
    return placeholderFor(outcome.missing ?? '');
  });
  const whole = /^\$\{[^}]*\}$/.test(written);
  return { result: { written, text, whole, placeholder: problems.length > 0, parts }, problems };
}

const unclosed: SubstitutionProblem = { message: 'a `${` is never closed', hint: FORMS };

function resolve(
  inner: string,
  sources: SubstitutionSources,
): { readonly text: string; readonly origin?: string } | SubstitutionProblem {
  if (inner.startsWith('file:')) {
    const path = inner.slice('file:'.length);
    if (path === '') return { message: '`${file:}` names no file', hint: FORMS };
    const outcome = sources.file(path);
    return 'text' in outcome
      ? { ...outcome, origin: `the file \`${path}\`` }
      : { message: `cannot read \`${path}\`: ${outcome.problem}` };
  }
  const [, name, fallback] = VARIABLE.exec(inner) ?? [];
  if (name === undefined) return { message: `\`\${${inner}}\` is not a substitution`, hint: FORMS };
  const value = sources.variable(name);
  if (fallback !== undefined && (value === undefined || value === '')) return { text: fallback };
  if (value !== undefined) return { text: value, origin: `the variable \`${name}\`` };
  return {
    message: `the variable \`${name}\` is not set`,
    hint: `set it, or give a default: \${${name}:-value}`,
    missing: name,
  };
}

/** Differs by variable, so that two missing ones do not look like one value used twice. */
function placeholderFor(name: string): string {
  return `placeholder-${name.toLowerCase().replaceAll('_', '-')}`;
}
