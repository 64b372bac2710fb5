import { after } from '../../core/after.ts';
import { isRefusal, type Refusal, refuse } from '../../core/refusals.ts';
import type { Trace } from '../../core/trace.ts';
import { parseHost } from '../../http/host.ts';
import { parseTarget } from '../../http/target.ts';
import type { RevocationCheck } from '../../tokens/revocation/revocation-check.ts';
import {
  checkUpgradeOrigin,
  corsHeaders,
  requestedMethod,
  respondToPreflight,
  VARY_BY_ORIGIN,
} from '../cors/cors.ts';
import { explainPreflight } from '../cors/explain-preflight.ts';
import { type PathPlace, routeOfPath } from '../cors/route-of-path.ts';
import type { Decision, Gate } from '../gate.ts';
import { checkMethod, checkOrigin } from '../mcp/admit-request.ts';
import { findCertificate } from '../messages/client-certificate.ts';
import { type DirectResponse, isServedHere } from '../messages/direct-response.ts';
import type { RequestFacts } from '../messages/request.ts';
import { type FilteredHeaders, filterHeaders } from '../messages/request-header-filter.ts';
import { decideOwn } from '../own/decide-own.ts';
import { findOwnEndpoint } from '../own/own-paths.ts';
import type { Matched } from '../permit.ts';
import { consume, NOTHING_CONSUMED, type RateLimitResult } from '../rate-limit/rate-limit.ts';
import type { Route } from '../route.ts';
import { matchRoute } from '../routing/match-route.ts';
import { decideAccess, refusedBy } from './decide-access.ts';
import { decideExchange } from './decide-exchange.ts';
import { decideProof } from './decide-proof.ts';

/**
 * Decides on one request: the steps of docs/architecture.md, in this order, and whether the route takes WebSockets. A step either gives
 * what the next one needs or ends the decision with its refusal. A promise only where keys must be waited for.
 */
export function decide(gate: Gate, request: RequestFacts, trace?: Trace): Decision | Promise<Decision> {
  const { revocations } = gate;
  const revision = revocations?.revision;
  const decision = decideInTurn(gate, request, trace);
  if (revocations === undefined || !(decision instanceof Promise)) return decision;
  return decision.then((made) =>
    revocations.revision === revision ? made : decideAgain(made, revocations, trace),
  );
}

/** While something was waited for, the token may have been revoked. */
function decideAgain(decision: Decision, revocations: RevocationCheck, trace: Trace | undefined): Decision {
  const { outcome, route, token } = decision;
  if (isRefusal(outcome) || route === undefined || token === undefined) return decision;
  const revoked = revocations.refuse(token);
  return revoked === undefined
    ? decision
    : { ...decision, ...refusedBy(route, 'revocation', revoked, trace) };
}

function decideInTurn(
  gate: Gate,
  request: RequestFacts,
  trace: Trace | undefined,
): Decision | Promise<Decision> {
  const decision = decideRequest(gate, request, trace);
  const decided =
    request.isUpgrade === true ? after(decision, (made) => decideUpgrade(made, trace)) : decision;
  const { proofs, exchanges } = gate;
  const proven = proofs === undefined ? decided : after(decided, (made) => decideProof(made, proofs, trace));
  return exchanges === undefined ? proven : after(proven, (made) => decideExchange(made, exchanges, trace));
}

/** Comes last, so that only clients that may use the route learn that it takes no WebSockets. */
function decideUpgrade(decision: Decision, trace: Trace | undefined): Decision {
  const { outcome } = decision;
  if (isRefusal(outcome)) return decision;
  const takes = !isServedHere(outcome) && outcome.route.config.websocket;
  trace?.add({ step: 'upgrade', ok: takes, got: takes ? 'a WebSocket' : NO_UPGRADE.reason });
  if (takes) return decision;
  const issuer = isServedHere(outcome) ? undefined : outcome.token?.issuer;
  return { ...decision, outcome: issuer === undefined ? NO_UPGRADE : { ...NO_UPGRADE, issuer } };
}

const NO_UPGRADE = refuse('upgrade_refused', 'the route does not set websocket: true');

function decideRequest(
  gate: Gate,
  request: RequestFacts,
  trace: Trace | undefined,
): Decision | Promise<Decision> {
  if (request.method === 'CONNECT') {
    return refused(
      'method',
      refuse('method_never_forwarded', 'CONNECT is never forwarded', { allow: [] }),
      trace,
    );
  }
  // 1. Canonical path
  const target = parseTarget(request.rawTarget, gate.allowableSpellings);
  if (isRefusal(target)) return refused('path', target, trace);
  trace?.add({ step: 'path', ok: true, got: target.path });

  // 2. Header filter
  const headers = filterHeaders(gate.headerFilter, request.rawHeaders);
  const host = parseHost(headers.hosts, request.httpVersion);
  if (isRefusal(host)) return refused('host', host, trace);
  trace?.add({ step: 'host', ok: true, got: host ?? 'none' });
  const certificate =
    request.certificate && findCertificate(request.certificate, headers, gate.certificateHeader);
  if (isRefusal(certificate)) return refused('certificate', certificate, trace);

  if (gate.ownPaths !== undefined) {
    const own = findOwnEndpoint(gate.ownPaths, { path: target.path, host });
    if (own !== undefined) {
      const { method, clientAddress } = request;
      const asked = { method, query: target.query, headers };
      return decideOwn(own, asked, { clientAddress, appliesLimits: gate.appliesLimits, trace });
    }
  }

  // 3. Match; a preflight is for the route of another method
  const asked = request.method === 'OPTIONS' ? requestedMethod(headers) : undefined;
  if (asked !== undefined) {
    const match = matchRoute(gate.table, { method: asked, host, target });
    if (!isRefusal(match) && match.route.cors !== undefined) {
      const response = respondToPreflight(match.route.cors, headers.origins, headers.passed);
      return decidePreflight(match.route, response, trace);
    }
  }
  const match = explainPreflight(asked, matchRoute(gate.table, { method: request.method, host, target }));
  if (isRefusal(match)) {
    const place = { methods: match.allow ?? [], host, target };
    const cors = routeOfPath(gate.table, place, hasCors)?.cors;
    const decision = decideForeign(gate, place, headers, trace) ?? refused('match', match, trace);
    return cors === undefined ? decision : { ...decision, addedHeaders: corsHeaders(cors, headers.origins) };
  }
  const { route, parameters } = match;
  trace?.add({ step: 'match', ok: true, got: `route ${route.name}` });
  if (trace !== undefined && route.resource !== undefined) {
    const { identifier, resourceMetadata } = route.resource;
    trace.add({ step: 'resource', ok: true, got: `${identifier}, metadata at ${resourceMetadata}` });
  }
  const { method, clientAddress, isUpgrade = false } = request;
  const matched: Matched = {
    method,
    clientAddress,
    isUpgrade,
    route,
    parameters,
    target,
    host,
    headers,
    certificate,
  };
  if (route.cors === undefined && route.limits === undefined && route.mcp === undefined)
    return decideAccess(gate, matched, trace);
  return decideWithin(gate, matched, trace);
}

const hasCors = ({ cors }: Route): boolean => cors !== undefined;
const hasMcp = ({ mcp }: Route): boolean => mcp !== undefined;

/** Pages of other sites get no further at an MCP server, whatever their method. */
function decideForeign(
  gate: Gate,
  place: PathPlace,
  { origins }: FilteredHeaders,
  trace: Trace | undefined,
): Decision | undefined {
  if (origins.length === 0) return undefined;
  const route = routeOfPath(gate.table, place, hasMcp);
  const refusal = route?.mcp && checkOrigin(route.mcp, route.cors, origins);
  return route === undefined || refusal === undefined
    ? undefined
    : refusedBy(route, 'origin', refusal, trace);
}

/** The rest of the decision between the limits of the route, with the fields that its responses carry. */
function decideWithin(gate: Gate, matched: Matched, trace: Trace | undefined): Decision | Promise<Decision> {
  const { route, headers, clientAddress, isUpgrade } = matched;
  const { cors, mcp } = route;
  const limits = gate.appliesLimits ? route.limits : undefined;
  const shared = cors === undefined ? [] : corsHeaders(cors, headers.origins);
  const carrying = (decision: Decision, consumed: RateLimitResult): Decision => ({
    ...decision,
    addedHeaders: [...(decision.addedHeaders ?? []), ...shared, ...consumed.headers],
  });
  const refusedWithin = (step: string, refusal: Refusal, consumed: RateLimitResult): Decision =>
    carrying(refusedBy(route, step, refusal, trace), consumed);

  const origin = isUpgrade && cors !== undefined ? checkUpgradeOrigin(cors, headers.origins) : undefined;
  const foreign = mcp === undefined ? origin : checkOrigin(mcp, cors, headers.origins);
  if (foreign !== undefined) return refusedWithin('origin', foreign, NOTHING_CONSUMED);
  const method = mcp === undefined ? undefined : checkMethod(mcp, matched.method);
  if (method !== undefined) return refusedWithin('method', method, NOTHING_CONSUMED);

  return after(consume(limits?.byAddress, { clientAddress }), (consumed) => {
    if (consumed.refusal !== undefined) return refusedWithin('limits', consumed.refusal, consumed);
    return after(decideAccess(gate, matched, trace), (decision) => {
      const { outcome } = decision;
      if (limits === undefined || isRefusal(outcome) || isServedHere(outcome))
        return carrying(decision, consumed);
      return after(
        consume(limits.byToken, { clientAddress, token: outcome.token }, consumed),
        (consumedByToken) => {
          if (consumedByToken.refusal === undefined) return carrying(decision, consumedByToken);
          const refused = refusedBy(route, 'limits', consumedByToken.refusal, trace);
          return carrying({ ...decision, ...refused }, consumedByToken);
        },
      );
    });
  });
}

function decidePreflight(
  route: Route,
  outcome: DirectResponse | Refusal,
  trace: Trace | undefined,
): Decision {
  if (isRefusal(outcome))
    return { ...refusedBy(route, 'preflight', outcome, trace), addedHeaders: VARY_BY_ORIGIN };
  trace?.add({ step: 'preflight', ok: true, got: `response for route ${route.name}` });
  return { route, outcome };
}

function refused(step: string, outcome: Refusal, trace: Trace | undefined): Decision {
  const expected = outcome.allow === undefined ? {} : { expected: outcome.allow.join(', ') };
  trace?.add({ step, ok: false, ...expected, got: outcome.reason });
  return { route: undefined, outcome };
}
