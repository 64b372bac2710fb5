import { END_TO_END } from '../../../core/header-names.ts';
import { foldHeaderName } from '../../identity-headers.ts';
import type { ConfigPath, PathProblem } from '../../problem.ts';
import { error, type Rule, warning } from '../rule.ts';

/** A place that clients fill with something else, or that no client has. */
export const tokenPlacesHoldTokens: Rule = ({ config }) =>
  config.routes.flatMap(({ tokenFrom = [] }, index) =>
    tokenFrom.flatMap((source, at): readonly PathProblem[] => {
      const path = ['routes', index, 'tokenFrom', at];
      if ('cookie' in source) return cookie(source.cookie, [...path, 'cookie']);
      return 'header' in source ? header(source.header, [...path, 'header']) : [];
    }),
  );

function cookie(name: string, path: ConfigPath): readonly PathProblem[] {
  return name.includes('*')
    ? [error(path, `\`${name}\` is not a cookie: \`*\` is not a wildcard here`, { hint: 'name each cookie' })]
    : [];
}

function header(name: string, path: ConfigPath): readonly PathProblem[] {
  const folded = foldHeaderName(name);
  if (/^(?:bearer|jwt)$/.test(folded)) {
    return [
      warning(path, `\`${name}\` is a scheme, and hardly the name of a header`, {
        hint: '`Authorization: Bearer …` is looked at anyway',
      }),
    ];
  }
  return END_TO_END.test(folded)
    ? [
        error(path, `clients send \`${name}\` for something else, and each such request is refused`, {
          hint: 'name a header that holds the token and nothing else',
        }),
      ]
    : [];
}
