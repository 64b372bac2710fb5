import { isLoopbackHost } from '../../../core/network/ip.ts';
import { prefixedScopes } from '../../../core/scopes.ts';
import { frontPath, frontPaths } from '../../oauth-front.ts';
import type { ConfigPath, PathProblem } from '../../problem.ts';
import { acceptedIssuers, accessAlternatives, policyOf } from '../../routes/route-access.ts';
import type { Config, IssuerConfig, PolicyConfig } from '../../schema/config.ts';
import { error, type Rule, warning } from '../rule.ts';
import { findRedirectFlaw } from './redirect-uri.ts';

type FrontConfig = NonNullable<IssuerConfig['oauthProxy']>;

/** A front for OAuth clients sends people and codes to where the file has them go: every word of it counts. */
export const frontsCanServe: Rule = ({ config, whereIs }) =>
  Object.entries(config.issuers).flatMap(([name, issuer], at, all) => {
    const front = issuer.oauthProxy;
    if (front === undefined) return [];
    const place = ['issuers', name, 'oauthProxy'];
    const path = frontPath(config, name) as string;
    const twin = all.slice(0, at).find(([other]) => frontPath(config, other) === path);
    return [
      ...publicUrl(config, place),
      ...provider(issuer, place),
      ...ownPath(front, [...place, 'path']),
      ...(twin === undefined
        ? []
        : [
            error(
              [...place, 'path'],
              `the front of \`${twin[0]}\` (${whereIs(['issuers', twin[0]])}) has this path`,
              {
                hint: 'each front needs a path of its own',
              },
            ),
          ]),
      ...redirects(front, [...place, 'redirectUris']),
      ...scopes(front, [...place, 'scopes']),
      ...droppedNeeds(config, name, [...place, 'scopes', 'drop']),
      ...(front.prompt === 'keep'
        ? [
            warning([...place, 'prompt'], 'a client may get a code without the user being asked', {
              hint: 'all clients of a front share one client id, and consent given to one counts for all: leave `prompt` at `consent`',
            }),
          ]
        : []),
      ...withoutResource(config, name, place),
      ...hiddenRoutes(config, name, path),
    ];
  });

function publicUrl({ listen }: Config, place: ConfigPath): readonly PathProblem[] {
  const text = listen.publicUrl;
  if (text === undefined) {
    return [
      error(place, '`listen.publicUrl` is missing: the endpoints of a front are below it', {
        hint: 'write the URL by which clients reach this gateway',
      }),
    ];
  }
  if (!URL.canParse(text)) return [];
  const { protocol, hostname, pathname } = new URL(text);
  const path = ['listen', 'publicUrl'];
  if (protocol !== 'https:' && !isLoopbackHost(hostname)) {
    return [
      error(path, 'the endpoints of a front for OAuth clients must be https: (RFC 6749 §3.1)', {
        hint: 'plain http: is for loopback alone; codes and tokens pass through the front',
      }),
    ];
  }
  return pathname === '/'
    ? []
    : [
        warning(path, 'the front for OAuth clients does not use the path of this URL', {
          hint: 'clients look for its metadata at the origin, so let the proxy in front pass `/.well-known/` and the path of the front on unchanged',
        }),
      ];
}

/** Their tokens do not come from logins of clients, or they have no metadata of their own. */
const WITHOUT_LOGIN: ReadonlySet<IssuerConfig['preset']> = new Set([
  'entra-multitenant',
  'google',
  'google-iap',
  'cloudflare-access',
  'firebase',
  'github-actions',
  'kubernetes',
]);

function provider({ preset, issuer }: IssuerConfig, place: ConfigPath): readonly PathProblem[] {
  if (WITHOUT_LOGIN.has(preset)) {
    return [
      error(place, `no front leads to the provider of the preset ${preset}`, {
        hint: 'it gives clients no access tokens of its own by an authorization endpoint that its metadata names',
      }),
    ];
  }
  // Presets derive theirs, or report that it is missing.
  if (preset !== undefined && issuer === undefined) return [];
  const url = issuer !== undefined && URL.canParse(issuer) ? new URL(issuer) : undefined;
  const isAddress = url?.protocol === 'https:' || url?.protocol === 'http:';
  return issuer !== undefined && isAddress && !/[?#]/.test(issuer) && url.username === ''
    ? []
    : [
        error(place, 'the endpoints of the provider cannot be found: `issuer` is not a URL with metadata', {
          hint: 'a front reads the metadata below `issuer` (OpenID Connect Discovery, then RFC 8414), also where `jwksUri` is set',
        }),
      ];
}

function ownPath({ path }: FrontConfig, place: ConfigPath): readonly PathProblem[] {
  if (path === undefined || !/^\/\.well-known(?:\/|$)/i.test(path)) return [];
  return path.startsWith('/.well-known/sealgate/oauth/')
    ? []
    : [error(place, 'paths below `/.well-known` have meanings of their own', { hint: 'such as /oauth' })];
}

function redirects({ redirectUris }: FrontConfig, place: ConfigPath): readonly PathProblem[] {
  return redirectUris.flatMap((uri, index) => {
    const flaw = findRedirectFlaw(uri);
    if (flaw !== undefined) return [error([...place, index], flaw.message, { hint: flaw.hint })];
    return redirectUris.indexOf(uri) === index
      ? []
      : [warning([...place, index], 'this redirect URI is listed twice')];
  });
}

function scopes({ scopes: { add, drop } }: FrontConfig, place: ConfigPath): readonly PathProblem[] {
  return add.flatMap((scope, index) =>
    drop.includes(scope) ? [error([...place, 'add', index], `\`${scope}\` is added and dropped`)] : [],
  );
}

/** A scope that never reaches the provider never comes back in a token. */
function droppedNeeds(config: Config, issuer: string, place: ConfigPath): readonly PathProblem[] {
  const { oauthProxy, scopePrefix } = config.issuers[issuer] as IssuerConfig;
  return (oauthProxy as FrontConfig).scopes.drop.flatMap((scope, index) => {
    const route = config.routes.find(({ access }) =>
      accessAlternatives(access, []).some(
        ({ block }) =>
          acceptedIssuers(block, config).includes(issuer) &&
          prefixedScopes(scopePrefix, allOf(block, policyOf(block, config))).includes(scope),
      ),
    );
    if (route === undefined) return [];
    const message = `\`${scope}\` is dropped from every login, and route \`${route.name}\` requires it`;
    return [
      warning([...place, index], message, { hint: 'no token that comes through this front opens the route' }),
    ];
  });
}

/** Scopes that a block and its policy require in any case. */
function allOf(...rules: readonly (PolicyConfig | undefined)[]): readonly string[] {
  return rules.flatMap((rule) => (Array.isArray(rule?.scopes) ? rule.scopes : (rule?.scopes?.all ?? [])));
}

/** Clients learn of a front from the metadata of a resource, and name the resource in what they ask of it. */
function withoutResource(config: Config, issuer: string, place: ConfigPath): readonly PathProblem[] {
  const isUsed = config.routes.some(
    ({ resource, access }) =>
      resource !== undefined &&
      accessAlternatives(access, []).some(({ block }) => acceptedIssuers(block, config).includes(issuer)),
  );
  return isUsed
    ? []
    : [
        warning(
          place,
          'no route whose `access` accepts it has `resource`, so no client learns of this front',
          {
            hint: 'set `resource: true` on the routes that clients log in for',
          },
        ),
      ];
}

/** What a route has at one of the front's paths, no request reaches. */
function hiddenRoutes(config: Config, issuer: string, path: string): readonly PathProblem[] {
  const own = new Set(Object.values(frontPaths(path)));
  return config.routes.flatMap(({ path: text, host }, index) =>
    own.has(text) && host === undefined
      ? [
          warning(['routes', index, 'path'], `the front of issuer \`${issuer}\` serves this path itself`, {
            hint: 'no request for exactly this path reaches the route: name another path, here or in `oauthProxy.path`',
          }),
        ]
      : [],
  );
}
