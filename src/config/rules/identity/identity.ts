import { didYouMean } from '../../diagnostics/nearest.ts';
import {
  DEFAULT_IDENTITY_HEADERS,
  foldHeaderName,
  SPECIAL_SOURCES,
  whyTaken,
} from '../../identity-headers.ts';
import type { ConfigPath, PathProblem } from '../../problem.ts';
import { acceptedIssuers, accessAlternatives } from '../../routes/route-access.ts';
import type { Config, IdentityConfig, IdentitySource } from '../../schema/config.ts';
import { error, type Rule, warning } from '../rule.ts';

interface Placed {
  readonly identity: IdentityConfig & { readonly reserved?: readonly string[] | undefined };
  readonly path: ConfigPath;
}

function identities({ identity, routes }: Config): readonly Placed[] {
  return [
    { identity, path: ['identity'] },
    ...routes.flatMap((route, index) =>
      route.identity === undefined ? [] : [{ identity: route.identity, path: ['routes', index, 'identity'] }],
    ),
  ];
}

/** No header that has a meaning in HTTP, and no two that a backend would take for one. */
export const identityHeadersAreFree: Rule = ({ config }) =>
  identities(config).flatMap(({ identity, path }) => {
    const seen = new Map<string, string>();
    const headers = Object.keys(identity.headers ?? {}).flatMap((name): readonly PathProblem[] => {
      const place = [...path, 'headers', name];
      const twin = seen.get(foldHeaderName(name));
      seen.set(foldHeaderName(name), name);
      if (twin !== undefined) {
        return [error(place, `\`${name}\` and \`${twin}\` are one header to many backends`, { at: 'key' })];
      }
      const taken = whyTaken(name);
      return taken === undefined
        ? []
        : [
            error(place, `\`${name}\` cannot be an identity header: ${taken.reason}`, {
              at: 'key',
              hint: taken.hint,
            }),
          ];
    });
    const reserved = (identity.reserved ?? []).flatMap((name, index) => {
      const taken = whyTaken(name);
      return taken === undefined
        ? []
        : [error([...path, 'reserved', index], `\`${name}\` cannot be reserved: ${taken.reason}`)];
    });
    return [...headers, ...reserved];
  });

/** A `$name` is one of a few; any other would be a claim that nobody issues. */
export const identitySourcesAreKnown: Rule = ({ config }) =>
  identities(config).flatMap(({ identity, path }) =>
    Object.entries(identity.headers ?? {}).flatMap(([name, source]): readonly PathProblem[] => {
      const place = [...path, 'headers', name];
      const special = claimOf(source);
      if (typeof special === 'string' && special.startsWith('$') && !isSpecial(special)) {
        const known = SPECIAL_SOURCES.join(', ');
        return [
          error(place, `unknown source \`${special}\``, {
            hint:
              didYouMean(special, SPECIAL_SOURCES) ??
              `known here: ${known}; write a claim of that name as [${JSON.stringify(special)}]`,
          }),
        ];
      }
      if (typeof source !== 'object' || source === null || Array.isArray(source)) return [];
      const { claim, template } = source as { readonly claim?: unknown; readonly template?: unknown };
      if (claim === undefined && template === undefined)
        return [error(place, 'expected `claim` or `template`')];
      return claim !== undefined && template !== undefined
        ? [error(place, 'expected `claim` or `template`, not both')]
        : [];
    }),
  );

/** Two issuers can both have a subject `42`; a backend that sees only the subject takes them for one user. */
export const subjectsNeedTheirIssuer: Rule = ({ config }) =>
  config.routes.flatMap((route, index) => {
    const path = ['routes', index, 'access'];
    const issuers = accessAlternatives(route.access, path).flatMap(({ block }) =>
      acceptedIssuers(block, config),
    );
    if (new Set(issuers).size < 2) return [];
    const sources = Object.values({
      ...DEFAULT_IDENTITY_HEADERS,
      ...config.identity.headers,
      ...route.identity?.headers,
    });
    const sendsSubject = sources.some((source) => mentions(source, ['sub']));
    return sendsSubject && !sources.some((source) => mentions(source, ['iss', '$issuerName']))
      ? [
          warning(
            path,
            `route \`${route.name}\` accepts several issuers and sends \`sub\` without the issuer`,
            {
              hint: 'two issuers can use the same `sub`; send `iss` or `$issuerName` too',
            },
          ),
        ]
      : [];
  });

function claimOf(source: IdentitySource): unknown {
  if (typeof source === 'string') return source;
  return source !== null && !Array.isArray(source)
    ? (source as { readonly claim?: unknown }).claim
    : undefined;
}

function isSpecial(name: string): boolean {
  return (SPECIAL_SOURCES as readonly string[]).includes(name);
}

function mentions(source: IdentitySource, claims: readonly string[]): boolean {
  const claim = Array.isArray(source) ? source : claimOf(source);
  const name = Array.isArray(claim) && claim.length === 1 ? claim[0] : claim;
  if (typeof name === 'string') return claims.includes(name);
  const template = (source as { readonly template?: unknown } | null)?.template;
  return typeof template === 'string' && claims.some((wanted) => template.includes(`{${wanted}}`));
}

const SHORTEST_LIFETIME_MS = 5_000;
const LONGEST_LIFETIME_MS = 3_600_000;
const SHORTEST_ROTATION_MS = 3_600_000;

/** A backend needs to know who signed an assertion, and until when it is valid. */
export const assertionsCanBeVerified: Rule = ({ config }) => {
  const { assertion } = config.identity;
  if (assertion === undefined) return [];
  const place = (key: string) => ['identity', 'assertion', key];
  const { lifetime, rotate } = assertion;
  return [
    ...(config.listen.publicUrl === undefined
      ? [
          error(['identity', 'assertion'], '`listen.publicUrl` is missing: it is the issuer of assertions', {
            hint: 'set it to the URL by which clients reach this gateway',
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
