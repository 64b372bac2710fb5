import { DEFAULT_IDENTITY_HEADERS, foldHeaderName } from '../../identity-headers.ts';
import type { ConfigPath } from '../../problem.ts';
import { NO_UPSTREAM } from '../../routes/no-upstream.ts';
import { acceptedIssuers, allAlternatives, claimRequirements } from '../../routes/route-access.ts';
import { type Rule, warning } from '../rule.ts';

/** The issuer of a token is known before its claims are compared. */
export const issuerClaimsCanHold: Rule = ({ config }) =>
  allAlternatives(config).flatMap(({ block, path }) => {
    const issuers = acceptedIssuers(block, config).map((name) => config.issuers[name]);
    // A preset may accept more than one `iss`.
    if (issuers.some((issuer) => issuer === undefined || issuer.preset !== undefined)) return [];
    return claimRequirements(block.claims, [...path, 'claims'])
      .filter(({ claim }) => [claim].flat().join('\u0000') === 'iss')
      .filter(({ values }) => !issuers.some((issuer) => values.some(({ value }) => value === issuer?.issuer)))
      .map(({ path: place }) =>
        warning(place, 'this rule can never be true: no issuer accepted here has this `iss`', {
          hint: 'to choose issuers, name them in `issuers`',
        }),
      );
  });

/** A public route reads no token, so it can only count by address. */
export const limitsFindWhomTheyCount: Rule = ({ config }) =>
  config.routes.flatMap(({ name, access, rateLimit = [] }, index) =>
    access !== 'public'
      ? []
      : [rateLimit]
          .flat()
          .flatMap(({ by }, at) =>
            by === 'ip'
              ? []
              : [
                  warning(
                    ['routes', index, 'rateLimit', ...(Array.isArray(rateLimit) ? [at] : []), 'by'],
                    `route \`${name}\` is public and knows no caller: this limit counts addresses`,
                    { hint: 'write `by: ip`' },
                  ),
                ],
          ),
  );

/** Every token has its own value, so no caller ever reaches the limit. */
const OF_ONE_TOKEN = ['exp', 'iat', 'nbf', 'jti', 'auth_time'];

export const limitsCountCallers: Rule = ({ config }) =>
  config.routes.flatMap(({ rateLimit = [] }, index) =>
    [rateLimit].flat().flatMap(({ by }, at) => {
      const claim = typeof by === 'string' ? undefined : [by.claim].flat();
      if (claim?.length !== 1 || !OF_ONE_TOKEN.includes(claim[0] as string)) return [];
      return [
        warning(
          ['routes', index, 'rateLimit', ...(Array.isArray(rateLimit) ? [at] : []), 'by', 'claim'],
          `\`${claim[0]}\` differs in nearly every token: a caller with a new token starts a new count`,
          { hint: 'write `by: subject` or `by: client`' },
        ),
      ];
    }),
  );

/** A header that is only removed from requests belongs in `reserved`. */
export const identityHeadersAreSent: Rule = ({ config }) => {
  const sent = new Set(
    config.routes
      .filter(({ access }) => access !== 'public')
      .flatMap(({ identity }) => Object.entries({ ...config.identity.headers, ...identity?.headers }))
      .filter(([, source]) => source !== null)
      .map(([name]) => foldHeaderName(name)),
  );
  const named: readonly (readonly [name: string, path: ConfigPath])[] = [
    ...Object.keys(config.identity.headers ?? {}).map(
      (name) => [name, ['identity', 'headers', name]] as const,
    ),
    ...config.routes.flatMap(({ identity }, index) =>
      Object.keys(identity?.headers ?? {}).map(
        (name) => [name, ['routes', index, 'identity', 'headers', name]] as const,
      ),
    ),
  ];
  return named
    .filter(
      ([name]) =>
        !sent.has(foldHeaderName(name)) && !Object.hasOwn(DEFAULT_IDENTITY_HEADERS, foldHeaderName(name)),
    )
    .map(([name, path]) =>
      warning(path, `no route sends \`${name}\`; it is only removed from requests`, {
        at: 'key',
        hint: 'if that is intended, list it in `identity.reserved`',
      }),
    );
};

/** Settings that need another one, which the file does not have. */
export const settingsHaveTheirOccasion: Rule = ({ config }) => [
  ...config.routes.flatMap(({ tokenFrom = [], websocket }, index) =>
    tokenFrom.flatMap((source, at) =>
      'webSocketProtocol' in source && !websocket
        ? [
            warning(
              ['routes', index, 'tokenFrom', at, 'webSocketProtocol'],
              'this route takes no WebSockets, so no token is sent this way',
              { hint: 'set `websocket: true`' },
            ),
          ]
        : [],
    ),
  ),
  ...(config.rateLimitStore !== undefined && config.routes.every(({ rateLimit }) => rateLimit === undefined)
    ? [warning(['rateLimitStore'], 'no route has a `rateLimit` that needs it', { at: 'key' })]
    : []),
  ...(config.revocation.onFailure === 'open' && config.revocation.store === undefined
    ? [warning(['revocation', 'onFailure'], 'there is no `store` that could fail')]
    : []),
];

/** Entries that nothing refers to. Not where a name is unknown: that is the problem then. */
export const everythingIsUsed: Rule = ({ config }) => {
  const issuers = new Set(allAlternatives(config).flatMap(({ block }) => acceptedIssuers(block, config)));
  // An upstream of that name is the problem then.
  const upstreams = new Set([NO_UPSTREAM, ...config.routes.map(({ upstream }) => upstream)]);
  const policies = new Set(allAlternatives(config).flatMap(({ block }) => block.policy ?? []));
  const unused = (kind: 'issuers' | 'upstreams' | 'policies', used: ReadonlySet<string>, words: string) => {
    const names = Object.keys(config[kind]);
    if ([...used].some((name) => !names.includes(name) && !name.includes('://') && name !== NO_UPSTREAM))
      return [];
    return names
      .filter((name) => !used.has(name))
      .map((name) => warning([kind, name], `${words} \`${name}\``, { at: 'key' }));
  };
  return [
    ...unused('issuers', issuers, 'no route accepts tokens of issuer'),
    ...unused('policies', policies, 'no route uses policy'),
    ...unused('upstreams', upstreams, 'no route leads to upstream'),
  ];
};
