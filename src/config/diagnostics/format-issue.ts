import type * as z from 'zod';
import { type ConfigPath, formatPath, type PathProblem, pathKey } from '../problem.ts';
import { describeAt, knownKeys } from '../schema/schema-shape.ts';
import type { FlatIssue } from './flatten-issues.ts';
import { didYouMean } from './nearest.ts';

type Issue = z.core.$ZodIssue;

/** What messages need to know about a value. */
export interface IssueContext {
  readonly schema: z.ZodType;
  readonly valueAt: (path: ConfigPath) => unknown;
  /** The text of the file where the value was substituted; the value itself is not shown then. */
  readonly writtenAt: (path: ConfigPath) => string | undefined;
}

const KINDS: Readonly<Record<string, string>> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: '`true` or `false`',
};

/** Describes an issue in the words of the file, not of the schema library. */
export function problemsOf(leaf: FlatIssue, context: IssueContext): readonly PathProblem[] {
  const { issue, path } = leaf;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey([...path, key], context));
  }
  if (issue.code === 'invalid_key') {
    const reason = issue.issues.map(({ message }) => message).join(', ');
    return [
      error(path, `\`${shorten(String(path.at(-1)))}\` may not be a name here: ${reason}`, { at: 'key' }),
    ];
  }
  const value = context.valueAt(path);
  if (value === undefined) return [missingKey(path, context)];
  const expected = leaf.alternatives === undefined ? issue.message : `expected ${listOf(leaf.alternatives)}`;
  const isScalar = typeof value !== 'object' || value === null;
  const showGot = expected.startsWith('expected ') && (isScalar || isKindIssue(leaf));
  const message = showGot ? `${expected}, got ${describeValue(value, context.writtenAt(path))}` : expected;
  return [
    error(path, message, { hint: context.writtenAt(path) === undefined ? hintFor(leaf, value) : undefined }),
  ];
}

/** A misspelled key is one problem: that the intended key is missing is not reported too. */
export function withoutEchoes(problems: readonly PathProblem[]): readonly PathProblem[] {
  const meant = new Set(
    problems
      .filter(({ at, hint }) => at === 'key' && hint?.startsWith('did you mean'))
      .map(({ path, hint }) => pathKey([...path.slice(0, -1), hint?.split('`')[1] ?? ''])),
  );
  return problems.filter(
    ({ path, message }) => !(message.includes('is missing') && meant.has(pathKey(path))),
  );
}

/** Default messages; those that the schema gives come first. */
export const formatIssue: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${KINDS[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `expected ${choice(issue.values.map((value) => `\`${String(value)}\``))}`;
    case 'too_small':
      return issue.origin === 'array' || issue.origin === 'string'
        ? `expected at least ${count(issue.minimum, issue.origin)}`
        : `expected at least ${String(issue.minimum)}`;
    case 'too_big':
      return issue.origin === 'array' || issue.origin === 'string'
        ? `expected at most ${count(issue.maximum, issue.origin)}`
        : `expected at most ${String(issue.maximum)}`;
    case 'invalid_format':
      return issue.format === 'url'
        ? 'expected an http: or https: URL'
        : `expected the form of ${issue.format}`;
    default:
      return undefined;
  }
};

function count(limit: number | bigint, origin: string): string {
  const [one, many] = origin === 'array' ? ['entry', 'entries'] : ['character', 'characters'];
  return `${limit === 1 ? 'one' : limit} ${limit === 1 ? one : many}`;
}

function unknownKey(path: ConfigPath, { schema }: IssueContext): PathProblem {
  const key = String(path.at(-1));
  const known = knownKeys(schema, path.slice(0, -1));
  const hint =
    didYouMean(key, known) ??
    (known.length > 0 ? `known here: ${[...new Set(known)].join(', ')}` : undefined);
  return error(path, `unknown key \`${shorten(key)}\``, { at: 'key', hint });
}

function missingKey(path: ConfigPath, { schema }: IssueContext): PathProblem {
  const parent = path.slice(0, -1);
  const place = parent.length === 0 ? '' : ` in \`${formatPath(parent)}\``;
  return error(path, `\`${String(path.at(-1))}\` is missing${place}`, { hint: describeAt(schema, path) });
}

function hintFor({ issue, alternatives }: FlatIssue, value: unknown): string | undefined {
  const options = alternatives ?? [issue];
  const accepts = (kind: string): boolean =>
    options.some((option) => option.code === 'invalid_type' && option.expected === kind);
  if (typeof value === 'string') {
    const choices = choicesOf(options);
    // The provider has to change, not the spelling.
    if (choices.includes('RS256') && /^(?:HS\d*|none)$/i.test(value)) {
      return `never accepted: ${/^none$/i.test(value) ? 'anybody can write unsigned tokens' : 'all who check such a token can make one'}; let the provider sign with RS256 or ES256`;
    }
    const suggestion = didYouMean(value, choices);
    if (suggestion !== undefined) return suggestion;
    if (accepts('array')) return 'write a list with one entry: [ … ]';
    if (accepts('boolean') && BOOLEAN_WORDS.has(value.toLowerCase())) {
      return `write \`${BOOLEAN_WORDS.get(value.toLowerCase())}\``;
    }
    if ((accepts('number') || accepts('int')) && /^\d+$/.test(value)) return 'remove the quotes';
  }
  if (value === false && choicesOf(options).includes('true')) return 'leave the key out';
  if ((typeof value === 'number' || typeof value === 'boolean') && accepts('string')) {
    return issue.message.includes('with its unit') ? 'add the unit' : `quote it: "${value}"`;
  }
  return value === null ? 'remove the key, or give it a value' : undefined;
}

/** The values that an option lists. */
function choicesOf(options: readonly Issue[]): readonly string[] {
  return options.flatMap((option) => (option.code === 'invalid_value' ? option.values.map(String) : []));
}

const BOOLEAN_WORDS: ReadonlyMap<string, boolean> = new Map([
  ...['yes', 'on', 'y', 'true', '1'].map((word) => [word, true] as const),
  ...['no', 'off', 'n', 'false', '0'].map((word) => [word, false] as const),
]);

function isKindIssue({ issue, alternatives }: FlatIssue): boolean {
  return alternatives !== undefined || issue.code === 'invalid_type' || issue.code === 'invalid_value';
}

function listOf(issues: readonly Issue[]): string {
  const words = issues
    .filter((issue) => !(issue.code === 'invalid_type' && issue.expected === 'null'))
    .flatMap((issue) =>
      issue.code === 'invalid_value'
        ? issue.values.map((value) => `\`${String(value)}\``)
        : [issue.message.replace(/^expected /, '')],
    );
  return choice([...new Set(words)]);
}

function choice(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function describeValue(value: unknown, written: string | undefined): string {
  if (written !== undefined) return `the value of \`${shorten(written)}\``;
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return Object.keys(value).length === 0 ? 'an empty mapping' : 'a mapping';
  if (typeof value === 'string') return value === '' ? 'an empty text' : `the text \`${shorten(value)}\``;
  return typeof value === 'number' ? `the number ${value}` : `\`${String(value)}\``;
}

function shorten(text: string): string {
  return text.length > 64 ? `${text.slice(0, 64)}…` : text;
}

function error(
  path: ConfigPath,
  message: string,
  { at, hint }: { readonly at?: 'key'; readonly hint?: string | undefined },
): PathProblem {
  return {
    severity: 'error',
    path,
    message,
    ...(hint !== undefined && { hint }),
    ...(at !== undefined && { at }),
  };
}
