import type { AdminSources } from '../../../src/admin/app.ts';
import type { GatewayReport, IssuerReport } from '../../../src/admin/report.ts';
import type { RevocationSources } from '../../../src/admin/revocation-routes.ts';
import { describeStatus, type ProcessFacts } from '../../../src/admin/status.ts';
import { REQUEST_BOUNDS_MS } from '../../../src/telemetry/duration-histogram.ts';
import type { RecentDecision } from '../../../src/telemetry/recent-decisions.ts';
import { SLICE_MS } from '../../../src/telemetry/traffic-history.ts';
import { countBySource } from '../../../src/tokens/revocation/entry.ts';

const NOW = Date.parse('2026-03-04T10:20:30.000Z');

/** An issuer as a report shows it. */
export function issuerReport(name: string, change: Partial<IssuerReport> = {}): IssuerReport {
  return {
    name,
    state: 'fresh',
    keys: 3,
    ageSeconds: 184,
    nextRefreshSeconds: 352,
    lastError: null,
    fetches: 12,
    failures: 0,
    ...change,
  };
}

const DURATIONS = REQUEST_BOUNDS_MS.map((_, bucket) => [120, 900, 2600, 700, 90, 12, 3][bucket] ?? 0).concat(
  1,
);

/** A decision as the list shows it. */
export function decision(change: Partial<RecentDecision> = {}): RecentDecision {
  return {
    time: new Date(NOW - 4_000).toISOString(),
    requestId: '9f3c2f6e-6f1c-4f0e-9d0a-0c8f3f1f7a11',
    method: 'GET',
    route: 'read-orders',
    status: 200,
    code: 'allow',
    reason: null,
    issuer: 'corp',
    ...change,
  };
}

/** A report of a gateway with traffic, refusals and one issuer in trouble. */
export const BUSY_REPORT: GatewayReport = {
  traffic: [
    {
      route: 'read-orders',
      requests: 48_213,
      refusals: { token_expired: 312, insufficient_scope: 41, keys_unavailable: 6 },
      statuses: { '2xx': 47_800, '4xx': 353, '5xx': 60 },
      durations: DURATIONS,
    },
    { route: 'status', requests: 910, refusals: {}, statuses: { '2xx': 910 }, durations: DURATIONS },
    {
      route: 'none',
      requests: 77,
      refusals: { route_unknown: 77 },
      statuses: { '4xx': 77 },
      durations: [77],
    },
  ],
  questions: [],
  history: Array.from({ length: 90 }, (_, index) => ({
    startMs: NOW - (89 - index) * SLICE_MS,
    allowed: Math.round(420 + 160 * Math.sin(index / 9) + 45 * Math.sin(index * 1.7)),
    refused: Math.round(22 + 14 * Math.sin(index / 5)),
    failed: index > 60 && index < 66 ? 40 : 0,
  })),
  decisions: [
    decision(),
    decision({
      code: 'insufficient_scope',
      status: 403,
      reason: 'the token lacks orders:write',
      method: 'POST',
      route: 'write-orders',
    }),
    decision({
      code: 'keys_unavailable',
      status: 503,
      reason: 'no keys: connect ECONNREFUSED',
      issuer: 'partner',
      route: 'partner-api',
    }),
    decision({ code: 'route_unknown', status: 404, reason: 'no route matches', issuer: null, route: null }),
    decision({ route: 'status', issuer: null }),
  ],
  issuers: [
    issuerReport('corp'),
    issuerReport('partner', {
      state: 'stale',
      ageSeconds: 7_400,
      nextRefreshSeconds: 21,
      lastError: 'https://login.partner.example/keys: responded with 503 instead of 200',
      failures: 7,
    }),
  ],
  endpoints: [],
  upstreams: [
    { name: 'orders', targets: [{ url: 'http://orders:3000', healthy: true, running: 4, connections: 12 }] },
    {
      name: 'partner',
      targets: [{ url: 'https://partner:8443', healthy: false, running: 0, connections: 0 }],
    },
  ],
  proofs: [],
  revocations: { isUsed: false, kept: null, cut: 0 },
  cache: { entries: 1_840, bytes: 3_100_000, hits: 47_000, misses: 1_900, evictions: 0 },
  connections: 212,
};

export const FACTS: ProcessFacts = {
  file: '/etc/sealgate/gateway.yaml',
  startedAtMs: NOW - 3 * 86_400_000,
  ready: true,
  draining: false,
  workers: 1,
  unresponsiveWorkers: [],
  routes: [
    {
      name: 'read-orders',
      host: 'api.example.com',
      path: '/orders',
      exact: false,
      methods: ['GET', 'HEAD'],
      upstream: 'orders',
      access: 'scopes orders:read',
      mode: 'enforce',
    },
    {
      name: 'write-orders',
      host: 'api.example.com',
      path: '/orders',
      exact: false,
      methods: ['POST'],
      upstream: 'orders',
      access: 'scopes orders:write',
      mode: 'report',
    },
    {
      name: 'partner-api',
      host: null,
      path: '/partner',
      exact: false,
      methods: null,
      upstream: 'partner',
      access: 'authenticated',
      mode: 'enforce',
    },
    {
      name: 'status',
      host: null,
      path: '/status',
      exact: true,
      methods: null,
      upstream: 'orders',
      access: 'public',
      mode: 'enforce',
    },
  ],
  reloads: [
    { time: '2026-03-04T09:12:01.000Z', trigger: 'file', result: 'applied', problems: [] },
    { time: '2026-03-01T10:20:30.000Z', trigger: 'start', result: 'applied', problems: [] },
  ],
};

/** The same where other proxies ask: two workers' worth of questions in two of the three ways. */
export const ASKED_REPORT: GatewayReport = {
  ...BUSY_REPORT,
  questions: [
    { via: 'auth-request', allowed: 39_412, refused: 310, failed: 6 },
    { via: 'forward-auth', allowed: 12, refused: 1, failed: 0 },
  ],
  decisions: BUSY_REPORT.decisions.map((one, at) => ({ ...one, via: at % 2 === 0 ? 'auth-request' : null })),
};

export const ASKED_FACTS: ProcessFacts = {
  ...FACTS,
  ways: ['forward-auth', 'auth-request', 'ext-authz'],
  routes: FACTS.routes.map((route) =>
    route.name === 'partner-api' ? { ...route, upstream: 'none' } : route,
  ),
};

/** Keeps nothing. */
const NO_REVOCATIONS: RevocationSources = {
  add: async () => 'kept',
  takeBack: async () => 'kept',
  report: () => ({
    entries: 0,
    maxEntries: 1_000_000,
    sources: countBySource(),
    arrived: countBySource(),
    refused: countBySource(),
    events: [],
    store: null,
    wrongLines: null,
  }),
};

/** Sources of an admin listener that shows `report` and `facts`. */
export function adminSources(
  change: Partial<AdminSources> & { report?: GatewayReport; facts?: ProcessFacts } = {},
): AdminSources {
  const { report = BUSY_REPORT, facts = FACTS, ...sources } = change;
  return {
    isReady: () => facts.ready,
    issuers: () => report.issuers,
    status: async () => describeStatus({ facts, report, nowMs: NOW }),
    decisions: async () => report.decisions,
    metrics: async () => '# nothing\n',
    refreshKeys: async (issuer) => {
      const issuers = report.issuers.filter(({ name }) => issuer === undefined || name === issuer);
      return issuers.length === 0 ? undefined : issuers;
    },
    revocations: () => NO_REVOCATIONS,
    issuerNames: () => report.issuers.map(({ name }) => name),
    nowMs: () => NOW,
    token: () => undefined,
    ...sources,
  };
}
