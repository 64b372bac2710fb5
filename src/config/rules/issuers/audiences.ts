import { valuesAt } from '../../places.ts';
import type { PathProblem } from '../../problem.ts';
import { error, type Rule, warning } from '../rule.ts';

const LISTS = ['issuers.*', 'policies.*', 'routes.*.access', 'routes.*.access.*'].map(
  (place) => `${place}.audiences.*`,
);

/** Audiences are compared as text. */
export const audiencesCanMatch: Rule = ({ config }) => {
  // The API server of a cluster is its own audience.
  const issuers = new Set(
    Object.values(config.issuers).flatMap(({ preset, issuer }) =>
      preset === 'kubernetes' ||
      issuer === undefined ||
      /kubernetes|container\.googleapis\.com|eks\./.test(issuer)
        ? []
        : issuer,
    ),
  );
  return LISTS.flatMap((pattern) => valuesAt(config, pattern)).flatMap(
    ({ path, value }): readonly PathProblem[] => {
      const audience = String(value);
      if (/^(?:\*|any|all)$/i.test(audience)) {
        return [
          error(path, `\`${audience}\` in a list is an audience of that name`, {
            hint: 'write `audiences: any`',
          }),
        ];
      }
      if (/[*|;]|^[\^!]|,$/.test(audience)) {
        return [
          warning(path, `\`${audience}\` is compared as text: it is no pattern and no list here`, {
            hint: 'list each audience, as the tokens have it',
          }),
        ];
      }
      if (/[<>]|(?<!\$)\{/.test(audience)) {
        return [warning(path, `\`${audience}\` looks like an unfilled placeholder`)];
      }
      return issuers.has(audience)
        ? [
            warning(path, 'this is an issuer; tokens usually name the API as audience', {
              hint: 'see the `aud` of a token with `sealgate explain --show-claims`',
            }),
          ]
        : [];
    },
  );
};
