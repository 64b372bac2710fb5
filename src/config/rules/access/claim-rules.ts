import type { ConfigPath, PathProblem } from '../../problem.ts';
import { allRules } from '../../routes/route-access.ts';
import type { PolicyConfig } from '../../schema/config.ts';
import { type Rule, warning } from '../rule.ts';

/** Dates of a token (RFC 7519 §4.1, OpenID Connect Core 1.0 §2, §5.1). */
const DATES = ['exp', 'nbf', 'iat', 'auth_time', 'updated_at'];
/** Claims that are texts, or lists of them, wherever they are registered (RFC 7519, RFC 8693, RFC 9068, OpenID Connect). */
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
/** Of tokens that are made for something else, and refused before any rule is looked at. */
const FOREIGN = ['events'];
/** Of the header of a token (RFC 7515 §4.1); no provider has claims of these names. */
const HEADER_MEMBERS = ['alg', 'kid', 'x5t'];

const DATE_HINTS: Readonly<Record<string, string>> = {
  exp: '`exp` is checked of every token',
  nbf: '`nbf` is checked of every token that has it',
  iat: 'for a greatest age set `maxTokenAge` of the issuer',
};

/** What is known of registered claims says which values they never have. */
export const claimRulesCanHold: Rule = ({ config }) =>
  allRules(config).flatMap(({ rules: { claims }, path }) =>
    comparedWith(claims, [...path, 'claims']).flatMap(({ name, values, place }): readonly PathProblem[] => {
      if (HEADER_MEMBERS.includes(name)) {
        return [
          warning(place, `\`${name}\` is in the header of a token, and no claim`, {
            hint: name === 'x5t' ? undefined : `ask for it in \`when\`: token.${name} == "…"`,
          }),
        ];
      }
      if (FOREIGN.includes(name)) {
        return [warning(place, `tokens with \`${name}\` are never accepted for an API call`)];
      }
      if (BOOLEANS.includes(name) && values.some((value) => value === 'true' || value === 'false')) {
        return [
          warning(place, `\`${name}\` is a boolean in most tokens, which a text is never equal to`, {
            hint: 'write it without quotes',
          }),
        ];
      }
      if (DATES.includes(name)) {
        return [
          warning(place, `\`${name}\` is a date in seconds, and hardly ever equal to anything`, {
            hint: DATE_HINTS[name] ?? `compare it in \`when\`: claims.${name} > …`,
          }),
        ];
      }
      const other = TEXTS.includes(name) ? values.find((value) => typeof value !== 'string') : undefined;
      return other === undefined
        ? []
        : [
            warning(place, `\`${name}\` is a text in tokens, which a ${typeof other} is never equal to`, {
              hint: `write '${other}' in quotes`,
              hintShowsValue: true,
            }),
          ];
    }),
  );

interface ComparedClaim {
  readonly name: string;
  readonly values: readonly unknown[];
  readonly place: ConfigPath;
}

/** Only top-level claims are registered. */
function comparedWith(claims: PolicyConfig['claims'], path: ConfigPath): readonly ComparedClaim[] {
  if (claims === undefined) return [];
  if (!Array.isArray(claims)) {
    return Object.entries(claims).map(([name, value]) => ({
      name,
      values: [value].flat(),
      place: [...path, name],
    }));
  }
  return claims.flatMap(({ claim, equals, any, all }, index) => {
    const [name = '', ...below] = [claim].flat();
    return below.length > 0 ? [] : [{ name, values: any ?? all ?? [equals], place: [...path, index] }];
  });
}
