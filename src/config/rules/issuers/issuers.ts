import { isLoopbackHost } from '../../../core/network/ip.ts';
import type { PathProblem } from '../../problem.ts';
import type { IssuerConfig } from '../../schema/config.ts';
import { error, type Rule, unknownName, warning } from '../rule.ts';

/** A token names its issuer by `iss` alone; two issuers that share one could use each other's keys. */
export const issuersAreUnique: Rule = ({ config, whereIs }) => {
  const first = new Map<string, string>();
  return Object.entries(config.issuers).flatMap(([name, { issuer }]) => {
    // Those that a preset derives are compared when the issuers are compiled.
    if (issuer === undefined) return [];
    const other = first.get(issuer);
    if (other === undefined) {
      first.set(issuer, name);
      return [];
    }
    const where = whereIs(['issuers', other, 'issuer']);
    return [
      error(['issuers', name, 'issuer'], `\`${other}\` (${where}) has the same \`issuer\``, {
        hint: 'an `iss` belongs to one issuer; give that one several audiences',
      }),
    ];
  });
};

/** Keys that come over plain HTTP can be replaced on the way, and every decision with them. */
export const issuersAreReachable: Rule = ({ config }) =>
  Object.entries(config.issuers).flatMap(([name, issuer]) => [
    ...discoverable(name, issuer),
    ...(['issuer', 'jwksUri'] as const).flatMap((key) => plainHttp(name, issuer, key)),
  ]);

function discoverable(name: string, { issuer, ...source }: IssuerConfig): readonly PathProblem[] {
  if (source.preset !== undefined) return [];
  if (issuer === undefined) {
    return [
      error(['issuers', name, 'issuer'], `\`issuer\` is missing in \`issuers.${name}\``, {
        hint: 'write the exact `iss` of its tokens; only a preset can derive it',
      }),
    ];
  }
  // Where keys are given, only introspection may still have to find its endpoint.
  const findsEndpoint = source.introspection !== undefined && source.introspection.url === undefined;
  if ((source.jwksUri !== undefined || source.jwks !== undefined) && !findsEndpoint) return [];
  const path = ['issuers', name, 'issuer'];
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    return [
      findsEndpoint && (source.jwksUri !== undefined || source.jwks !== undefined)
        ? error(path, 'expected an https: URL, because the introspection endpoint is found through it', {
            hint: 'set `introspection.url` if the issuer is not a URL',
          })
        : error(path, 'expected an https: URL, because the keys are found through it', {
            hint: 'set `jwksUri` if the issuer is not a URL',
          }),
    ];
  }
  return /[?#]/.test(issuer) || url.username !== '' || url.password !== ''
    ? [error(path, 'an issuer whose keys are discovered has no query, fragment or user')]
    : [];
}

function plainHttp(name: string, issuer: IssuerConfig, key: 'issuer' | 'jwksUri'): readonly PathProblem[] {
  const text = issuer[key];
  if (text === undefined || issuer.insecure || !URL.canParse(text)) return [];
  // AD FS signs with `iss: http://HOST/adfs/services/trust`: a name from which nothing is fetched.
  const findsEndpoint = issuer.introspection !== undefined && issuer.introspection.url === undefined;
  const hasKeys = issuer.jwksUri !== undefined || issuer.jwks !== undefined;
  if (key === 'issuer' && hasKeys && !findsEndpoint) return [];
  const { protocol, hostname } = new URL(text);
  return protocol === 'http:' && !isLoopbackHost(hostname)
    ? [
        error(['issuers', name, key], `\`${key}\` is plain http: to another machine`, {
          hint:
            key === 'issuer'
              ? 'use https:; if it is only the name in `iss`, set an https: `jwksUri`; or accept the risk with `insecure: true`'
              : 'use https:, or accept the risk with `insecure: true`',
        }),
      ]
    : [];
}

const SHORTEST_INTERVAL_MS = 1000;

/** No file can make the gateway ask a provider more than once a second. */
export const intervalsAreSane: Rule = ({ config }) =>
  Object.entries(config.issuers).flatMap(([name, { keys }]) => [
    ...(['refresh', 'cooldown'] as const).flatMap((key) =>
      keys !== undefined && keys[key] < SHORTEST_INTERVAL_MS
        ? [error(['issuers', name, 'keys', key], 'one second is the shortest interval')]
        : [],
    ),
    ...(keys !== undefined && keys.maxStale < keys.refresh
      ? [
          warning(['issuers', name, 'keys', 'maxStale'], '`maxStale` is shorter than `refresh`', {
            hint: 'keys would be dropped before they are fetched again',
          }),
        ]
      : []),
  ]);

/** Set by the HTTP client that fetches keys. */
const OWN_HEADERS =
  /^(?:host|connection|content-length|transfer-encoding|keep-alive|te|trailer|upgrade|expect|proxy-.*|accept-encoding)$/i;

export const keyHeadersCanBeSent: Rule = ({ config }) =>
  Object.entries(config.issuers).flatMap(([issuer, { keys }]) =>
    Object.entries(keys?.headers ?? {}).flatMap(([name, value], at, all) => {
      const path = ['issuers', issuer, 'keys', 'headers', name];
      const twin = all.slice(0, at).find(([other]) => other.toLowerCase() === name.toLowerCase());
      if (twin !== undefined) {
        return [error(path, `\`${name}\` and \`${twin[0]}\` are one header`, { at: 'key' })];
      }
      if (OWN_HEADERS.test(name)) return [error(path, `the gateway sets \`${name}\` itself`, { at: 'key' })];
      return /[^\x20-\x7e]/.test(value)
        ? [error(path, 'a header value has printable ASCII characters only')]
        : [];
    }),
  );

export const requiredIssuersExist: Rule = ({ config, issuerNames }) =>
  config.readiness.require.flatMap((name, index) =>
    issuerNames.includes(name)
      ? []
      : unknownName(['readiness', 'require', index], 'issuer', { name, names: issuerNames }),
  );
