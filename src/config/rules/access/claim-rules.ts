import type { PathProblem } from '../../problem.ts';
import { allRules, claimRequirements } from '../../routes/route-access.ts';
import { type Rule, warning } from '../rule.ts';

/** Dates of a token (RFC 7519 §4.1, OpenID Connect Core 1.0 §2, §5.1). */
const DATES = ['exp', 'nbf', 'iat', 'auth_time', 'updated_at'];
/** Registered as texts or lists of them (RFC 7519, RFC 8693, RFC 9068, OpenID Connect). */
const TEXTS = [
  'iss',
  'sub',
  'aud',
  'jti',
  'azp',
  'client_id',
  'scope',
  'sid',
  'acr',
  'amr',
  'email',
  'name',
  'preferred_username',
];
/** OpenID Connect Core 1.0 §5.1; Apple alone writes them as texts. */
const BOOLEANS = ['email_verified', 'phone_number_verified'];
/** In tokens made for another purpose, which are refused before any rule applies. */
const FOREIGN = ['events'];

const DATE_HINTS: Readonly<Record<string, string>> = {
  exp: '`exp` is checked in every token',
  nbf: '`nbf` is checked in every token that has it',
  iat: 'to limit the age of tokens, set `maxTokenAge` of the issuer',
};

/** Registered claims have known types, so some values never match. */
export const claimRulesCanHold: Rule = ({ config }) =>
  allRules(config).flatMap(({ rules: { claims }, path }) =>
    claimRequirements(claims, [...path, 'claims']).flatMap((requirement): readonly PathProblem[] => {
      const [name = '', ...below] = [requirement.claim].flat();
      // Only top-level claims are registered.
      if (below.length > 0) return [];
      const place = requirement.path;
      if (FOREIGN.includes(name)) {
        return [warning(place, `tokens with \`${name}\` are never accepted for an API call`)];
      }
      if (
        BOOLEANS.includes(name) &&
        requirement.values.some(({ value }) => value === 'true' || value === 'false')
      ) {
        return [
          warning(place, `\`${name}\` is a boolean in most tokens, which never equals a text`, {
            hint: 'write it without quotes',
          }),
        ];
      }
      if (DATES.includes(name)) {
        return [
          warning(place, `\`${name}\` is a date in seconds, which almost never equals a value`, {
            hint: DATE_HINTS[name] ?? `compare it in \`when\`: claims.${name} > …`,
          }),
        ];
      }
      const other = TEXTS.includes(name)
        ? requirement.values.find(({ value }) => typeof value !== 'string')?.value
        : undefined;
      return other === undefined
        ? []
        : [
            warning(place, `\`${name}\` is a text in tokens, which never equals a ${typeof other}`, {
              hint: `write '${other}' in quotes`,
              hintShowsValue: true,
            }),
          ];
    }),
  );

/** In most tokens `scope` is one text (RFC 9068 §2.2.3): a rule about it holds only for tokens with this scope alone. */
export const scopesAreNotComparedAsText: Rule = ({ config }) =>
  allRules(config).flatMap(({ rules: { claims }, path }) =>
    claimRequirements(claims, [...path, 'claims'])
      .filter(({ claim }) => [claim].flat().join('.') === 'scope')
      .map(({ path: place }) =>
        warning(place, 'this holds only for tokens that have this scope and no other', {
          hint: 'list scopes in `scopes`',
        }),
      ),
  );
