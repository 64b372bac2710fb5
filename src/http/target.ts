import type { Cause } from '../core/causes.ts';
import { type Refusal, refuse } from '../core/refusals.ts';

/** A request target with exactly one reading, or whose readings a route may accept together. */
export interface Target {
  /** The path as sent, byte for byte: this is what goes up. */
  readonly path: string;
  /** The query as sent with its `?`, or an empty string. */
  readonly query: string;
  /** The segments of the path after the leading slash, decoded exactly once. `/a/b/` gives `a`, `b`, and an empty last one. */
  readonly segments: readonly string[];
  /** Set when the path passes only on a route that allows its spelling: see `matchRoute`. */
  readonly ambiguity: Ambiguity | undefined;
}

/** The other ways in which a backend might read a path. */
export interface Ambiguity {
  /** The spellings that the route must allow, as bits of `SPELLINGS`. */
  readonly spellings: number;
  /** Every reading as segments, the one of the target among them. All must lead to the same route. */
  readonly readings: readonly (readonly string[])[];
}

/** Spellings that a route can allow, as bits. */
export const SPELLINGS = { encodedSlash: 1, doubleSlash: 2, semicolon: 4 } as const;

/** One expression for the targets nearly all clients send: unreserved characters, no empty or dot segment, a clean query. */
const PLAIN = /^(?:\/(?!\.\.?(?:[/?]|$))[A-Za-z0-9\-._~!$&'()*+,=:@[\]]+)*\/?(?:\?[!"$-~]*)?$/;

const CLEAN_QUERY = /^(?:\?[!"$-~]*)?$/;

/** What no path may hold on any route, and how the log line names it. */
const NEVER: readonly (readonly [RegExp, Cause, string | ((found: string) => string)])[] = [
  [/^\*/, 'target_form', 'is "*", which asks about the server as a whole: it is not in origin form'],
  [
    /^[a-z][a-z\d+.-]*:\/\//i,
    'target_form',
    'is an absolute URL, as proxies are asked: it is not in origin form',
  ],
  [/^(?!\/)/, 'target_form', 'does not begin with a slash: it is not in origin form'],
  [/[^!-~]/, 'path_not_encoded', describeUnencoded],
  [/["<>{}|^`]/, 'path_not_encoded', describeUnencoded],
  [/#/, 'target_fragment', 'holds a fragment'],
  [/\\/, 'path_unsafe_character', 'holds a backslash'],
  [/%5c/i, 'path_unsafe_character', 'holds an encoded backslash (%5C)'],
  [/%(?![0-9a-f]{2})/i, 'path_broken_escape', 'holds a broken escape'],
  [/%(?:[01][0-9a-f]|7f)/i, 'path_unsafe_character', 'holds an encoded control character'],
];

/**
 * What is left of such characters once decoded: a backend that decodes again would find them. Looked for there, so that no digit
 * of them escapes by being encoded itself (`%25%32%65`).
 */
const ENCODED_TWICE = /%(?:25)*(?:2[3ef]|3[bf]|5c|[01][0-9a-f]|7f)/i;

/** Characters that end a path, or the name of a segment, for a backend that decodes before it splits a target. */
const ENCODED_MARK = /%(?:23|3[bf])/i;
const ENCODED_END = /%(?:23|3f)/gi;
/** Those that end a path, of one path. Each of them is one more path to match, and no name needs more of them. */
export const MOST_CUTS = 16;
/** Of a path with an encoded mark: each reading and each cut is a list of segments of its own. */
export const MOST_SEGMENTS = 256;

/**
 * Reads the target of a request line, or refuses it with `ambiguous_path` when two programs could read it
 * differently. `allowable` has the bits of the `SPELLINGS` that any route allows; a target
 * that needs one of them, or that holds an encoded `#`, `?` or `;`, is returned with its `ambiguity`, which `matchRoute` resolves.
 */
export function parseTarget(rawTarget: string, allowable = 0): Target | Refusal {
  if (rawTarget.charCodeAt(0) !== 47 || !PLAIN.test(rawTarget)) return parseOddTarget(rawTarget, allowable);
  const queryAt = rawTarget.indexOf('?');
  const path = queryAt === -1 ? rawTarget : rawTarget.slice(0, queryAt);
  const query = queryAt === -1 ? '' : rawTarget.slice(queryAt);
  return { path, query, segments: splitPath(path), ambiguity: undefined };
}

function parseOddTarget(rawTarget: string, allowable: number): Target | Refusal {
  const queryAt = rawTarget.indexOf('?');
  const path = queryAt === -1 ? rawTarget : rawTarget.slice(0, queryAt);
  const query = queryAt === -1 ? '' : rawTarget.slice(queryAt);
  for (const [pattern, cause, fault] of NEVER) {
    const [found] = pattern.exec(path) ?? [];
    if (found === undefined) continue;
    return refuse(cause, `the path ${typeof fault === 'string' ? fault : fault(found)}`);
  }
  if (!CLEAN_QUERY.test(query)) {
    const [found = ''] = /#|[^!-~]/.exec(query) ?? [];
    return refuse('query_not_encoded', `the query ${describeUnencoded(found)}`);
  }
  let spellings = 0;
  if (/%2f/i.test(path)) spellings |= SPELLINGS.encodedSlash;
  if (path.includes(';')) spellings |= SPELLINGS.semicolon;

  const hasMarks = ENCODED_MARK.test(path);
  if (hasMarks && (path.match(ENCODED_END)?.length ?? 0) > MOST_CUTS) {
    return refuse(
      'path_marks',
      `the path holds more than ${MOST_CUTS} of %23 and %3F, each of which could end it`,
    );
  }
  if (hasMarks && (path.match(/\/|%2f/gi)?.length ?? 0) > MOST_SEGMENTS) {
    return refuse('path_marks', `the path holds %23, %3B or %3F and more than ${MOST_SEGMENTS} segments`);
  }
  const readings = readInEveryWay(path, { isPlain: spellings === 0 && !hasMarks });
  if (readings === undefined) return refuse('path_broken_escape', 'the path is not valid UTF-8 once decoded');
  if (readings.some((segments) => segments.some((segment) => ENCODED_TWICE.test(segment)))) {
    return refuse('path_encoded_twice', 'the path is encoded twice');
  }
  if (readings.some((segments) => segments.some(isDotSegment))) {
    return refuse('path_dot_segment', 'the path holds a "." or ".." segment');
  }
  if (readings.some(hasEmptySegment)) spellings |= SPELLINGS.doubleSlash;
  if ((spellings & ~allowable) !== 0) {
    const names = Object.entries(SPELLINGS).filter(([, bit]) => (spellings & ~allowable & bit) !== 0);
    const held = names.map(([name]) => name).join(' and ');
    return refuse('spelling_not_allowed', `the path holds ${held}, which no route allows`);
  }
  const segments = readings[0] as readonly string[];
  if (spellings === 0 && !hasMarks) return { path, query, segments, ambiguity: undefined };
  const merged = readings.filter(hasEmptySegment).map(mergeSlashes);
  const whole = [...readings, ...merged];
  const cut = hasMarks ? whole.flatMap(cutAtMarks) : [];
  return { path, query, segments, ambiguity: { spellings, readings: [...whole, ...cut] } };
}

/**
 * The path as different backends split it: split then decoded (the one that counts), decoded then split, and both of
 * these without parameters, taken off before or after decoding. A path that is plain has the first alone. Undefined when a byte
 * sequence is not UTF-8.
 */
function readInEveryWay(
  path: string,
  { isPlain }: { readonly isPlain: boolean },
): readonly (readonly string[])[] | undefined {
  try {
    const asSent = splitPath(path).map(decodeURIComponent);
    if (isPlain) return [asSent];
    const bare = withoutParameters(path);
    const decoded = decodeURIComponent(path);
    return [
      asSent,
      splitPath(decoded),
      splitPath(bare).map(decodeURIComponent),
      splitPath(decodeURIComponent(bare)),
      splitPath(withoutParameters(decoded)),
      asSent.map((segment) => segment.replace(/;.*/s, '')),
    ];
  } catch {
    return undefined;
  }
}

/** By a loop, which takes V8 half the time of `split` (docs/performance.md: "texts that come again"). */
function splitPath(path: string): string[] {
  const segments: string[] = [];
  let start = 1;
  for (let end = path.indexOf('/', start); end !== -1; end = path.indexOf('/', start)) {
    segments.push(path.slice(start, end));
    start = end + 1;
  }
  segments.push(path.slice(start));
  return segments;
}

function withoutParameters(path: string): string {
  return path.replace(/;[^/]*/g, '');
}

/** The path as far as each `#` and `?` that only shows once decoded. */
function cutAtMarks(segments: readonly string[]): readonly (readonly string[])[] {
  return segments.flatMap((segment, at) =>
    [...segment.matchAll(/[#?]/g)].map(({ index }) => [...segments.slice(0, at), segment.slice(0, index)]),
  );
}

/** Also when followed by what only shows once decoded (`..%3Bx`, `..%3Fx`): a backend that removes that last keeps the dots. */
function isDotSegment(segment: string): boolean {
  return /^\.\.?(?:[;?#]|$)/.test(segment);
}

/** Which character is not percent-encoded, and what to write in its place. All of those that are named are printable. */
function describeUnencoded(found: string): string {
  if (found === ' ') return 'holds a space: write %20';
  if (found === '#') return 'holds "#": write %23';
  if (found < ' ' || found === '\x7f') return 'holds a control character';
  if (found > '\x7f') return 'holds a non-ASCII character: write its UTF-8 bytes percent-encoded';
  const code = found.charCodeAt(0).toString(16).toUpperCase();
  const by = found === '|' || found === '^' ? '; browsers such as Firefox send it as it is' : '';
  return `holds ${found === '"' ? "'\"'" : `"${found}"`}, which is not percent-encoded: write %${code}${by}`;
}

/** The empty last segment of a trailing slash does not count. */
function hasEmptySegment(segments: readonly string[]): boolean {
  const at = segments.indexOf('');
  return at !== -1 && at !== segments.length - 1;
}

function mergeSlashes(segments: readonly string[]): readonly string[] {
  return segments.filter((segment, at) => segment !== '' || at === segments.length - 1);
}
