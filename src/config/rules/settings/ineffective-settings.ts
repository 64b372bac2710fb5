import { DEFAULT_IDENTITY_HEADERS, foldHeaderName } from '../../identity-headers.ts';
import type { ConfigPath } from '../../problem.ts';
import { acceptedIssuers, allAlternatives } from '../../routes/route-access.ts';
import type { PolicyConfig } from '../../schema/config.ts';
import { type Rule, warning } from '../rule.ts';

/** Which issuer a token is from is known before its claims are looked at. */
export const issuerClaimsCanHold: Rule = ({ config }) =>
  allAlternatives(config).flatMap(({ block, path }) => {
    const issuers = acceptedIssuers(block, config).map((name) => config.issuers[name]);
    // A preset may accept more than one `iss`.
    if (issuers.some((issuer) => issuer === undefined || issuer.preset !== undefined)) return [];
    return valuesOf('iss', block.claims)
      .filter(({ values }) => !issuers.some((issuer) => values.includes(issuer?.issuer)))
      .map(({ place }) =>
        warning(
          [...path, 'claims', ...place],
          'this rule can never be true: no issuer accepted here has this `iss`',
          {
            hint: 'to choose issuers, name them in `issuers`',
          },
        ),
      );
  });

/** A public route looks at no token, so there is nobody but an address to count. */
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
                    `route \`${name}\` is public and knows nobody: this limit counts addresses`,
                    { hint: 'write `by: ip`' },
                  ),
                ],
          ),
  );

/** Every token has its own, so that nobody ever reaches the limit. */
const OF_ONE_TOKEN = ['exp', 'iat', 'nbf', 'jti', 'auth_time'];

export const limitsCountCallers: Rule = ({ config }) =>
  config.routes.flatMap(({ rateLimit = [] }, index) =>
    [rateLimit].flat().flatMap(({ by }, at) => {
      const claim = typeof by === 'string' ? undefined : [by.claim].flat();
      if (claim?.length !== 1 || !OF_ONE_TOKEN.includes(claim[0] as string)) return [];
      return [
        warning(
          ['routes', index, 'rateLimit', ...(Array.isArray(rateLimit) ? [at] : []), 'by', 'claim'],
          `\`${claim[0]}\` is another one in nearly every token: a caller with a new token is counted anew`,
          { hint: 'write `by: subject` or `by: client`' },
        ),
      ];
    }),
  );

/** A header that is only ever taken away from requests is `reserved` by another name. */
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
        hint: 'if that is what is meant, list it in `identity.reserved`',
      }),
    );
};

function valuesOf(
  name: string,
  claims: PolicyConfig['claims'],
): readonly { readonly values: readonly unknown[]; readonly place: ConfigPath }[] {
  if (claims === undefined) return [];
  if (!Array.isArray(claims)) {
    return Object.hasOwn(claims, name) ? [{ values: [claims[name]].flat(), place: [name] }] : [];
  }
  return claims.flatMap(({ claim, equals, any, all }, index) =>
    [claim].flat().join('\u0000') === name ? [{ values: any ?? all ?? [equals], place: [index] }] : [],
  );
}
