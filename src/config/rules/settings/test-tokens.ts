import { error, type Rule } from '../rule.ts';

/** What the token of a test is to be, and cannot. */
export const testTokensCanBeMade: Rule = ({ config }) =>
  config.tests.flatMap(({ token }, index) =>
    token?.authAge !== undefined && token.claims !== undefined && Object.hasOwn(token.claims, 'auth_time')
      ? [
          error(
            ['tests', index, 'token', 'authAge'],
            'nothing comes of this: `claims` has `auth_time`, which replaces it',
            { hint: 'leave one out' },
          ),
        ]
      : [],
  );
