import { normalizeHost, parseRouteHost } from '../../../core/host.ts';
import type { RefusalCode } from '../../../core/refusals.ts';
import { didYouMean } from '../../diagnostics/nearest.ts';
import { error, type Rule, warning } from '../rule.ts';

/** Whose token a test means is never left to the order of the file. */
export const testsNameTheirIssuer: Rule = ({ config, issuerNames }) =>
  config.tests.flatMap(({ token }, index) => {
    if (token === undefined) return [];
    const place = ['tests', index, 'token'];
    if (token.issuer === undefined) {
      return issuerNames.length === 1
        ? []
        : [error(place, 'this token does not say who issued it', { hint: 'name its `issuer`' })];
    }
    if (issuerNames.includes(token.issuer)) return [];
    return [
      error([...place, 'issuer'], `unknown issuer \`${token.issuer}\``, {
        hint: didYouMean(token.issuer, issuerNames) ?? `known here: ${issuerNames.join(', ')}`,
      }),
    ];
  });

/** Refusals that a request meets before or after it is decided about; a test only decides. */
const BEYOND_TESTS: ReadonlySet<string> = new Set<RefusalCode>([
  'request_timeout',
  'body_too_large',
  'expectation_failed',
  'headers_too_large',
  'rate_limited',
  'upstream_unreachable',
  'upstream_invalid',
  'upstream_timeout',
  'upstream_unhealthy',
  'keys_unavailable',
  'overloaded',
  'shutting_down',
  'internal',
]);

/** What no test can come to, and requests for hosts that no route has. */
export const testsCanPass: Rule = ({ config }) => {
  const hosts = new Set(
    config.routes.map(({ host }) => (host === undefined ? undefined : parseRouteHost(host))),
  );
  const ownHost = config.listen.publicUrl === undefined ? 'localhost' : new URL(config.listen.publicUrl).host;
  return config.tests.flatMap(({ request, headers = {}, expect }, index) => {
    if (BEYOND_TESTS.has(expect)) {
      return [
        error(
          ['tests', index, 'expect'],
          `no test comes to \`${expect}\`: a test is one decision, without network and load`,
        ),
      ];
    }
    const named = Object.entries(headers).find(([name]) => name.toLowerCase() === 'host')?.[1];
    const host = /^\S+ https?:\/\/([^/]+)/.exec(request)?.[1] ?? named ?? ownHost;
    if (expect === 'route_unknown' || hosts.has(undefined) || hosts.has(normalizeHost(host))) return [];
    return [
      warning(['tests', index, 'request'], 'no route has the host of this request', {
        hint: `write a URL with one of: ${[...hosts].join(', ')}`,
      }),
    ];
  });
};
