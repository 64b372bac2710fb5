import { editDistance } from '../../diagnostics/nearest.ts';
import type { ConfigPath } from '../../problem.ts';
import { allRules } from '../../routes/route-access.ts';
import { type Rule, warning } from '../rule.ts';

/** Shorter names may differ by one letter without being misspelled. */
const SHORTEST = 5;

/** A scope one typing error away from another is probably that other one. */
export const scopesAreSpelledAlike: Rule = ({ config, lineOf }) => {
  const uses = new Map<string, ConfigPath[]>();
  for (const { rules, path } of allRules(config)) {
    for (const [scope, place] of scopesOf(rules.scopes, [...path, 'scopes'])) {
      uses.set(scope, [...(uses.get(scope) ?? []), place]);
    }
  }
  // The most used comes first, and the others are compared with it.
  const scopes = [...uses.entries()].sort(([, a], [, b]) => b.length - a.length);
  return scopes.flatMap(([scope, places], index) => {
    const twin = scopes.slice(0, index).find(([other]) => isTypingErrorOf(scope, other));
    const [place] = places;
    const [twinPlace] = twin?.[1] ?? [];
    if (twin === undefined || place === undefined || twinPlace === undefined) return [];
    return [
      warning(place, `scope \`${scope}\` looks like \`${twin[0]}\` (line ${lineOf(twinPlace)})`, {
        hint: 'leave it if both exist',
      }),
    ];
  });
};

/** What a client of Entra ID writes into requests is not what its tokens have in `scp`. */
export const scopesAreThoseOfTokens: Rule = ({ config }) =>
  allRules(config).flatMap(({ rules, path }) =>
    scopesOf(rules.scopes, [...path, 'scopes']).flatMap(([scope, place]) => {
      if (/(?:^|\/)\.default$/.test(scope)) {
        return [
          warning(place, `\`${scope}\` is used in token requests and never appears in a token`, {
            hint: 'name the scopes that tokens have in `scp`',
          }),
        ];
      }
      const own = /^api:\/\/[^/]+\/(.+)$/.exec(scope)?.[1];
      return own === undefined
        ? []
        : [
            warning(
              place,
              `\`${scope}\` is used in token requests: tokens of Entra ID have the scope without its API`,
              {
                hint: `write ${own}`,
                hintShowsValue: true,
              },
            ),
          ];
    }),
  );

type Scopes =
  | readonly string[]
  | { readonly any?: readonly string[] | undefined; readonly all?: readonly string[] | undefined };

function scopesOf(scopes: Scopes | undefined, path: ConfigPath): readonly (readonly [string, ConfigPath])[] {
  if (scopes === undefined) return [];
  if ('length' in scopes) return scopes.map((scope, index) => [scope, [...path, index]] as const);
  return (['any', 'all'] as const).flatMap((key) => scopesOf(scopes[key], [...path, key]));
}

function isTypingErrorOf(scope: string, other: string): boolean {
  if (Math.min(scope.length, other.length) < SHORTEST) return false;
  // `v1` and `v2` are two versions, not a typing error.
  if (scope.replace(/\d+/g, '0') === other.replace(/\d+/g, '0')) return false;
  return scope.toLowerCase() === other.toLowerCase() || editDistance(scope, other, 2) < 2;
}
