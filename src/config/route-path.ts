import { findForeignParameter } from './foreign-parameter.ts';

/** One segment of a route's path: text to be equal to, or a parameter that takes any one segment. */
export type RouteSegment =
  | { readonly kind: 'static'; readonly text: string }
  | { readonly kind: 'parameter'; readonly name: string };

export interface RoutePathProblem {
  readonly message: string;
  readonly hint?: string;
}

const PARAMETER = /^:([A-Za-z_][A-Za-z0-9_]*)$/;

/** What no path of a route can hold, because no canonical request path does once it is decoded. */
const REFUSED: readonly { readonly pattern: RegExp; readonly message: string; readonly hint?: string }[] = [
  { pattern: /^(?!\/)/, message: 'expected a path that starts with `/`' },
  {
    pattern: /\*/,
    message: '`*` has no meaning in a path',
    hint: 'prefix is the default: a path takes everything below it; `exact: true` ends that',
  },
  {
    pattern: /[?#]/,
    message: 'a path has no query and no fragment',
    hint: 'the query takes no part in matching',
  },
  { pattern: /\/\//, message: 'a path has no empty segments', hint: 'write one `/`' },
  { pattern: /\/\.{1,2}(\/|$)/, message: 'a path has no `.` or `..` segments' },
  {
    pattern: /%/,
    message: 'a path is written decoded',
    hint: 'write the character itself; requests are compared once decoded',
  },
  { pattern: /[\\;]|\p{Cc}/u, message: 'a path has no `\\`, no `;` and no control characters' },
  {
    pattern: /.\/$/,
    message: 'a path does not end with `/`',
    hint: 'the path without it takes both spellings',
  },
];

/** Reads the path of a route; `/` has no segments. Compared segment by segment, once decoded. */
export function parseRoutePath(path: string): readonly RouteSegment[] | RoutePathProblem {
  const segmentTexts = path === '/' ? [] : path.slice(1).split('/');
  const foreign = segmentTexts.flatMap((text) => findForeignParameter(text) ?? [])[0];
  if (foreign !== undefined) return foreign;
  const refused = REFUSED.find(({ pattern }) => pattern.test(path));
  if (refused !== undefined) {
    const { message, hint } = refused;
    return hint === undefined ? { message } : { message, hint };
  }
  const names = new Set<string>();
  const segments: RouteSegment[] = [];
  for (const text of segmentTexts) {
    if (!text.startsWith(':')) {
      segments.push({ kind: 'static', text });
      continue;
    }
    const name = PARAMETER.exec(text)?.[1];
    if (name === undefined) {
      return {
        message: `\`${text}\` is not a parameter`,
        hint: 'letters, digits and `_`, such as `:orderId`',
      };
    }
    if (names.has(name)) return { message: `the parameter \`:${name}\` stands in the path twice` };
    names.add(name);
    segments.push({ kind: 'parameter', name });
  }
  return segments;
}

/** Narrows the outcome of `parseRoutePath`. */
export function isRoutePath(
  outcome: readonly RouteSegment[] | RoutePathProblem,
): outcome is readonly RouteSegment[] {
  return Array.isArray(outcome);
}
