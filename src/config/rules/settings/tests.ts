import { normalizeHost, parseRouteHost } from '../../../core/network/host.ts';
import type { RefusalCode } from '../../../core/refusals.ts';
import { fileTests, incompleteTests } from '../../file-tests.ts';
import { findMessageFlaw } from '../../mcp/message-text.ts';
import type { PathProblem } from '../../problem.ts';
import { error, type Rule, unknownName, warning } from '../rule.ts';

/** A test is complete by itself or with each of its rows. */
export const testsAreComplete: Rule = ({ config }) =>
  incompleteTests(config).flatMap(({ path, isRow, missing }) =>
    missing.map((key) =>
      error([...path, key], `\`${key}\` is missing`, {
        hint: isRow
          ? `set \`${key}\` in this row, or for all of them in the test around it`
          : `set \`${key}\`, or rows in \`each\` that have it`,
      }),
    ),
  );

/** What all rows of a table have in common is reported once. */
export function reportedOnce(problems: readonly PathProblem[]): readonly PathProblem[] {
  return [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()];
}

/** Which issuer a test means never depends on the order of the file. */
export const testsNameTheirIssuer: Rule = ({ config, issuerNames }) =>
  reportedOnce(
    fileTests(config).flatMap(({ test: { token }, placeOf }) => {
      if (token === undefined) return [];
      if (token.issuer === undefined) {
        return issuerNames.length === 1
          ? []
          : [error(placeOf('token'), 'this token does not name its issuer', { hint: 'set `issuer`' })];
      }
      if (issuerNames.includes(token.issuer)) return [];
      const place = placeOf('token', 'issuer');
      return unknownName(place, 'issuer', { name: token.issuer, names: issuerNames });
    }),
  );

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
  const found = fileTests(config).flatMap(({ test: { request, headers = {}, expect }, placeOf }) => {
    if (BEYOND_TESTS.has(expect)) {
      return [
        error(
          placeOf('expect'),
          `no test can end in \`${expect}\`: it runs one decision, without network or load`,
        ),
      ];
    }
    const named = Object.entries(headers).find(([name]) => name.toLowerCase() === 'host')?.[1];
    const host = /^\S+ https?:\/\/([^/]+)/.exec(request)?.[1] ?? named ?? ownHost;
    if (expect === 'route_unknown' || hosts.has(undefined) || hosts.has(normalizeHost(host))) return [];
    return [
      warning(placeOf('request'), 'no route has the host of this request', {
        hint: `write a URL with one of: ${[...hosts].join(', ')}`,
      }),
    ];
  });
  return reportedOnce(found);
};

/** Only POST requests bring messages, and only those of some methods name something. */
export const testsSendMessages: Rule = ({ config }) => {
  const readsMessages = config.routes.some(({ mcp }) => mcp !== undefined);
  const found = fileTests(config).flatMap(({ test: { mcp, request }, placeOf }) => {
    if (mcp === undefined) return [];
    const path = placeOf('mcp');
    if (!readsMessages)
      return [error(path, 'no route has `mcp`, so no message is read', { hint: 'leave it out' })];
    if (!request.startsWith('POST '))
      return [error(path, 'messages come with POST', { hint: 'write `POST` in `request`' })];
    const flaw = findMessageFlaw(mcp);
    return flaw === undefined ? [] : [error(path, flaw)];
  });
  return reportedOnce(found);
};
