import { END_TO_END, OVERRIDES, PROXY_FIELDS } from '../../../core/header-names.ts';
import { DEFAULT_IDENTITY_HEADERS, foldHeaderName, mayCarryIdentity } from '../../identity-headers.ts';
import { valuesAt } from '../../places.ts';
import type { ConfigPath, PathProblem } from '../../problem.ts';
import { error, type Rule, warning } from '../rule.ts';

const HEADERS = ['identity.headers.*', 'routes.*.identity.headers.*'];
const HINT = 'name another header, such as x-auth-request-user';

/** Headers that mean something else to clients, proxies or backends. Those that cannot carry identity at all are errors elsewhere. */
export const identityHeadersMeanNothingElse: Rule = ({ config }) => {
  const { assertion } = config.identity;
  const named = HEADERS.flatMap((pattern) => valuesAt(config, pattern)).map(({ path, value }) => ({
    name: String(path.at(-1)),
    path,
    isSent: value !== null,
    at: 'key' as const,
  }));
  const sent = [
    ...named.filter(({ isSent }) => isSent),
    ...(assertion === undefined
      ? []
      : [{ name: assertion.header, path: ['identity', 'assertion', 'header'], at: undefined }]),
  ];
  const taken = new Set(
    [...Object.keys(DEFAULT_IDENTITY_HEADERS), ...named.map(({ name }) => name)].map(foldHeaderName),
  );
  return [
    ...sent.flatMap(({ name, path, at }) => describe(name, path, at)),
    ...valuesAt(config, 'identity.reserved.*').flatMap(({ path, value }) =>
      END_TO_END.test(foldHeaderName(String(value))) ? describe(String(value), path) : [],
    ),
    ...(assertion !== undefined && taken.has(foldHeaderName(assertion.header))
      ? [
          error(
            ['identity', 'assertion', 'header'],
            `\`${assertion.header}\` is an identity header already`,
            {
              hint: 'give the assertion a header of its own',
            },
          ),
        ]
      : []),
  ];
};

function describe(name: string, path: ConfigPath, at?: 'key'): readonly PathProblem[] {
  const folded = foldHeaderName(name);
  if (!mayCarryIdentity(name)) return [];
  const details = { hint: HINT, ...(at && { at }) };
  if (OVERRIDES.has(folded)) {
    return [
      warning(path, `some backends take the method or the path of a request from \`${name}\``, details),
    ];
  }
  if (PROXY_FIELDS.has(folded)) {
    return [warning(path, `backends take \`${name}\` for what a proxy reports of the connection`, details)];
  }
  return END_TO_END.test(folded)
    ? [
        warning(
          path,
          `clients send \`${name}\` for something else: it is removed from all their requests`,
          details,
        ),
      ]
    : [];
}
