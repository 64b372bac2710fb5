import { isLoopbackHost } from '../../../core/network/ip.ts';
import type { ConfigPath, PathProblem } from '../../problem.ts';
import { acceptedIssuers, accessAlternatives } from '../../routes/route-access.ts';
import type { ExchangeConfig } from '../../schema/config.ts';
import { error, note, type Rule, warning } from '../rule.ts';

/** The endpoint is one that a secret and callers' tokens may be sent to, and the request has what its grant needs and nothing else. */
export const exchangesCanBeRequested: Rule = ({ config }) =>
  Object.entries(config.upstreams).flatMap(([name, { exchange }]) => {
    if (exchange === undefined) return [];
    const path = ['upstreams', name, 'exchange'];
    return [...endpoint(exchange, path), ...parameters(exchange, path)];
  });

/** The URL is not shown: it may hold a password. */
function endpoint({ tokenUrl, insecure }: ExchangeConfig, path: ConfigPath): readonly PathProblem[] {
  if (!URL.canParse(tokenUrl)) return [];
  const { protocol, hostname, pathname, search, username, password } = new URL(tokenUrl);
  const place = [...path, 'tokenUrl'];
  if (username !== '' || password !== '') {
    return [
      error(place, 'the URL of a token endpoint has no user or password', {
        hint: 'write them as `clientId` and `clientSecret` in `auth`',
      }),
    ];
  }
  if (tokenUrl.includes('#')) return [error(place, 'the URL of a token endpoint has no fragment')];
  if (/[?&](?:client_id|client_secret|client_assertion|subject_token|assertion|token)=/i.test(search)) {
    return [
      error(place, 'what is sent to the endpoint does not stand in its URL', { hint: 'write it in `auth`' }),
    ];
  }
  if (/%7B|%3C|[{<$]/i.test(tokenUrl)) {
    return [error(place, 'the URL has a placeholder', { hint: 'fill in the tenant or realm that is meant' })];
  }
  if (/\/(?:authorize|openid-configuration|oauth-authorization-server)\/?$/.test(pathname)) {
    return [
      error(place, 'no token endpoint has such an address', {
        hint: 'it is the `token_endpoint` in the metadata of the provider',
      }),
    ];
  }
  const isPlain = protocol === 'http:' && !isLoopbackHost(hostname);
  if (isPlain && !insecure) {
    return [
      error(place, '`tokenUrl` is plain http: to another machine', {
        hint: 'use https:, or accept the risk with `insecure: true`',
      }),
    ];
  }
  return isPlain
    ? [
        warning([...path, 'insecure'], "callers' tokens and the gateway's secret are sent over plain http:", {
          hint: 'anyone on the network path can read and use them',
        }),
      ]
    : [];
}

function parameters(
  { grant, audience, resource, scopes }: ExchangeConfig,
  path: ConfigPath,
): readonly PathProblem[] {
  const flaws: PathProblem[] = [];
  if (resource !== undefined && !isResource(resource))
    flaws.push(error([...path, 'resource'], 'a resource is an absolute URI without a fragment (RFC 8707)'));
  if (grant === 'on-behalf-of') {
    for (const [key, value] of Object.entries({ audience, resource })) {
      if (value === undefined) continue;
      flaws.push(
        error([...path, key], `\`on-behalf-of\` has no \`${key}\``, {
          hint: 'Entra ID takes the API from the scopes: `scopes: [api://ID/.default]`',
        }),
      );
    }
    if (scopes === undefined) {
      flaws.push(
        error(path, '`on-behalf-of` needs `scopes`', {
          hint: 'they name the API that the token is for: `scopes: [api://ID/.default]`',
        }),
      );
    }
    return flaws;
  }
  if (audience === undefined && resource === undefined && scopes === undefined) {
    flaws.push(
      warning(path, 'nothing names what the new token is for, so the provider chooses', {
        at: 'key',
        hint: 'set `audience`, `resource` or `scopes`, as the provider documents it',
      }),
    );
  }
  return flaws;
}

function isResource(text: string): boolean {
  return URL.canParse(text) && /^[a-z][a-z\d+.-]*:[!-~]+$/i.test(text) && !text.includes('#');
}

/** An assertion is a JWT (RFC 7523 §3): an opaque token of an introspected issuer is none. */
export const assertionsAreSigned: Rule = ({ config }) =>
  config.routes.flatMap(({ upstream, access }, index) => {
    const { exchange } = Object.hasOwn(config.upstreams, upstream) ? (config.upstreams[upstream] ?? {}) : {};
    if (exchange === undefined || exchange.grant === 'token-exchange') return [];
    const accepted = accessAlternatives(access, []).flatMap(({ block }) => acceptedIssuers(block, config));
    const opaque = accepted.find((name) => config.issuers[name]?.jwks === 'none');
    return opaque === undefined
      ? []
      : [
          warning(
            ['routes', index, 'upstream'],
            `tokens of \`${opaque}\` are opaque, and \`${exchange.grant}\` of \`${upstream}\` needs JWTs`,
            { hint: 'let the provider issue JWTs, or exchange by `token-exchange` if it knows that' },
          ),
        ];
  });

/** The provider of an exchange trusts its own tokens, and others only where it was set up to. */
export const exchangedTokensAreOfTheProvider: Rule = ({ config }) =>
  Object.entries(config.upstreams).flatMap(([name, { exchange }]) => {
    if (exchange === undefined) return [];
    const accepted = config.routes
      .filter(({ upstream }) => upstream === name)
      .flatMap(({ access }) => accessAlternatives(access, []))
      .flatMap(({ block }) => acceptedIssuers(block, config));
    const issuers = [...new Set(accepted)];
    if (issuers.length < 2) return [];
    const named = issuers.map((issuer) => `\`${issuer}\``);
    const message = `one provider gets the tokens of ${issuers.length} issuers here: ${named.join(', ')}`;
    return [
      note(['upstreams', name, 'exchange'], message, {
        at: 'key',
        hint: 'it must trust each of them; if it does not, name its own in `issuers` of the routes, or use an upstream for each',
      }),
    ];
  });

/** Where a token is exchanged, that of the caller stays at the gateway. */
export const exchangedTokensStandAlone: Rule = ({ config }) => [
  ...config.routes.flatMap(({ name, upstream, identity, passAuthorization }, index) => {
    if (!exchanges(config, upstream)) return [];
    const hint = `a backend gets one token: leave this out, or \`upstreams.${upstream}.exchange\``;
    const forwards = (identity?.forwardToken ?? config.identity.forwardToken) === true;
    const place = identity?.forwardToken === undefined ? ['identity'] : ['routes', index, 'identity'];
    return [
      ...(forwards
        ? [
            error(
              [...place, 'forwardToken'],
              `route \`${name}\` would forward the caller's token to \`${upstream}\`, which gets an exchanged one`,
              { hint },
            ),
          ]
        : []),
      ...(passAuthorization
        ? [
            error(
              ['routes', index, 'passAuthorization'],
              `\`${upstream}\` gets exchanged tokens, and never the Authorization of a client`,
              { hint },
            ),
          ]
        : []),
    ];
  }),
  ...Object.entries(config.upstreams).flatMap(([name, { exchange }]) => {
    const routes = config.routes.filter(({ upstream }) => upstream === name);
    // An upstream that no route uses is reported as such.
    return exchange === undefined || routes.length === 0 || routes.some(({ access }) => access !== 'public')
      ? []
      : [
          warning(
            ['upstreams', name, 'exchange'],
            'every route to it is public, so there is no token to exchange',
            {
              at: 'key',
            },
          ),
        ];
  }),
];

function exchanges(
  { upstreams }: { readonly upstreams: Readonly<Record<string, { readonly exchange?: unknown }>> },
  name: string,
): boolean {
  return Object.hasOwn(upstreams, name) && upstreams[name]?.exchange !== undefined;
}
