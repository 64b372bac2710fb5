import type { ConfigPath, PathProblem } from '../../problem.ts';
import { error, type Rule, warning } from '../rule.ts';

interface Spelling {
  readonly pattern: RegExp;
  readonly severity: 'error' | 'warning';
  readonly message: string;
  /** What is most likely meant. */
  readonly hint: (issuer: string, match: RegExpExecArray) => string;
}

const exact = (issuer: string): string => `write ${issuer}`;
/** RFC 8414 puts `/.well-known/` before the path of the issuer, OpenID Connect Discovery after it. */
const withoutWellKnown = (issuer: string): string =>
  issuer.replace(/\/\.well-known(?:\/oauth-authorization-server(?=\/|$)|\/[^/]+.*$|\/?$)/, '');
const withoutSlash = (issuer: string): string => exact(issuer.replace(/\/+$/, ''));

/** An `iss` is compared as text. What is known of providers, for files that name no preset. */
const SPELLINGS: readonly Spelling[] = [
  {
    pattern: /\/\.well-known(?:\/(?:openid-configuration|oauth-authorization-server|jwks\.json).*|\/?)$/,
    severity: 'error',
    message: 'a URL below `/.well-known/` is that of metadata or keys, not the `iss` of tokens',
    hint: (issuer) => exact(withoutWellKnown(issuer)),
  },
  {
    pattern: /[<>{}]|\bYOUR[-_]/i,
    severity: 'error',
    message: 'this contains an unfilled placeholder',
    hint: () => 'copy the `iss` of a token',
  },
  {
    pattern: /^https:\/\/login\.microsoftonline\.com\/(?:common|organizations|consumers)(?:\/|$)/,
    severity: 'error',
    message: 'no token has this `iss`: tokens name the tenant of the caller',
    hint: () => 'use `preset: entra-multitenant` with `tenants`, or name your tenant',
  },
  {
    pattern: /\*/,
    severity: 'error',
    message: 'an `iss` is compared as it is: `*` is no wildcard',
    hint: () => 'give each issuer an entry of its own, with the exact `iss` of its tokens',
  },
  {
    pattern: /^https?:\/\/.*[\s,;|]+https?:\/\//i,
    severity: 'error',
    message: 'this is one `iss`, and no list',
    hint: () => 'give each issuer an entry of its own under `issuers`',
  },
  {
    pattern: /^https:\/\/login\.microsoftonline\.com\/[\w-]+\/?$/,
    severity: 'warning',
    message: 'the `iss` of Entra ID ends with `/v2.0` (at sts.windows.net in tokens of version 1)',
    hint: () => 'use `preset: entra` with `tenant`, which accepts both, or copy the `iss` of a token',
  },
  {
    pattern: /^https:\/\/login\.microsoftonline\.com\/[^/]+\.[^/]+\/v2\.0$/,
    severity: 'warning',
    message: 'the `iss` of Entra ID has the id of the tenant, not its domain',
    hint: () => 'use `preset: entra` with the id as `tenant`, or copy the `iss` of a token',
  },
  {
    pattern: /^https:\/\/[\w-]+-admin\.okta(?:preview)?\.com(?:\/|$)/,
    severity: 'warning',
    message: 'this is the admin console of Okta, and no `iss` of tokens',
    hint: (issuer) => exact(issuer.replace('-admin.', '.')),
  },
  {
    pattern: /\/(?:admin\/realms(?:\/[^/]*)?|realms)\/*$/,
    severity: 'warning',
    message: 'the `iss` of Keycloak ends with `/realms/NAME`, without `admin` before it',
    hint: (issuer) =>
      /\/realms\/[^/]+$/.test(issuer)
        ? exact(issuer.replace('/admin/realms/', '/realms/'))
        : 'add the name of the realm',
  },
  {
    pattern: /^https:\/\/sts\.windows\.net\/[^/]+$/,
    severity: 'warning',
    message: 'issuers at sts.windows.net end with `/`',
    hint: (issuer) => exact(`${issuer}/`),
  },
  {
    pattern: /^https:\/\/[\w.-]+\.auth0\.com$/,
    severity: 'warning',
    message: 'issuers of Auth0 end with `/`',
    hint: (issuer) => exact(`${issuer}/`),
  },
  {
    pattern:
      /^https:\/\/(?:login\.microsoftonline\.com\/.*|[\w.-]+\.okta(?:preview)?\.com\/.*|cognito-idp\.[\w.-]+\/.*|securetoken\.google\.com\/.*|accounts\.google\.com|token\.actions\.githubusercontent\.com|[\w-]+\.cloudflareaccess\.com|cloud\.google\.com\/iap|kubernetes\.default\.svc(?:\.cluster\.local)?|[^?#]*\/realms\/[^/?#]+)\/+$/,
    severity: 'warning',
    message: 'issuers of this provider do not end with `/`',
    hint: withoutSlash,
  },
  {
    pattern: /^https:\/\/[\w.-]+\.amazoncognito\.com(?:\/|$)/,
    severity: 'warning',
    message: 'this is the domain of the sign-in pages of Cognito, and no `iss` of tokens',
    hint: () => 'use `preset: cognito` with `userPool`, or copy the `iss` of a token',
  },
  {
    pattern:
      /^https:\/\/(?:[\w-]+\.(?:firebaseapp\.com|web\.app)|firebase\.google\.com|securetoken\.google\.com)(?:\/$|$)/,
    severity: 'warning',
    message: 'the `iss` of Firebase is https://securetoken.google.com/PROJECT',
    hint: () => 'use `preset: firebase` with `project`',
  },
  {
    pattern: /^https:\/\/(?:www\.)?google(?:apis)?\.com\/?$/,
    severity: 'warning',
    message: 'the `iss` of Google is https://accounts.google.com',
    hint: () => 'use `preset: google`',
  },
  {
    pattern: /^https:\/\/[\w.-]+\.auth0\.com\/.+/,
    severity: 'warning',
    message: 'the `iss` of Auth0 has no path but `/`',
    hint: (issuer) => exact(`${new URL(issuer).origin}/`),
  },
  {
    pattern:
      /\/(?:authorize|token|userinfo|introspect|certs|keys|protocol\/openid-connect\/\w+|jwks(?:\.json)?)$/,
    severity: 'warning',
    message: 'this looks like an endpoint of the provider, not the `iss` of tokens',
    hint: () => 'copy the `iss` of a token; the URL of keys goes into `jwksUri`',
  },
  {
    pattern: /^https?:\/\/[^/?#]*[A-Z]/,
    severity: 'warning',
    message: 'an `iss` is compared with its case, and hosts are in lower case in nearly all tokens',
    hint: (issuer) => exact(issuer.replace(/^https?:\/\/[^/?#]*/, (origin) => origin.toLowerCase())),
  },
  {
    pattern: /^(?:https:\/\/[^/?#]*:443|http:\/\/[^/?#]*:80)(?:\/|$)/,
    severity: 'warning',
    message: 'an `iss` is compared as it is, and nearly all leave the default port out',
    hint: (issuer) => exact(issuer.replace(/:(?:443|80)(?=\/|$)/, '')),
  },
  {
    pattern: /^https?:\/\/.*\/\//,
    severity: 'warning',
    message: 'an `iss` is compared as it is, and hardly any has `//` in its path',
    hint: (issuer) => exact(issuer.replace(/(?<!:)\/{2,}/g, '/')),
  },
];

/** Finds issuers that no token names. */
export const issuersAreSpelledAsInTokens: Rule = ({ config }) =>
  Object.entries(config.issuers).flatMap(([name, { issuer, jwksUri, preset }]): readonly PathProblem[] => [
    ...(issuer === undefined || preset === 'entra-multitenant'
      ? []
      : checkSpelling(issuer, ['issuers', name, 'issuer'])),
    ...(jwksUri !== undefined &&
    /\/\.well-known\/(?:openid-configuration|oauth-authorization-server)/.test(jwksUri)
      ? [
          error(['issuers', name, 'jwksUri'], 'this is the URL of metadata, not of keys', {
            hint: 'leave `jwksUri` out: the metadata names the URL of the keys',
          }),
        ]
      : []),
    ...(jwksUri !== undefined && /[<>{}]|%7B|\bYOUR[-_]/i.test(jwksUri)
      ? [
          error(['issuers', name, 'jwksUri'], 'a part of this is a placeholder that nobody has filled in', {
            hint: 'leave `jwksUri` out if the metadata of the issuer names the URL of the keys',
          }),
        ]
      : []),
    ...(jwksUri !== undefined && /\/(?:authorize|token|userinfo|introspect)\/?$/.test(jwksUri)
      ? [
          warning(
            ['issuers', name, 'jwksUri'],
            'this is another endpoint of the provider, and hardly where its keys are',
            {
              hint: 'leave it out: the metadata names the URL of the keys',
            },
          ),
        ]
      : []),
    ...(jwksUri?.includes('#')
      ? [
          error(['issuers', name, 'jwksUri'], 'a URL of keys has no fragment', {
            hint: 'remove `#` and what follows: it is never sent',
          }),
        ]
      : []),
    ...(jwksUri !== undefined && jwksUri.replace(/\/+$/, '') === issuer?.replace(/\/+$/, '')
      ? [
          warning(['issuers', name, 'jwksUri'], 'this is the issuer, not the URL of its keys', {
            hint: 'leave it out',
          }),
        ]
      : []),
  ]);

function checkSpelling(issuer: string, path: ConfigPath): readonly PathProblem[] {
  for (const { pattern, severity, message, hint } of SPELLINGS) {
    const match = pattern.exec(issuer);
    if (match === null) continue;
    const report = severity === 'error' ? error : warning;
    return [report(path, message, { hint: hint(issuer, match), hintShowsValue: true })];
  }
  return [];
}
