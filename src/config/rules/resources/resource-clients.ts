import { parseRouteHost } from '../../../core/network/host.ts';
import { isLoopbackHost } from '../../../core/network/ip.ts';
import type { ConfigPath, PathProblem } from '../../problem.ts';
import { type DeclaredResource, declaredResources, METADATA_ROOT } from '../../routes/resource.ts';
import { acceptedIssuers, accessAlternatives, policyOf } from '../../routes/route-access.ts';
import { encloses, type RoutePattern, routePatterns } from '../../routes/route-order.ts';
import { isRoutePath, parseRoutePath } from '../../routes/route-path.ts';
import type { Config, RouteConfig } from '../../schema/config.ts';
import { note, type Rule, warning } from '../rule.ts';

/** Clients compare identifiers byte for byte with the URL that they were given, as URL parsers write it. */
export const identifiersAreWhatClientsWrite: Rule = ({ config }) =>
  declaredResources(config).flatMap((resource): readonly PathProblem[] => {
    const { place, settings, index, host } = resource;
    const { identifier } = place;
    const path: ConfigPath = ['routes', index, 'resource', ...(settings.url === undefined ? [] : ['url'])];
    const { hostname, pathname, href } = new URL(identifier);
    const publicPath =
      config.listen.publicUrl === undefined ? '/' : new URL(config.listen.publicUrl).pathname;
    return [
      ...(isPlainElsewhere(identifier)
        ? [
            warning(path, `\`${identifier}\` is plain http: to another machine`, {
              hint: 'use https: where clients reach the gateway: they may refuse to send tokens',
            }),
          ]
        : []),
      ...(href === identifier || (pathname === '/' && href === `${identifier}/`)
        ? slashAtEnd(identifier, path)
        : [
            warning(path, `clients write this URL as \`${href}\`, and many compare byte for byte`, {
              hint: `write ${href}`,
              hintShowsValue: true,
            }),
          ]),
      ...(settings.url === undefined && publicPath !== '/'
        ? [
            warning(path, `the identifier \`${identifier}\` leaves out the path of \`listen.publicUrl\``, {
              hint: 'if clients need that path, write their URL in `resource.url`',
            }),
          ]
        : []),
      ...(host === undefined || host === hostname
        ? []
        : [
            warning(
              path,
              `clients ask \`${hostname}\` for the metadata, and it is served on \`${host}\` only`,
              {
                hint: 'let `url` and `host` name the same host',
              },
            ),
          ]),
      ...(settings.authorizationServers ?? []).flatMap((server, at) =>
        isPlainElsewhere(server)
          ? [
              warning(
                ['routes', index, 'resource', 'authorizationServers', at],
                'this authorization server is plain http: to another machine',
                { hint: 'use https: there, since clients may refuse to log in there' },
              ),
            ]
          : [],
      ),
      ...membersOutside(resource, config),
    ];
  });

function isPlainElsewhere(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !isLoopbackHost(hostname);
}

function slashAtEnd(identifier: string, path: ConfigPath): readonly PathProblem[] {
  return identifier.endsWith('/') && new URL(identifier).pathname !== '/'
    ? [
        warning(path, 'clients that are given the URL without the slash at its end refuse this identifier', {
          hint: 'leave the slash out, and give clients the URL without it',
        }),
      ]
    : [];
}

/** A client that learns of a resource from a challenge refuses one that is not at or above the URL that it called. */
function membersOutside(
  { place, members, index }: DeclaredResource,
  { routes }: Config,
): readonly PathProblem[] {
  const { hostname, pathname } = new URL(place.identifier);
  const below = pathname.endsWith('/') ? pathname : `${pathname}/`;
  return members
    .filter((member) => member !== index)
    .flatMap((member) => {
      const { name, path, host } = routes[member] as RouteConfig;
      const isElsewhere = host !== undefined && parseRouteHost(host) !== hostname;
      return !isElsewhere && `${path}/`.startsWith(below)
        ? []
        : [
            warning(
              ['routes', member, 'resource'],
              `route \`${name}\` is not below \`${place.identifier}\``,
              {
                hint: 'clients refuse a resource that is not at or above the URL they called: make this one a resource of its own',
              },
            ),
          ];
    });
}

/** Presets of providers that issue no tokens for a URL of the file's choice. */
const WITHOUT_RESOURCES: ReadonlySet<string | undefined> = new Set([
  'entra',
  'entra-multitenant',
  'keycloak',
  'cognito',
]);

/** Clients request tokens for the identifier (RFC 8707), and a token that anyone may use elsewhere is not for this resource alone. */
export const identifiersAreAudiences: Rule = ({ config }) =>
  declaredResources(config).flatMap(({ place, members }) =>
    members.flatMap((member) => {
      const route = config.routes[member] as RouteConfig;
      const lacking = issuersWithout(place.identifier, route, config);
      const near = lacking.find(({ audiences }) =>
        audiences.some((name) => isSpelledLike(name, place.identifier)),
      );
      const path = ['routes', member, 'resource'];
      const named = lacking.filter(({ acceptsAny }) => !acceptsAny);
      const silent = named.filter(({ preset }) => WITHOUT_RESOURCES.has(preset)).map(({ name }) => name);
      const others = named.filter(({ preset }) => !WITHOUT_RESOURCES.has(preset)).map(({ name }) => name);
      return [
        ...(others.length === 0
          ? []
          : [
              warning(
                path,
                `\`${place.identifier}\` is not among the audiences of ${list(others)} on route \`${route.name}\``,
                {
                  hint:
                    near === undefined
                      ? 'clients request tokens for it (RFC 8707): add it to `audiences` of the issuer or of `access`, and let the provider issue such tokens'
                      : 'an audience differs by its slash at the end only: write both alike, as the provider does',
                },
              ),
            ]),
        ...(silent.length === 0
          ? []
          : [
              note(
                path,
                `\`${place.identifier}\` is not among the audiences of ${list(silent)}, whose tokens never name it`,
                { hint: 'see that no other API accepts the audiences that are listed instead' },
              ),
            ]),
        ...tokenPassedOn(route, { config, member, isFit: lacking.length === 0 }),
      ];
    }),
  );

/** A backend must not get tokens that were issued for something else than the resource it is part of. */
function tokenPassedOn(
  { name, identity }: RouteConfig,
  { config, member, isFit }: { readonly config: Config; readonly member: number; readonly isFit: boolean },
): readonly PathProblem[] {
  if (isFit || (identity?.forwardToken ?? config.identity.forwardToken) !== true) return [];
  const place = identity?.forwardToken === undefined ? ['identity'] : ['routes', member, 'identity'];
  return [
    warning(
      [...place, 'forwardToken'],
      `route \`${name}\` forwards tokens that are not issued for its resource`,
      { hint: 'leave it out: the identity headers name the caller' },
    ),
  ];
}

interface LackingIssuer {
  readonly name: string;
  readonly preset: string | undefined;
  readonly audiences: readonly string[];
  /** `audiences: any`, which has a warning of its own. */
  readonly acceptsAny: boolean;
}

/** The accepted issuers whose tokens need not be for the identifier. */
function issuersWithout(
  identifier: string,
  { access }: RouteConfig,
  config: Config,
): readonly LackingIssuer[] {
  const found = new Map<string, LackingIssuer>();
  for (const { block } of accessAlternatives(access, [])) {
    const own = block.audiences ?? policyOf(block, config)?.audiences;
    for (const name of acceptedIssuers(block, config)) {
      const issuer = config.issuers[name];
      const audiences = own ?? issuer?.audiences ?? [];
      const acceptsAny = audiences === 'any';
      if (!acceptsAny && audiences.includes(identifier)) continue;
      found.set(name, { name, preset: issuer?.preset, audiences: acceptsAny ? [] : audiences, acceptsAny });
    }
  }
  return [...found.values()];
}

function isSpelledLike(audience: string, identifier: string): boolean {
  return audience.replace(/\/$/, '') === identifier.replace(/\/$/, '');
}

function list(names: readonly string[]): string {
  return `issuer${names.length === 1 ? '' : 's'} ${names.map((name) => `\`${name}\``).join(', ')}`;
}

/** The gateway serves metadata before it looks for a route. */
export const metadataHidesNoRoute: Rule = ({ config }) => {
  const resources = declaredResources(config);
  if (resources.length === 0) return [];
  const patterns = routePatterns(config).filter(({ segments }) => isBelowMetadata(segments));
  return patterns.flatMap((pattern) => {
    const hiding = resources.find(({ place, host }) =>
      [place.metadataPath, METADATA_ROOT].some((path) => {
        const segments = parseRoutePath(path);
        if (!isRoutePath(segments)) return false;
        if (host !== undefined && pattern.host !== undefined && host !== pattern.host) return false;
        return encloses(pattern, { ...pattern, segments });
      }),
    );
    if (hiding === undefined) return [];
    const { name } = config.routes[hiding.index] as RouteConfig;
    return [
      warning(
        ['routes', pattern.index, 'path'],
        `the gateway itself serves metadata here: that of the resource of route \`${name}\``,
        { hint: 'remove this route, or `resource` there if the backend serves its own' },
      ),
    ];
  });
};

function isBelowMetadata(segments: RoutePattern['segments']): boolean {
  const [first, second] = segments;
  const [, known, metadata] = METADATA_ROOT.split('/');
  return (
    first?.kind === 'static' && first.text === known && second?.kind === 'static' && second.text === metadata
  );
}
