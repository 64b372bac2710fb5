import { error, type Rule } from '../rule.ts';

const SHORTEST_LIFETIME_MS = 5_000;
const LONGEST_LIFETIME_MS = 3_600_000;
const SHORTEST_ROTATION_MS = 3_600_000;

/** What a backend verifies must say who signed it, and for how long it counts. */
export const assertionsCanBeVerified: Rule = ({ config }) => {
  const { assertion } = config.identity;
  if (assertion === undefined) return [];
  const place = (key: string) => ['identity', 'assertion', key];
  const { lifetime, rotate } = assertion;
  return [
    ...(config.listen.publicUrl === undefined
      ? [
          error(['identity', 'assertion'], '`listen.publicUrl` is missing: it is the issuer of assertions', {
            hint: 'say how backends and clients reach this gateway',
            at: 'key',
          }),
        ]
      : []),
    ...(lifetime < SHORTEST_LIFETIME_MS || lifetime > LONGEST_LIFETIME_MS
      ? [error(place('lifetime'), 'expected a lifetime from 5s to 1h')]
      : []),
    ...(rotate < SHORTEST_ROTATION_MS ? [error(place('rotate'), 'expected at least 1h')] : []),
  ];
};
