import { isLoopbackHost } from '../../../core/network/ip.ts';
import type { ConfigPath, PathProblem } from '../../problem.ts';
import { acceptedIssuers, allAlternatives } from '../../routes/route-access.ts';
import type { Config, IssuerConfig } from '../../schema/config.ts';
import { error, note, type Rule, warning } from '../rule.ts';

/** The endpoint is one that tokens and the credentials of the gateway may be sent to. */
export const introspectionCanBeAsked: Rule = ({ config }) =>
  Object.entries(config.issuers).flatMap(([name, { introspection, insecure, jwks }]) => {
    const path = ['issuers', name, 'introspection'];
    if (introspection === undefined) {
      return jwks === 'none'
        ? [
            error(path, 'missing: with `jwks: none` and without it, no token of this issuer can hold', {
              hint: 'add `introspection`, or leave `jwks: none` out to have its keys found',
            }),
          ]
        : [];
    }
    return endpoint(introspection.url, [...path, 'url'], insecure);
  });

/** The URL is not shown: it may hold a password. */
function endpoint(url: string | undefined, path: ConfigPath, insecure: boolean): readonly PathProblem[] {
  if (url === undefined || !URL.canParse(url)) return [];
  const { protocol, hostname, pathname, search } = new URL(url);
  if (/%7B|%3C|[{<$]/i.test(url)) {
    return [error(path, 'the URL has a placeholder', { hint: 'fill in the tenant or realm that is meant' })];
  }
  if (/[?&](?:client_id|client_secret|token)=/i.test(search)) {
    return [
      error(path, 'what is sent to the endpoint does not stand in its URL', { hint: 'write it in `auth`' }),
    ];
  }
  if (/\/(?:authorize|token|userinfo|certs|jwks(?:\.json)?|openid-configuration)\/?$/.test(pathname)) {
    return [
      warning(path, 'this looks like another endpoint of the provider', {
        hint: 'it is the `introspection_endpoint` in the metadata; leave `url` out to have it found there',
      }),
    ];
  }
  if (protocol !== 'http:' || isLoopbackHost(hostname)) return [];
  return insecure
    ? [
        warning(path, "callers' tokens and the gateway's credentials are sent over plain http:", {
          hint: 'anyone on the network path can read and use them',
        }),
      ]
    : [
        error(path, '`url` is plain http: to another machine', {
          hint: 'use https:, or accept the risk with `insecure: true`',
        }),
      ];
}

/** The part of `concurrency` that one client address may have. */
const SHARES = 8;

/** Workers divide `concurrency`, and each of them asks at least one question at a time. */
export const introspectionIsShared: Rule = ({ config: { issuers, workers } }) => {
  if (typeof workers !== 'number' || workers === 1) return [];
  return Object.entries(issuers).flatMap(([name, { introspection }]) => {
    if (introspection === undefined) return [];
    const { concurrency } = introspection;
    const path = ['issuers', name, 'introspection', 'concurrency'];
    if (concurrency < workers) {
      return [
        error(path, `fewer than the ${workers} workers, of which each asks at least one question at a time`, {
          hint: `set at least ${workers}, or fewer \`workers\``,
        }),
      ];
    }
    return concurrency < workers * SHARES
      ? [
          note(path, `one client address can have ${workers} questions running, one for each worker`, {
            hint: `from ${workers * SHARES} on it has at most an eighth of them`,
          }),
        ]
      : [];
  });
};

/** What only JWTs have: settings about it do nothing for an issuer whose JWTs are all refused. */
const ABOUT_JWTS = ['algorithms', 'tokenTypes'] as const;

/** Settings that do something. */
export const introspectionHasEffect: Rule = ({ config }) =>
  Object.entries(config.issuers).flatMap(([name, issuer]) => {
    const { introspection, jwks } = issuer;
    if (introspection === undefined) return [];
    const path = ['issuers', name, 'introspection'];
    const hasJwts = jwks !== 'none';
    return [
      ...(introspection.for === 'all' && !hasJwts
        ? [
            error([...path, 'for'], 'with `jwks: none` no JWT of this issuer holds, so none is asked about', {
              hint: 'leave `for` out, or give the issuer keys',
            }),
          ]
        : []),
      ...(hasJwts
        ? []
        : ABOUT_JWTS.filter((key) => issuer[key] !== undefined).map((key) =>
            error(
              ['issuers', name, key],
              `with \`jwks: none\` no JWT of this issuer holds: \`${key}\` does nothing`,
              {
                hint: 'leave it out: opaque tokens have no header',
                at: 'key',
              },
            ),
          )),
      ...strangePrefix(name, issuer),
    ];
  });

function strangePrefix(name: string, { introspection }: IssuerConfig): readonly PathProblem[] {
  const { prefix } = introspection ?? {};
  // Every JWT begins so; an opaque token that does is rare, and meant.
  return prefix?.startsWith('eyJ')
    ? [
        warning(
          ['issuers', name, 'introspection', 'prefix'],
          'JWTs begin like this, and they are not introspected by it',
          {
            hint: 'a prefix is about tokens that are no JWTs',
          },
        ),
      ]
    : [];
}

/** A token that is no JWT does not name its issuer, so a route must know by its beginning who is to be asked. */
export const opaqueTokensHaveOneIssuer: Rule = ({ config }) => [
  ...samePrefixes(config),
  ...routesOf(config).flatMap(({ path, name, issuers }) => {
    const plain = issuers.filter((issuer) => {
      const { introspection } = config.issuers[issuer] ?? {};
      return introspection !== undefined && introspection.prefix === undefined;
    });
    if (plain.length < 2) return [];
    const named = plain.map((issuer) => `\`${issuer}\``).join(' and ');
    return [
      error(path, `${name} accepts opaque tokens of ${named}, and nothing shows whose a token is`, {
        hint: 'give each but one its `introspection.prefix`, or name fewer `issuers` here',
      }),
    ];
  }),
];

function samePrefixes({ issuers }: Config): readonly PathProblem[] {
  const first = new Map<string, string>();
  return Object.entries(issuers).flatMap(([name, { introspection }]) => {
    const prefix = introspection?.prefix;
    if (prefix === undefined) return [];
    const other = first.get(prefix);
    first.set(prefix, other ?? name);
    return other === undefined
      ? []
      : [error(['issuers', name, 'introspection', 'prefix'], `\`${other}\` has the same \`prefix\``)];
  });
}

interface RouteIssuers {
  readonly path: ConfigPath;
  readonly name: string;
  readonly issuers: readonly string[];
}

/** The issuers that any alternative of a route accepts. */
function routesOf(config: Config): readonly RouteIssuers[] {
  const accepted = new Map<number, Set<string>>();
  for (const { block, path } of allAlternatives(config)) {
    const index = path[1] as number;
    const names = accepted.get(index) ?? new Set();
    for (const name of acceptedIssuers(block, config)) names.add(name);
    accepted.set(index, names);
  }
  return [...accepted].map(([index, names]) => ({
    path: ['routes', index, 'access'],
    name: `route \`${config.routes[index]?.name}\``,
    issuers: [...names],
  }));
}
