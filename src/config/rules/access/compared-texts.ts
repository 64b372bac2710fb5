import type { ConfigPath, PathProblem } from '../../problem.ts';
import { allRules, claimRequirements } from '../../routes/route-access.ts';
import type { PolicyConfig } from '../../schema/config.ts';
import { type Rule, warning } from '../rule.ts';

/** A text that a token is compared with. */
interface ComparedText {
  readonly text: string;
  readonly path: ConfigPath;
  readonly subject: Subject;
}

type Subject =
  | { readonly kind: 'scopes' | 'roles' | 'acr' }
  | { readonly kind: 'claim'; readonly expression: string };

interface Kind {
  /** What the text looks like. */
  readonly pattern: RegExp;
  /** Not for claims, whose values are free texts. */
  readonly ofNamesOnly?: true;
  readonly message: (text: string) => string;
  /** The condition that expresses what is meant. */
  readonly condition: (value: string, text: string) => string | undefined;
}

const quote = (text: string): string => JSON.stringify(text);

/** Nothing in `scopes`, `roles`, `acr` and `claims` is a pattern, a range or a negation. The first that fits is reported. */
const KINDS: readonly Kind[] = [
  {
    pattern: /^\^|\.[*+]/,
    message: (text) => `\`${text}\` is compared as text, not as a regular expression`,
    condition: (value, text) => `${value}.matches(${quote(text)})`,
  },
  {
    pattern: /\*/,
    message: (text) => `\`${text}\` is compared as text: \`*\` is not a wildcard here`,
    condition(value, text) {
      const rest = text.replaceAll('*', '');
      if (rest === '') return undefined;
      if (text === `${rest}*`) return `${value}.startsWith(${quote(rest)})`;
      return text === `*${rest}` ? `${value}.endsWith(${quote(rest)})` : undefined;
    },
  },
  {
    pattern: /^!=?\s*\S/,
    message: (text) => `\`${text}\` is compared as text: \`!\` does not negate here`,
    condition: (value, text) => `${value} != ${quote(text.replace(/^!=?\s*/, ''))}`,
  },
  {
    pattern: /^[<>]=?\s*-?\d+(?:\.\d+)?$/,
    message: (text) => `\`${text}\` is compared as text, not as a range`,
    condition: (value, text) => `${value} ${text}`,
  },
  {
    pattern: /^(?:\{[A-Za-z_][\w. ]*\}|<[A-Za-z_][\w. -]*>|:[A-Za-z_]\w*)$/,
    message: (text) => `\`${text}\` is compared as text: nothing is filled in here`,
    condition: (value, text) => `${value} == params.${text.replace(/\W/g, '')}`,
  },
  {
    pattern: /^(?:claims|token|params|request)\.[A-Za-z_][\w.]*$/,
    message: (text) => `\`${text}\` is compared as text: no expression is evaluated here`,
    condition: (value, text) => `${value} == ${text}`,
  },
  {
    pattern: /[,;]$|^[\w:.-]+;[\w:.-]+/,
    ofNamesOnly: true,
    message: (text) =>
      `\`${text}\` is one name: \`${text.includes(';') ? ';' : ','}\` does not separate names here`,
    condition: () => undefined,
  },
  {
    pattern: /^[\w:.-]+(?:\s*\|\|?\s*[\w:.-]+)+$/,
    ofNamesOnly: true,
    message: (text) => `\`${text}\` is one name: \`|\` does not separate names here`,
    condition: () => undefined,
  },
];

/** A text that is meant as a pattern equals nothing in a token. */
export const comparedTextsAreNoPatterns: Rule = ({ config }) =>
  allRules(config).flatMap(({ rules, path }) =>
    [
      ...namesIn(rules.scopes, [...path, 'scopes'], { kind: 'scopes' }),
      ...namesIn(rules.roles, [...path, 'roles'], { kind: 'roles' }),
      ...namesIn(rules.acr, [...path, 'acr'], { kind: 'acr' }),
      ...valuesIn(rules.claims, [...path, 'claims']),
    ].flatMap(describe),
  );

function describe({ text, path, subject }: ComparedText): readonly PathProblem[] {
  const kind = KINDS.find(
    ({ pattern, ofNamesOnly }) => pattern.test(text) && !(ofNamesOnly && subject.kind === 'claim'),
  );
  if (kind === undefined) return [];
  return [warning(path, kind.message(text), { hint: hintFor(kind, text, subject), hintShowsValue: true })];
}

function hintFor({ condition }: Kind, text: string, subject: Subject): string {
  if (subject.kind === 'claim') {
    if (/^\*+$/.test(text)) return `for any value, write \`when: has(${subject.expression})\``;
    const asked = condition(subject.expression, text);
    return asked === undefined ? 'list each value' : `list each value, or write \`when: ${asked}\``;
  }
  // Of these, no condition could be named to clients.
  if (subject.kind === 'acr') return 'list each class as it is in tokens';
  const asked = condition('one', text);
  if (asked === undefined) {
    return text.includes('|')
      ? 'for one of several, write { any: [ … ] }'
      : 'list each name as it is in tokens';
  }
  const list = `token.${subject.kind}`;
  return text.startsWith('!')
    ? `write \`when: !(${quote(text.replace(/^!=?\s*/, ''))} in ${list})\``
    : `list each name, or write \`when: ${list}.exists(one, ${asked})\``;
}

function namesIn(
  wanted: PolicyConfig['scopes'],
  path: ConfigPath,
  subject: Subject,
): readonly ComparedText[] {
  if (wanted === undefined) return [];
  const of = (names: readonly string[], place: ConfigPath) =>
    names.map((text, at) => ({ text, path: [...place, at], subject }));
  if (Array.isArray(wanted)) return of(wanted, path);
  return [...of(wanted.any ?? [], [...path, 'any']), ...of(wanted.all ?? [], [...path, 'all'])];
}

function valuesIn(claims: PolicyConfig['claims'], path: ConfigPath): readonly ComparedText[] {
  return claimRequirements(claims, path).flatMap(({ claim, values }) => {
    const subject: Subject = { kind: 'claim', expression: expressionFor([claim].flat()) };
    return values.flatMap(({ value, path: place }) =>
      typeof value === 'string' ? [{ text: value, path: place, subject }] : [],
    );
  });
}

/** The claim as a condition names it. */
function expressionFor(steps: readonly string[]): string {
  return steps.reduce(
    (inside, step) => (/^[A-Za-z_]\w*$/.test(step) ? `${inside}.${step}` : `${inside}[${quote(step)}]`),
    'claims',
  );
}
