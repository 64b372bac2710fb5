import type { PathProblem } from '../../problem.ts';
import { allRules } from '../../routes/route-access.ts';
import { type Rule, warning } from '../rule.ts';

/** In most tokens `scope` is one text (RFC 9068 §2.2.3): a rule about it holds only for tokens with this scope alone. */
export const scopesAreNotComparedAsText: Rule = ({ config }) =>
  allRules(config).flatMap(({ rules: { claims = {} }, path }): readonly PathProblem[] => {
    const places = Array.isArray(claims)
      ? claims.flatMap(({ claim }, index) => ([claim].flat().join('.') === 'scope' ? [[index, 'claim']] : []))
      : Object.keys(claims).flatMap((name) => (name === 'scope' ? [[name]] : []));
    return places.map((place) =>
      warning([...path, 'claims', ...place], 'this holds only for tokens that have this scope and no other', {
        hint: 'name scopes in `scopes`',
      }),
    );
  });
