interface Spelling {
  readonly pattern: RegExp;
  /** The name that is probably meant; undefined where it means the rest of the path. */
  readonly name: (match: RegExpExecArray) => string | undefined;
}

/** One segment of a route's path: text to be equal to, or a parameter that takes any one segment. */
export type RouteSegment =
  | { readonly kind: 'static'; readonly text: string }
  | { readonly kind: 'parameter'; readonly name: string };

export interface RoutePathProblem {
  readonly message: string;
  readonly hint?: string;
}

/** For what other routers need for a prefix. */
const PREFIX = 'a path takes everything below it; `exact: true` turns that off';

const PARAMETER = /^:([A-Za-z_][A-Za-z0-9_]*)$/;

/** What no route path may contain, because no decoded canonical request path does. */
const REFUSED: readonly { readonly pattern: RegExp; readonly message: string; readonly hint?: string }[] = [
  { pattern: /^(?!\/)/, message: 'expected a path that starts with `/`' },
  {
    pattern: /\*/,
    message: '`*` has no meaning in a path',
    hint: PREFIX,
  },
  {
    pattern: /[?#]/,
    message: 'a path has no query or fragment',
    hint: 'the query is not matched',
  },
  { pattern: /\/\//, message: 'a path has no empty segments', hint: 'write one `/`' },
  { pattern: /\/\.{1,2}(\/|$)/, message: 'a path has no `.` or `..` segments' },
  {
    pattern: /%/,
    message: 'a path is written decoded',
    hint: 'write the character itself: requests are decoded before they are compared',
  },
  { pattern: /[\\;]|\p{Cc}/u, message: 'a path has no `\\`, `;` or control characters' },
  {
    pattern: /.\/$/,
    message: 'a path does not end with `/`',
    hint: 'without it, the path takes both spellings',
  },
];

/** Reads the path of a route; `/` has no segments. Requests are decoded and compared segment by segment. */
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
        hint: 'a name has letters, digits and `_`, such as `:orderId`',
      };
    }
    if (names.has(name)) return { message: `the path has the parameter \`:${name}\` twice` };
    names.add(name);
    segments.push({ kind: 'parameter', name });
  }
  return segments;
}

/**
 * The one spelling of a segment where case is ignored. By way of upper case, because a backend may compare upper or lower case:
 * `ſ` and `s` are then one, and so are `ß` and `ss`.
 */
export function foldCase(segment: string): string {
  return segment.toUpperCase().toLowerCase();
}

/** Narrows the outcome of `parseRoutePath`. */
export function isRoutePath(
  outcome: readonly RouteSegment[] | RoutePathProblem,
): outcome is readonly RouteSegment[] {
  return Array.isArray(outcome);
}

const TEXT = 'a path has text and `:name` only; write a route for each, or the path above it';

/** Segments of OData and FHIR that start with `$`; in others it marks a parameter of some router. */
const DOLLAR_NAMES: ReadonlySet<string> = new Set(
  (
    '$metadata $batch $count $value $ref $entity $all $crossjoin $links $query $root $each $this $filter ' +
    '$apply-codesystem $validate $expand $lookup $translate $subsumes $closure $everything $export $import $match ' +
    '$meta $graphql $diff $merge $evaluate $convert $reindex $versions $document $stats $submit $transform'
  ).split(' '),
);

/** How other routers write a parameter. */
const PARAMETERS: readonly Spelling[] = [
  // Express, with a pattern or a repetition; `:path*` is the rest of the path.
  { pattern: /^:([A-Za-z_]\w*)[^\w-].*$/, name: ([text, inner]) => (/[+*]$/.test(text) ? undefined : inner) },
  // OpenAPI, Spring, ASP.NET, AWS; in AWS `{proxy+}` and in ASP.NET `{*rest}` are the rest of the path.
  { pattern: /\{([^{}]*)\}/, name: ([, inner = '']) => (/[+*]/.test(inner) ? undefined : nameIn(inner)) },
  // Flask: <int:id>.
  { pattern: /<([^<>]*)>/, name: ([, inner = '']) => (/path:/.test(inner) ? undefined : nameIn(inner)) },
  // Next.js and SvelteKit; `[...slug]` is the rest of the path.
  {
    pattern: /^\[+([^[\]]*)\]+$/,
    name: ([, inner = '']) => (inner.startsWith('...') ? undefined : nameIn(inner)),
  },
  // Ktor, Remix.
  { pattern: /^\$([A-Za-z_]\w*|\d+)$/, name: ([, inner = '']) => nameIn(inner) },
];

/** Regular expressions, and groups of Next.js. */
const PATTERN = /^\^|^\(.*\)$|\(\?|[.\])][+?]|\\[dwsDWS]|[{}]|\$$/;

/**
 * What is wrong with a segment that is a parameter or a pattern in another tool. Here it would be a text that no request has, and
 * its requests would go to a route that requires less.
 */
export function findForeignParameter(segment: string): RoutePathProblem | undefined {
  if (DOLLAR_NAMES.has(segment)) return undefined;
  for (const { pattern, name } of PARAMETERS) {
    const match = pattern.exec(segment);
    if (match === null) continue;
    const meant = name(match);
    return {
      message: `\`${segment}\` is not a parameter here`,
      hint: meant === undefined ? PREFIX : `a parameter is a whole segment: write \`:${meant}\``,
    };
  }
  return PATTERN.test(segment)
    ? { message: `\`${segment}\` is not a pattern here: paths are compared as text`, hint: TEXT }
    : undefined;
}

/** `id` of `id:int`, `int:id` and `id?`; `id` where there is no name. */
function nameIn(inner: string): string {
  const words = inner.split(':').flatMap((part) => /[A-Za-z_]\w*/.exec(part.replaceAll('-', '_'))?.[0] ?? []);
  const name = TYPES.has(words[0] ?? '') && words.length > 1 ? words[1] : words[0];
  return name ?? 'id';
}

const TYPES: ReadonlySet<string> = new Set(['int', 'string', 'float', 'uuid', 'str', 'slug']);
