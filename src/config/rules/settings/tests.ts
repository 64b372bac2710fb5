import { normalizeHost, parseRouteHost } from '../../../core/network/host.ts';
import type { RefusalCode } from '../../../core/refusals.ts';
import { findMessageFlaw } from '../../mcp/message-text.ts';
import { error, type Rule, unknownName, warning } from '../rule.ts';

/** Which issuer a test means never depends on the order of the file. */
export const testsNameTheirIssuer: Rule = ({ config, issuerNames }) =>
  config.tests.flatMap(({ token }, index) => {
    if (token === undefined) return [];
    const place = ['tests', index, 'token'];
    if (token.issuer === undefined) {
      return issuerNames.length === 1
        ? []
        : [error(place, 'this token does not name its issuer', { hint: 'set `issuer`' })];
    }
    if (issuerNames.includes(token.issuer)) return [];
    return unknownName([...place, 'issuer'], 'issuer', { name: token.issuer, names: issuerNames });
  });

/** Refusals before or after the decision, which is all that a test runs. */
const BEYOND_TESTS: ReadonlySet<string> = new Set<RefusalCode>([
  'request_timeout',
  'body_too_large',
  'expectation_failed',
  'headers_too_large',
  'rate_limited',
  'proxy_not_trusted',
  'exchange_refused',
  'insufficient_claims',
  'exchange_unavailable',
  'upstream_unreachable',
  'upstream_invalid',
  'upstream_timeout',
  'upstream_unhealthy',
  'keys_unavailable',
  'introspection_unavailable',
  'revocation_unavailable',
  'token_revoked',
  'replay_unavailable',
  'overloaded',
  'shutting_down',
  'internal',
]);

/** Results that no test can have, and requests for hosts that no route has. */
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
          `no test can end in \`${expect}\`: it runs one decision, without network or load`,
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

/** Only POST requests bring messages, and only those of some methods name something. */
export const testsSendMessages: Rule = ({ config }) => {
  const readsMessages = config.routes.some(({ mcp }) => mcp !== undefined);
  return config.tests.flatMap(({ mcp, request }, index) => {
    if (mcp === undefined) return [];
    const path = ['tests', index, 'mcp'];
    if (!readsMessages)
      return [error(path, 'no route has `mcp`, so no message is read', { hint: 'leave it out' })];
    if (!request.startsWith('POST '))
      return [error(path, 'messages come with POST', { hint: 'write `POST` in `request`' })];
    const flaw = findMessageFlaw(mcp);
    return flaw === undefined ? [] : [error(path, flaw)];
  });
};
