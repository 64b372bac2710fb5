/**
 * A condition as alternatives, of which one must hold: each is a list of parts that hold together. `a && (b || c)` is `[[a, b], [a, c]]`.
 * What a part means is not known.
 */
export type Formula = readonly (readonly string[])[];

const MOST_ALTERNATIVES = 32;
const OPENING = '([{';
const CLOSING = ')]}';

/** Takes a condition apart at its `&&` and `||`; one that cannot be is a single part. `isCondition` is whether a text is one by itself. */
export function toFormula(source: string, isCondition: (part: string) => boolean): Formula {
  return takeApart(source, isCondition) ?? [[tidy(source)]];
}

function takeApart(source: string, isCondition: (part: string) => boolean): Formula | undefined {
  const text = withoutParentheses(source.trim());
  // What stands outside of brackets and texts; a conditional operator binds weaker than both of the others.
  const outline = outlineOf(text);
  if (outline === undefined || outline.includes('?')) return undefined;
  const [operator] = ['||', '&&'].filter((one) => outline.includes(one));
  if (operator === undefined) return [[tidy(text)]];
  const parts = splitAt(text, outline, operator);
  if (!parts.every(isCondition)) return undefined;
  const formulas = parts.map((part) => toFormula(part, isCondition));
  const joined = operator === '||' ? formulas.flat() : all(formulas);
  return joined.length > MOST_ALTERNATIVES ? undefined : normalize(joined);
}

/** Holds where all of them hold. */
export function all(formulas: readonly Formula[]): Formula {
  return formulas.reduce<Formula>(
    (before, next) => before.flatMap((left) => next.map((right) => [...left, ...right])),
    [[]],
  );
}

/** The same for formulas that only differ in order and repetition. */
export function normalize(formula: Formula): Formula {
  const texts = formula.map((parts) => JSON.stringify([...new Set(parts)].sort()));
  return [...new Set(texts)].sort().map((text) => JSON.parse(text) as string[]);
}

/** The text with spaces in place of what stands in texts and brackets; undefined where these do not match. */
function outlineOf(text: string): string | undefined {
  let outline = '';
  let depth = 0;
  for (let at = 0; at < text.length; ) {
    const literal = matchLiteral(text, at);
    if (literal !== undefined) {
      outline += ' '.repeat(literal.length);
      at += literal.length;
      continue;
    }
    const character = text[at] as string;
    // Comments, and texts that do not end here.
    if ('"\''.includes(character) || text.startsWith('//', at)) return undefined;
    if (CLOSING.includes(character)) depth -= 1;
    if (depth < 0) return undefined;
    outline += depth > 0 || OPENING.includes(character) || CLOSING.includes(character) ? ' ' : character;
    if (OPENING.includes(character)) depth += 1;
    at += 1;
  }
  return depth === 0 ? outline : undefined;
}

/** Plain texts; those of other forms (raw, of bytes, of several lines) leave a condition whole. */
const LITERAL = /(?<![\w'"])(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')(?!["'])/y;

function matchLiteral(text: string, at: number): string | undefined {
  LITERAL.lastIndex = at;
  return LITERAL.exec(text)?.[0];
}

function splitAt(text: string, outline: string, operator: string): readonly string[] {
  const parts: string[] = [];
  let from = 0;
  for (let at = outline.indexOf(operator); at !== -1; at = outline.indexOf(operator, from)) {
    parts.push(text.slice(from, at));
    from = at + operator.length;
  }
  return [...parts, text.slice(from)];
}

/** Without those that stand around all of it. */
function withoutParentheses(text: string): string {
  if (!text.startsWith('(') || !text.endsWith(')')) return text;
  const inner = text.slice(1, -1).trim();
  return outlineOf(inner) === undefined ? text : withoutParentheses(inner);
}

/** One spelling for texts that differ in spaces and quotes alone. */
function tidy(text: string): string {
  let tidied = '';
  let between = '';
  const flush = (): void => {
    tidied += between
      .replace(/\s+/g, ' ')
      .replace(/ ?(==|!=|<=|>=|&&|\|\||<(?!=)|>(?!=)) ?/g, ' $1 ')
      .replace(/ ?, ?/g, ', ');
    between = '';
  };
  if (outlineOf(text) === undefined) return text.trim();
  for (let at = 0; at < text.length; ) {
    const literal = matchLiteral(text, at);
    if (literal === undefined) {
      between += text[at];
      at += 1;
      continue;
    }
    flush();
    const isPlain = literal.startsWith("'") && !/["\\]/.test(literal);
    tidied += isPlain ? `"${literal.slice(1, -1)}"` : literal;
    at += literal.length;
  }
  flush();
  return tidied.trim();
}
