import { isStandardScope } from '../../../core/scopes.ts';
import { editDistance } from '../../diagnostics/nearest.ts';
import type { ConfigPath } from '../../problem.ts';
import { declaredResources } from '../../routes/resource.ts';
import {
  acceptedIssuers,
  accessAlternatives,
  allAlternatives,
  allRules,
  policyOf,
} from '../../routes/route-access.ts';
import type { Config } from '../../schema/config.ts';
import { type Rule, warning } from '../rule.ts';

/** Shorter names may differ by one letter without being misspelled. */
const SHORTEST = 5;

/** A scope one typing error away from another is probably that other one. */
export const scopesAreSpelledAlike: Rule = ({ config, whereIs }) => {
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
      warning(place, `scope \`${scope}\` looks like \`${twin[0]}\` (${whereIs(twinPlace)})`, {
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

/** A prefix is what the tokens of an issuer leave out of a scope, with the separator that stands behind it. */
export const scopePrefixesStandBeforeScopes: Rule = ({ config }) => {
  // Most files have none, and may have many routes.
  if (Object.values(config.issuers).every(({ scopePrefix }) => scopePrefix === undefined)) return [];
  const uses = [...scopesOfAccess(config), ...scopesOfResources(config)];
  return Object.entries(config.issuers).flatMap(([name, { scopePrefix: prefix }]) => {
    if (prefix === undefined) return [];
    const place = ['issuers', name, 'scopePrefix'];
    const scopes = uses.flatMap(({ issuers, scopes: own }) => (issuers.includes(name) ? own : []));
    if (scopes.every(([scope]) => isStandardScope(scope))) {
      return [
        warning(place, 'no route that accepts this issuer names a scope that it could stand before', {
          hint: 'name scopes in `access.scopes`, as the tokens have them',
          at: 'key',
        }),
      ];
    }
    const doubled = new Map(
      scopes.filter(([scope]) => scope.startsWith(prefix)).map(([scope, at]) => [scope, at] as const),
    );
    return [
      ...[...doubled].map(([scope, at]) =>
        warning(
          at,
          `\`${scope}\` begins with the \`scopePrefix\` of issuer \`${name}\`, so it stands there twice for clients`,
          {
            hint: 'write the scope as the tokens of this issuer have it, or leave out `scopePrefix`',
          },
        ),
      ),
      ...(/[a-z\d]$/i.test(prefix)
        ? [
            warning(place, `nothing separates \`${prefix}\` from the scope behind it`, {
              hint: 'end it as the provider does, such as with `/`',
            }),
          ]
        : []),
      ...(/[<>{}*]/.test(prefix) ? [warning(place, `\`${prefix}\` looks like an unfilled placeholder`)] : []),
    ];
  });
};

/** Clients that follow the metadata of a resource request the scopes that they are named, and Entra ID knows only their full names. */
export const resourcesNameScopesInFull: Rule = ({ config }) => {
  const entra = Object.entries(config.issuers).filter(
    ([, { preset, scopePrefix }]) => preset?.startsWith('entra') && scopePrefix === undefined,
  );
  if (entra.length === 0) return [];
  const ofResources = scopesOfAccess(config).filter(
    ({ index }) => config.routes[index]?.resource !== undefined,
  );
  const uses = [...ofResources, ...scopesOfResources(config)];
  return entra.flatMap(([name]) => {
    const [scope] = uses
      .filter(({ issuers }) => issuers.includes(name))
      .flatMap(({ scopes }) => scopes.map(([own]) => own))
      .filter((own) => !isStandardScope(own) && !own.includes('://'));
    if (scope === undefined) return [];
    return [
      warning(
        ['issuers', name],
        `clients of a resource are named \`${scope}\`, and Entra ID knows scopes in requests by their full names only`,
        { hint: 'set `scopePrefix`, such as `api://APPLICATION-ID/`', at: 'key' },
      ),
    ];
  });
};

/** Scopes that clients request of these issuers. */
interface ScopeUse {
  /** Position of the route. */
  readonly index: number;
  readonly issuers: readonly string[];
  readonly scopes: readonly PlacedScope[];
}

function scopesOfAccess(config: Config): readonly ScopeUse[] {
  return allAlternatives(config).map(({ block, path }) => ({
    index: path[1] as number,
    issuers: acceptedIssuers(block, config),
    scopes: [
      ...scopesOf(policyOf(block, config)?.scopes, ['policies', block.policy ?? '', 'scopes']),
      ...scopesOf(block.scopes, [...path, 'scopes']),
    ],
  }));
}

/** Those that a protected resource publishes in place of what `access` names. */
function scopesOfResources(config: Config): readonly ScopeUse[] {
  return declaredResources(config).map(({ index, settings, members }) => ({
    index,
    issuers: members.flatMap((member) =>
      accessAlternatives(config.routes[member]?.access ?? 'public', []).flatMap(({ block }) =>
        acceptedIssuers(block, config),
      ),
    ),
    scopes: scopesOf(settings.scopes, ['routes', index, 'resource', 'scopes']),
  }));
}

type PlacedScope = readonly [scope: string, path: ConfigPath];

type Scopes =
  | readonly string[]
  | { readonly any?: readonly string[] | undefined; readonly all?: readonly string[] | undefined };

function scopesOf(scopes: Scopes | undefined, path: ConfigPath): readonly PlacedScope[] {
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
