import { valuesAt } from '../../places.ts';
import type { PathProblem } from '../../problem.ts';
import { error, type Rule } from '../rule.ts';

/** `*` is allowed in header names (RFC 9110 §5.6.2), so the schema accepts it; no real header has it. */
const HEADER_NAMES = ['identity.assertion.header', 'identity.reserved.*', 'routes.*.cors.headers.*'];
const HEADER_KEYS = [
  'identity.headers.*',
  'routes.*.identity.headers.*',
  'issuers.*.keys.headers.*',
  'listen.responseHeaders.*',
];
/** Only origins may have wildcards. */
export const wildcardsAreWhereTheyWork: Rule = ({ config }) => [
  ...HEADER_NAMES.flatMap((pattern) => valuesAt(config, pattern)).flatMap(({ path, value }) =>
    String(value).includes('*') ? [headerError(path, String(value))] : [],
  ),
  ...HEADER_KEYS.flatMap((pattern) => valuesAt(config, pattern)).flatMap(({ path }) =>
    String(path.at(-1)).includes('*') ? [headerError(path, String(path.at(-1)), 'key')] : [],
  ),
  ...config.routes.flatMap(({ tokenFrom = [], cors }, index) => [
    ...tokenFrom.flatMap((source, at) =>
      'header' in source && source.header.includes('*')
        ? [headerError(['routes', index, 'tokenFrom', at, 'header'], source.header)]
        : [],
    ),
    ...(cors?.exposeHeaders ?? []).flatMap((name, at) => {
      const path = ['routes', index, 'cors', 'exposeHeaders', at];
      if (!name.includes('*') || (name === '*' && !cors?.credentials)) return [];
      return [
        error(
          path,
          name === '*' ? 'with `credentials`, browsers do not take `*` as a wildcard' : words(name),
          {
            hint: 'name each header',
          },
        ),
      ];
    }),
  ]),
];

function words(name: string): string {
  return `\`${name}\` is not a header: \`*\` is not a wildcard here`;
}

function headerError(path: PathProblem['path'], name: string, at?: 'key'): PathProblem {
  return error(path, words(name), { hint: 'name each header', ...(at && { at }) });
}
