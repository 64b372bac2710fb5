import { didYouMean } from '../nearest.ts';
import type { ConfigPath, PathProblem } from '../problem.ts';
import { allAlternatives } from '../route-access.ts';
import { error, type Rule } from '../rule.ts';

export const issuersOfAccessExist: Rule = ({ config, issuerNames }) => {
  const unknown = (names: readonly string[] | 'any' | undefined, path: ConfigPath): readonly PathProblem[] =>
    names === undefined || names === 'any'
      ? []
      : names.flatMap((name, index) =>
          issuerNames.includes(name)
            ? []
            : [
                error([...path, index], `unknown issuer \`${name}\``, {
                  hint:
                    didYouMean(name, issuerNames) ??
                    (issuerNames.length > 0
                      ? `known here: ${issuerNames.join(', ')}`
                      : 'name it under `issuers`'),
                }),
              ],
        );
  return [
    ...unknown(config.defaults.issuers, ['defaults', 'issuers']),
    ...allAlternatives(config).flatMap(({ block, path }) => unknown(block.issuers, [...path, 'issuers'])),
  ];
};

/** Whose tokens open a route is never left to the number of issuers that the file happens to have. */
export const accessNeedsAnIssuer: Rule = ({ config, issuerNames }) => {
  if (issuerNames.length === 1 || config.defaults.issuers !== undefined) return [];
  return allAlternatives(config)
    .filter(({ block }) => block.issuers === undefined)
    .map(({ path }) =>
      issuerNames.length === 0
        ? error(path, 'no issuer is configured whose tokens could be accepted', {
            hint: 'add one under `issuers`, or make the route `public`',
          })
        : error(path, `this access does not say which of the ${issuerNames.length} issuers it accepts`, {
            hint: 'name them in `issuers` here, or for all routes in `defaults.issuers`',
          }),
    );
};

/** Elsewhere Authorization holds the token that was judged; handing it on is `identity.forwardToken`. */
export const authorizationIsPassedToOpenRoutesOnly: Rule = ({ config }) =>
  config.routes.flatMap(({ access, passAuthorization }, index) =>
    passAuthorization && access !== 'public' && access !== 'optional'
      ? [
          error(
            ['routes', index, 'passAuthorization'],
            '`passAuthorization` is for public and optional routes only',
            {
              hint: 'to hand on a verified token, set `identity.forwardToken: true`',
            },
          ),
        ]
      : [],
  );
