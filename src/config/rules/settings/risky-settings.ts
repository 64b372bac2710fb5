import type { ConfigPath, PathProblem } from '../../problem.ts';
import { allRules } from '../../routes/route-access.ts';
import type { CorsConfig } from '../../schema/config.ts';
import { note, type Rule, warning } from '../rule.ts';

const REPORT_HINT = {
  hint: 'set `mode: enforce` once the log shows no refusal of a request that should pass',
};

/** What is allowed but opens something, so that `check` shows it. */
export const riskySettingsAreMeant: Rule = ({ config }) => [
  ...Object.entries(config.issuers).flatMap(([name, issuer]) => [
    ...anyAudience(issuer.audiences, ['issuers', name, 'audiences']),
    ...(issuer.insecure
      ? [
          warning(
            ['issuers', name, 'insecure'],
            `the keys of issuer \`${name}\` may be fetched over plain http:`,
            {
              hint: 'anyone on the network path can replace them',
            },
          ),
        ]
      : []),
  ]),
  ...anyIssuer(config.defaults.issuers, ['defaults', 'issuers']),
  ...(config.workers !== 1 &&
  config.rateLimitStore === undefined &&
  config.routes.some(({ rateLimit }) => rateLimit !== undefined)
    ? [
        warning(['workers'], 'each worker counts rate limits on its own', {
          hint: 'set `rateLimitStore`, or divide the limits by the number of workers',
        }),
      ]
    : []),
  ...config.listen.trustedProxies.flatMap((range, index) =>
    /\/0$/.test(range)
      ? [
          warning(['listen', 'trustedProxies', index], 'every client may claim any address as its own', {
            hint: 'name the proxies in front; else clients choose the addresses that limits and logs use',
          }),
        ]
      : [],
  ),
  ...(config.decisions?.trustedProxies ?? []).flatMap((range, index) =>
    /\/0$/.test(range)
      ? [
          warning(
            ['decisions', 'trustedProxies', index],
            'everyone who reaches this listener may ask, with any address as that of the client',
            { hint: 'name the proxies that ask' },
          ),
        ]
      : [],
  ),
  ...(config.mode === 'report'
    ? [warning(['mode'], 'the whole file only reports what its access rules would refuse', REPORT_HINT)]
    : []),
  ...config.routes.flatMap(({ name, access, passAuthorization, mode }, index) => [
    ...(mode === 'report'
      ? [
          warning(
            ['routes', index, 'mode'],
            `route \`${name}\` only reports what its access rules would refuse`,
            REPORT_HINT,
          ),
        ]
      : []),
    ...(access === 'public'
      ? [note(['routes', index, 'access'], `route \`${name}\` is public: it needs no token`)]
      : []),
    ...(passAuthorization && (access === 'public' || access === 'optional')
      ? [
          warning(
            ['routes', index, 'passAuthorization'],
            `route \`${name}\` passes Authorization on unverified`,
            {
              hint: 'its backend must verify it',
            },
          ),
        ]
      : []),
  ]),
  ...config.routes.flatMap(({ name, cors }, index) =>
    anyOrigin(name, cors, ['routes', index, 'cors', 'origins']),
  ),
  ...allRules(config).flatMap(({ rules, path }) => [
    ...anyIssuer(rules.issuers, [...path, 'issuers']),
    ...anyAudience(rules.audiences, [...path, 'audiences']),
  ]),
];

function anyOrigin(route: string, cors: CorsConfig | undefined, path: ConfigPath): readonly PathProblem[] {
  if (cors === undefined) return [];
  if (cors.origins === '*') {
    return [warning(path, `scripts of every site may call route \`${route}\``, { hint: 'list the origins' })];
  }
  const widest = cors.origins.findIndex((origin) => origin.includes('*'));
  if (widest === -1 || !cors.credentials) return [];
  return [
    warning([...path, widest], `every subdomain may use the cookies of users on route \`${route}\``, {
      hint: 'list those that need it: an attacker needs only one abandoned subdomain',
    }),
  ];
}

function anyIssuer(issuers: readonly string[] | 'any' | undefined, path: ConfigPath): readonly PathProblem[] {
  return issuers === 'any'
    ? [
        warning(path, '`issuers: any` accepts every issuer of the file, also those added later', {
          hint: 'name them',
        }),
      ]
    : [];
}

function anyAudience(
  audiences: readonly string[] | 'any' | undefined,
  path: ConfigPath,
): readonly PathProblem[] {
  return audiences === 'any'
    ? [
        warning(path, '`audiences: any` accepts tokens issued for other services', {
          hint: 'name the audience of this API',
        }),
      ]
    : [];
}
