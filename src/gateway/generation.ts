import { isError, type PathProblem } from '../config/problem.ts';
import { declaredResources } from '../config/routes/resource.ts';
import type { Config } from '../config/schema/config.ts';
import { type ReadFile, readFileBounded } from '../config/source/read-file.ts';
import { type Clock, systemClock } from '../core/time/clock.ts';
import { compileDecisions, type Decisions } from '../decisions/compile-decisions.ts';
import { compileCertificateHeaderOf } from '../http/certificates/compile-certificate-header.ts';
import { compileTrustedProxies, type TrustedProxies } from '../http/trusted-proxies.ts';
import { compileFronts, type Fronts } from '../oauth/compile-fronts.ts';
import { createProviderPool, type ProviderPool } from '../oauth/provider-pool.ts';
import { compileGate } from '../pipeline/compile.ts';
import type { Gate } from '../pipeline/gate.ts';
import { compileAssertion } from '../pipeline/identity/assertion/assertion.ts';
import type { KeyFileAccess, KeyRotation } from '../pipeline/identity/assertion/assertion-keys.ts';
import { createMemoryLimitStore, type LimitStore } from '../pipeline/rate-limit/limit-store.ts';
import { compileUpstreamPlans, type RouteUpstreamPlan } from '../proxy/request/upstream-request-plan.ts';
import { compileUpstreams } from '../proxy/upstream/compile-upstreams.ts';
import type { Upstream } from '../proxy/upstream/upstream.ts';
import type { CompiledRules } from '../simulate/file-tests.ts';
import type { CompiledProofs } from '../tokens/dpop/issuer-proofs.ts';
import { createSimulatedProofPool, type ProofPool } from '../tokens/dpop/proof-pool.ts';
import { createEndpointPool, type EndpointPool } from '../tokens/endpoints/endpoint-pool.ts';
import { type CompiledEvents, compileEvents } from '../tokens/events/compile-events.ts';
import { compileExchanges } from '../tokens/exchange/compile-exchanges.ts';
import { createExchangerPool, type ExchangerPool } from '../tokens/exchange/exchanger-pool.ts';
import { acquireExchanges, type Exchanges } from '../tokens/exchange/exchanges.ts';
import {
  type IntrospectionEndpoints,
  openIntrospectionEndpoints,
} from '../tokens/introspection/ask-provider.ts';
import { compileIssuers } from '../tokens/issuers/compile-issuers.ts';
import { createKeyStorePool, type KeyStorePool } from '../tokens/keys/key-store-pool.ts';
import { compileRevocation } from '../tokens/revocation/compile-revocation.ts';
import { checkRevocationFile } from '../tokens/revocation/file/check-revocation-file.ts';
import type { ProcessRevocations, RevocationSettings } from '../tokens/revocation/revocations.ts';
import { createTokenVerifier, type LiveTokenVerifier } from '../tokens/verifier.ts';
import { countWorkers } from './count-workers.ts';
import { compileCertificateSource, type FindCertificate } from './server/client-certificate.ts';
import { type ListenerTls, readListenerTls } from './server/listener-tls.ts';
import { createInFlightCount, type InFlightCount } from './serving/in-flight-count.ts';

/** What a generation is compiled from: the values of a file without errors, and the files that they name. */
export interface GenerationSource {
  readonly config: Config;
  readonly resolvePath: (path: string) => string;
  /** Default: from disk. */
  readonly readFile?: ReadFile;
}

/** One configuration, compiled: immutable, and swapped whole by a reload. */
export interface Generation {
  readonly config: Config;
  readonly gate: Gate;
  /** For proxies that ask; undefined where the file has none. */
  readonly decisions: Decisions | undefined;
  readonly verifier: LiveTokenVerifier;
  /** Undefined in files without introspection. */
  readonly introspection: IntrospectionEndpoints | undefined;
  readonly proofs: CompiledProofs;
  /** For OAuth clients, by issuer. */
  readonly fronts: Fronts;
  /** Of tokens, for upstreams. */
  readonly exchanges: Exchanges;
  readonly revocation: RevocationSettings;
  /** Logout tokens and security events. */
  readonly events: CompiledEvents;
  /** Of the keys that sign assertions; undefined where there are none to rotate. */
  readonly keyRotation: KeyRotation | undefined;
  readonly upstreams: ReadonlyMap<string, Upstream>;
  /** Beside `gate.routes`, by index. */
  readonly upstreamPlans: readonly (RouteUpstreamPlan | undefined)[];
  readonly trustedProxies: TrustedProxies | undefined;
  /** Undefined where no client has a certificate. */
  readonly findCertificate: FindCertificate | undefined;
  readonly tls: ListenerTls | undefined;
  readonly decisionsTls: ListenerTls | undefined;
  /** What every response carries: names and values in turn. */
  readonly responseHeaders: readonly string[];
  /** The requests that began under it and still run. */
  readonly inFlight: InFlightCount;
  /** Absolute paths of the files that the configuration names, for watching. */
  readonly files: readonly string[];
  /** The contents of all files that were read, by absolute path, for workers. */
  readonly contents: ReadonlyMap<string, Uint8Array>;
  /** Begins to ask providers; resolves once each key set was asked for. */
  start(): Promise<void>;
  /** Stops asking providers. It decides no more after that. */
  close(): void;
}

/** What outlives a configuration: a reload gives it to the next one. */
export interface SharedState {
  readonly clock: Clock;
  readonly keyStores: KeyStorePool;
  readonly providers: ProviderPool;
  readonly exchangers: ExchangerPool;
  readonly endpoints: EndpointPool;
  readonly proofs: ProofPool;
  readonly limitStore: LimitStore;
  /** Undefined where nothing is served. */
  readonly revocations: ProcessRevocations | undefined;
  /** Whether other processes serve the same file, so that limits of calls are shared with them. */
  readonly isWorker: boolean;
  /** `follow` in workers: the primary rotates the keys of assertions for all. */
  readonly assertionKeys: KeyFileAccess;
}

export interface CompileOptions {
  readonly source: GenerationSource;
  readonly shared: SharedState;
  /** The active upstreams; those whose settings did not change are carried over with their connections. */
  readonly previousUpstreams?: ReadonlyMap<string, Upstream> | undefined;
}

export interface Compiled {
  /** Undefined when `problems` has an error. */
  readonly generation: Generation | undefined;
  readonly problems: readonly PathProblem[];
}

/**
 * Compiles a valid file into what serves requests, and runs the file's own tests against it. Everything a request needs is resolved
 * here, once.
 */
export async function compileGeneration(options: CompileOptions): Promise<Compiled> {
  const { generation, simulatedGate: gate, issuers, problems: found } = await compile(options);
  const { config } = generation;
  const { clock } = options.shared;
  const problems = found.some(isError)
    ? found
    : [...found, ...(await failingTests({ config, gate, issuers, clock }))];
  if (!problems.some(isError)) return { generation, problems };
  generation.close();
  return { generation: undefined, problems };
}

/** Most files have no tests; they do not wait for this code to load. */
async function failingTests(rules: CompiledRules): Promise<readonly PathProblem[]> {
  if (rules.config.tests.length === 0) return [];
  const { findFailingTests } = await import('../simulate/file-tests.ts');
  return findFailingTests(rules);
}

/** Compiles a file as `start` would, for `check`: serves and writes nothing. The gate keeps working for simulated requests. */
export async function compilePreview(
  source: GenerationSource,
): Promise<CompiledRules & { readonly problems: readonly PathProblem[] }> {
  const endpoints = createEndpointPool();
  const shared: SharedState = {
    clock: systemClock,
    keyStores: createKeyStorePool(),
    providers: createProviderPool(),
    endpoints,
    exchangers: createExchangerPool({ endpoints, clock: systemClock }),
    isWorker: false,
    proofs: createSimulatedProofPool(),
    limitStore: createMemoryLimitStore(),
    revocations: undefined,
    assertionKeys: 'preview',
  };
  const { generation, simulatedGate: gate, issuers, problems } = await compile({ source, shared });
  const { config, upstreams } = generation;
  generation.close();
  await Promise.all([...upstreams.values()].map((upstream) => upstream.destroy()));
  return { config, gate, issuers, problems, clock: shared.clock };
}

/** A generation with an error among its problems must not serve. */
async function compile({ source, shared, previousUpstreams }: CompileOptions): Promise<{
  readonly generation: Generation;
  readonly simulatedGate: Gate;
  readonly issuers: CompiledRules['issuers'];
  readonly problems: readonly PathProblem[];
}> {
  const { config, resolvePath, readFile: read = readFileBounded } = source;
  const contents = new Map<string, Uint8Array>();
  const readFile: ReadFile = (path, maxBytes) => {
    const content = read(path, maxBytes);
    contents.set(path, content);
    return content;
  };
  const issuers = compileIssuers(config, { resolvePath, readFile });
  const introspection = openIntrospectionEndpoints({
    issuers: issuers.issuers,
    pool: shared.endpoints,
    processes: shared.isWorker ? countWorkers(config) : 1,
  });
  const verifier = createTokenVerifier({
    issuers: issuers.issuers,
    clock: shared.clock,
    tokenBytes: config.listen.limits.tokenBytes,
    cacheBytes: config.tokenCache === 'off' ? 0 : config.tokenCache.maxBytes,
    pool: shared.keyStores,
    introspect: introspection?.introspect,
  });
  const assertion = compileAssertion(config, {
    resolvePath,
    readFile,
    clock: shared.clock,
    access: shared.assertionKeys,
  });
  const exchange = compileExchanges(config, { resolvePath, readFile });
  const exchanges = acquireExchanges(exchange.settings, shared.exchangers);
  const certificateHeader = compileCertificateHeaderOf(config, {
    resolvePath,
    readFile,
    clock: shared.clock,
  });
  const proofs = await shared.proofs.compile(issuers.issuers);
  const { gate, askedGate, simulatedGate, problems } = await compileGate({
    config,
    issuers: issuers.issuers,
    verifier,
    assertion: assertion.signer,
    certificateHeader: certificateHeader.reader,
    limitStore: shared.limitStore,
    exchangers: exchanges.exchangers,
    proofs: proofs.byIssuer,
    revocations: shared.revocations,
    clock: shared.clock,
  });
  const upstreams = compileUpstreams(config, {
    resolvePath,
    readFile,
    ...(previousUpstreams === undefined ? {} : { previous: previousUpstreams }),
  });
  const nowMs = shared.clock();
  const listener = readListenerTls(config.listen.tls, { resolvePath, readFile, nowMs, section: 'listen' });
  const asked = readListenerTls(config.decisions?.tls, {
    resolvePath,
    readFile,
    nowMs,
    section: 'decisions',
  });
  const trustedProxies = compileTrustedProxies(config.listen.trustedProxies);
  // Workers are fed by the primary, which has read it.
  const revocationFile = shared.isWorker
    ? []
    : await checkRevocationFile(config, { resolvePath, clock: shared.clock });
  const fronts = compileFronts({
    config,
    issuers: issuers.issuers,
    resources: declaredResources(config).map(({ place }) => place.identifier),
    pool: shared.providers,
  });
  const events = compileEvents({
    config,
    issuers: issuers.issuers,
    // The primary checks what its workers receive.
    pool: shared.isWorker ? undefined : shared.keyStores,
  });
  const generation: Generation = {
    config,
    gate,
    decisions: compileDecisions(config, askedGate),
    verifier,
    introspection,
    proofs,
    fronts,
    exchanges,
    revocation: await compileRevocation(config, { resolvePath }),
    events,
    keyRotation: assertion.rotation,
    upstreams: upstreams.upstreams,
    upstreamPlans: compileUpstreamPlans(config, gate.routes, upstreams.upstreams),
    trustedProxies,
    findCertificate: compileCertificateSource(config, {
      trustedProxies,
      authorities: listener.tls?.authorities,
      clock: shared.clock,
    }),
    tls: listener.tls,
    decisionsTls: asked.tls,
    responseHeaders: Object.entries(config.listen.responseHeaders).flatMap(([name, value]) => [
      name.toLowerCase(),
      value,
    ]),
    inFlight: createInFlightCount(),
    files: [
      ...issuers.files,
      ...certificateHeader.files,
      ...exchange.files,
      ...upstreams.files,
      ...listener.files,
      ...asked.files,
    ],
    contents,
    start() {
      // First of all: whether the gateway is ready depends on it.
      const keys = verifier.start();
      introspection?.start();
      for (const part of [fronts, exchanges, events]) part.start();
      return keys;
    },
    close() {
      introspection?.close();
      for (const part of [verifier, fronts, exchanges, events, proofs]) part.close();
    },
  };
  return {
    generation,
    simulatedGate,
    issuers: issuers.issuers,
    problems: [
      ...issuers.problems,
      ...assertion.problems,
      ...certificateHeader.problems,
      ...problems,
      ...upstreams.problems,
      ...exchange.problems,
      ...listener.problems,
      ...asked.problems,
      ...revocationFile,
    ],
  };
}
