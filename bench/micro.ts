import { createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto';
import { isRefusal } from '../src/core/refusals.ts';
import { resolveForwarded } from '../src/http/forwarded.ts';
import { Peer } from '../src/http/peer.ts';
import { parseTarget } from '../src/http/target.ts';
import { authorize } from '../src/pipeline/access/authorize.ts';
import { decide } from '../src/pipeline/decision/decide.ts';
import { composeIdentity } from '../src/pipeline/identity/identity.ts';
import { filterHeaders } from '../src/pipeline/messages/request-header-filter.ts';
import type { Route } from '../src/pipeline/route.ts';
import { matchRoute } from '../src/pipeline/routing/match-route.ts';
import { planUpstreamRequest, type RouteUpstreamPlan } from '../src/proxy/request/upstream-request-plan.ts';
import { buildResponseHeaders } from '../src/proxy/response/response-headers.ts';
import { renderAccessLine } from '../src/telemetry/access-line.ts';
import type { RequestRecord } from '../src/telemetry/request-record.ts';
import { createVerifyProof } from '../src/tokens/dpop/verify-proof.ts';
import { createRevocations } from '../src/tokens/revocation/revocations.ts';
import type { VerifiedToken } from '../src/tokens/verified-token.ts';
import { BOUND_HOST, BOUND_PATH, makeProofs } from './load/proofs.ts';
import { ALGORITHM_NAMES, type Algorithm, forge, tokenPool } from './load/tokens.ts';
import { compileForMicro } from './micro-gateway.ts';
import { routePath } from './peers/sealgate.ts';

/**
 * The cost of each step of the pipeline alone: `npm run bench:micro`, best pinned to a quiet core. Figures are the
 * lower quartile of many short batches in nanoseconds per call, which other work on the machine disturbs least.
 */
const POOL = 2_000;
const BATCHES = 300;
const TARGET_BATCH_NANOS = 1_000_000;

// The result of a step is kept, so that the compiler cannot remove the step.
let last: unknown;

function measure(name: string, step: (index: number) => unknown): void {
  const perBatch = callsPerBatch(step);
  const times: number[] = [];
  let index = 0;
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const begun = process.hrtime.bigint();
    for (let call = 0; call < perBatch; call += 1) {
      last = step(index);
      index += 1;
    }
    times.push(Number(process.hrtime.bigint() - begun) / perBatch);
  }
  const quartile = times.toSorted((left, right) => left - right)[BATCHES >> 2] ?? Number.NaN;
  process.stdout.write(`${name.padEnd(56)} ${quartile.toFixed(0).padStart(8)} ns\n`);
}

function callsPerBatch(step: (index: number) => unknown): number {
  let calls = 1;
  for (;;) {
    const begun = process.hrtime.bigint();
    for (let call = 0; call < calls; call += 1) last = step(call);
    if (Number(process.hrtime.bigint() - begun) > TARGET_BATCH_NANOS || calls > 1e6) return calls;
    calls *= 2;
  }
}

const pools = {
  RS256: await tokenPool('RS256', POOL),
  ES256: await tokenPool('ES256', POOL),
  EdDSA: await tokenPool('EdDSA', POOL),
};
const keys = Object.values(pools).map(({ key }) => key);
const generation = await compileForMicro({ keys, routes: 10 });
const { gate, verifier } = generation;
const token = pools.RS256.tokens[0] ?? '';
const rawTarget = `${routePath(3)}/7?page=2`;
const rawHeaders = [
  ...['Host', 'api.bench.test', 'Accept', '*/*', 'User-Agent', 'bench/1.0', 'Accept-Encoding', 'gzip'],
  ...['Connection', 'keep-alive', 'Authorization', `Bearer ${token}`],
];
const request = { method: 'GET', rawTarget, rawHeaders, httpVersion: '1.1', clientAddress: '127.0.0.1' };
const host = 'api.bench.test';
const target = must(parseTarget(rawTarget));

const ANY_ISSUER = { accepts: undefined, clientAddress: '192.0.2.1' };

measure('canonical path', () => parseTarget(rawTarget));
measure('header filter over 6 fields', () => filterHeaders(gate.headerFilter, rawHeaders));
for (const routes of [10, 1_000, 10_000]) {
  const { gate: sized } = await compileForMicro({ keys: keys.slice(0, 1), routes });
  const targets = Array.from({ length: routes }, (_, index) => must(parseTarget(`${routePath(index)}/7`)));
  measure(`match among ${routes} routes`, (index) =>
    matchRoute(sized.table, { method: 'GET', host, target: targets[index % routes] as typeof target }),
  );
}

// A token is cached when it is seen a second time.
for (const _ of ['first', 'second']) must(verifier.verify(token, ANY_ISSUER) as VerifiedToken);
measure('verify a token, from the cache', () => verifier.verify(token, ANY_ISSUER));
const forged = forge(token);
for (const _ of ['first', 'second']) verifier.verify(forged, ANY_ISSUER);
measure('refuse a forged token seen before', () => verifier.verify(forged, ANY_ISSUER));
// So small that a token is never in the cache when its turn comes again: each is hashed, looked up, verified and stored.
const forgetful = (await compileForMicro({ keys, routes: 10, cacheSize: '64KiB' })).verifier;
for (const algorithm of ALGORITHM_NAMES) {
  measure(`verify a fresh ${algorithm} token`, (index) =>
    forgetful.verify(pools[algorithm].tokens[index % POOL] as string, ANY_ISSUER),
  );
  measure(`  of which one native verification`, nativeCheck(algorithm));
}

const bound = await makeProofs(pools.ES256.key, POOL);
const verifyProof = createVerifyProof();
const proofContext = {
  policy: {
    name: 'corp',
    issuers: ['https://corp.example'],
    maxAgeMs: 3_600_000,
    clockToleranceMs: 30_000,
    algorithms: new Set(['ES256', 'EdDSA', 'Ed25519']),
    advertised: ['ES256', 'EdDSA'],
    requiresNonce: false,
    replay: { kind: 'memory', maxEntries: 100_000 },
  },
  request: { method: 'GET', origin: `https://${BOUND_HOST}`, path: BOUND_PATH },
  rawToken: bound.token,
  nowMs: Date.now(),
  jkt: partOf<{ readonly cnf: { readonly jkt: string } }>(bound.token, 1).cnf.jkt,
} as const;
measure('verify a DPoP proof, ES256', (index) =>
  must(verifyProof({ ...proofContext, proofs: [bound.proofs[index % POOL] as string] })),
);
const { jwk } = partOf<{ readonly jwk: JsonWebKey }>(bound.proofs[0] as string, 0);
measure(
  '  of which one native verification',
  nativeCheckOf(createPublicKey({ key: jwk, format: 'jwk' }), 'sha256', bound.proofs),
);

const { route } = must(matchRoute(gate.table, { method: 'GET', host, target }));
const verified = must(verifier.verify(token, ANY_ISSUER) as VerifiedToken);
const permit = must(
  (decide(gate, request) as { outcome: Parameters<typeof planUpstreamRequest>[0] }).outcome,
);
const filtered = filterHeaders(gate.headerFilter, rawHeaders);
const caller = { token: verified, request: { ...request, target, host, headers: filtered, parameters: {} } };
const revocations = createRevocations({ clock: Date.now });
revocations.follow({ keepMs: 86_400_000, maxEntries: 1_000_000, places: [], isClosed: true });
measure('is it revoked, without entries', () => revocations.refuse(verified));
const KINDS = ['jti', 'sid', 'subject'] as const;
const at = Math.floor(Date.now() / 1000);
await revocations.add(
  Array.from({ length: 100_000 }, (_, index) => {
    const kind = KINDS[index % 3] as (typeof KINDS)[number];
    const before = kind === 'subject' ? at : undefined;
    return { issuer: verified.issuer, kind, value: `revoked-${index}`, before, at, until: undefined };
  }),
  'admin',
);
measure('  with 100,000 entries', () => revocations.refuse(verified));
const others = pools.RS256.tokens.map((one) => must(verifier.verify(one, ANY_ISSUER) as VerifiedToken));
measure(`  for ${POOL} tokens in turn`, (index) => revocations.refuse(others[index % POOL] as VerifiedToken));
await revocations.close();
measure('authorize', () => authorize(route.access, caller as never));
measure('compose identity', () => composeIdentity(route.identity, caller as never));
measure('decide, all of the above, token cached', () => decide(gate, request));

const peer = new Peer({ address: '127.0.0.1', encrypted: false, port: 8080 });
const arrival = { peer, host, rawHeaders };
const forwarded = resolveForwarded(arrival, undefined);
const context = {
  method: 'GET',
  forwarded,
  requestId: 'f81d4fae',
  responseHeaders: ['x-request-id', 'f81d4fae'],
};
const upstreamPlans = generation.upstreamPlans[(route as Route).index] as RouteUpstreamPlan;
measure('resolve the client address', () => resolveForwarded(arrival, undefined));
measure('plan the upstream request', () => planUpstreamRequest(permit, upstreamPlans, context));
const raw = [
  'Server',
  'nginx',
  'Date',
  'Sat, 22 Nov 2025 07:00:00 GMT',
  'Content-Type',
  'application/json',
].concat([
  'Content-Length',
  '1024',
  'Connection',
  'keep-alive',
  'ETag',
  '"6921-400"',
  'Accept-Ranges',
  'bytes',
]);
const { responseHeaderFilter: names } = upstreamPlans;
measure('response headers, 7 fields', () =>
  buildResponseHeaders({ status: 200, raw, names, added: context.responseHeaders }),
);
const record: RequestRecord = {
  requestId: '0d6b8a3e-5a55-4a1b-9a49-2f7f0f2f8b11',
  method: 'GET',
  path: '/api/v1/service-3/orders/7',
  status: 200,
  route: 'route-3',
  code: 'allow',
  reason: undefined,
  issuer: 'corp',
  client: '127.0.0.1',
  durationMs: 1.25,
  upstreamMs: 0.875,
  subject: undefined,
};
measure('render the access line', () => renderAccessLine('info', record));
process.exit(last === undefined ? 1 : 0);

function nativeCheck(algorithm: Algorithm): (index: number) => boolean {
  const { key, tokens } = pools[algorithm];
  return nativeCheckOf(createPublicKey(key.privateKey), algorithm === 'EdDSA' ? null : 'sha256', tokens);
}

function nativeCheckOf(publicKey: KeyObject, digest: string | null, signedTexts: readonly string[]) {
  const cut = signedTexts.map((one) => {
    const at = one.lastIndexOf('.');
    return { signed: Buffer.from(one.slice(0, at)), signature: Buffer.from(one.slice(at + 1), 'base64url') };
  });
  return (index: number): boolean => {
    const { signed, signature } = cut[index % POOL] as (typeof cut)[number];
    return verify(digest, signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
  };
}

function partOf<Part>(jwt: string, at: 0 | 1): Part {
  return JSON.parse(Buffer.from(jwt.split('.')[at] as string, 'base64url').toString());
}

function must<Value>(value: Value): Exclude<Value, { readonly refused: true }> {
  if (isRefusal(value)) throw new Error(`refused: ${value.code}`);
  return value as Exclude<Value, { readonly refused: true }>;
}
