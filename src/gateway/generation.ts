import type { LoadedConfig } from '../config/load.ts';
import { isError, type PathProblem, type Problem } from '../config/problem.ts';
import type { Config } from '../config/schema/config.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { compileTrustedProxies, type TrustedProxies } from '../http/trusted-proxies.ts';
import { compileGate } from '../pipeline/compile.ts';
import type { Gate } from '../pipeline/decide.ts';
import { compileAssertion } from '../pipeline/identity/assertion/assertion.ts';
import type { KeyFileAccess, KeyRotation } from '../pipeline/identity/assertion/assertion-keys.ts';
import { createMemoryLimitStore, type LimitStore } from '../pipeline/rate-limit/limit-store.ts';
import { compileUpstreamPlans, type RouteUpstreamPlan } from '../proxy/request/upstream-request-plan.ts';
import { compileUpstreams } from '../proxy/upstream/compile-upstreams.ts';
import type { Upstream } from '../proxy/upstream/upstream.ts';
import { compileIssuers } from '../tokens/issuers/compile-issuers.ts';
import { createKeyStorePool, type KeyStorePool } from '../tokens/keys/key-store-pool.ts';
import { createTokenVerifier, type LiveTokenVerifier } from '../tokens/verifier.ts';
import { type ListenerTls, readListenerTls } from './server/listener-tls.ts';
import { createInFlightCount, type InFlightCount } from './serving/in-flight-count.ts';

/** A file without errors, with the options of the command line laid over its values. */
export interface ValidFile {
  readonly loaded: LoadedConfig;
  readonly config: Config;
}

/** One configuration, compiled: immutable, and swapped whole by a reload. */
export interface Generation {
  readonly config: Config;
  readonly gate: Gate;
  readonly verifier: LiveTokenVerifier;
  /** Of the keys that sign assertions; undefined where there are none to rotate. */
  readonly keyRotation: KeyRotation | undefined;
  readonly upstreams: ReadonlyMap<string, Upstream>;
  /** Beside `gate.routes`, by index. */
  readonly upstreamPlans: readonly RouteUpstreamPlan[];
  readonly trustedProxies: TrustedProxies | undefined;
  readonly tls: ListenerTls | undefined;
  /** What every response carries: names and values in turn. */
  readonly responseHeaders: readonly string[];
  /** The `realm` of challenges. */
  readonly realm: string;
  /** Who still runs under it. */
  readonly inFlight: InFlightCount;
  /** Absolute paths of the files it was made of besides the configuration itself, for watching. */
  readonly files: readonly string[];
}

/** What outlives a configuration: a reload gives it to the next one. */
export interface SharedState {
  readonly clock: Clock;
  readonly keyStores: KeyStorePool;
  readonly limitStore: LimitStore;
  /** `follow` in workers: the primary rotates the keys of assertions for all. */
  readonly assertionKeys: KeyFileAccess;
}

export interface CompileOptions {
  readonly loaded: LoadedConfig;
  readonly config: Config;
  readonly shared: SharedState;
  /** The upstreams active; those whose settings did not change are carried over with their connections. */
  readonly previousUpstreams?: ReadonlyMap<string, Upstream> | undefined;
}

export interface Compiled {
  /** Undefined when `problems` has an error. */
  readonly generation: Generation | undefined;
  readonly problems: readonly Problem[];
}

/** Compiles a valid file into what serves requests. Everything a request needs is resolved here, once. */
export async function compileGeneration(options: CompileOptions): Promise<Compiled> {
  const { loaded } = options;
  const { generation, problems: found } = await compile(options);
  const problems = loaded.report(found);
  if (!problems.some(isError)) return { generation, problems };
  generation.verifier.close();
  return { generation: undefined, problems };
}

/** What compiling the file shows beyond the rules of its keys; keeps and connects nothing. */
export async function findProblems(
  loaded: LoadedConfig & { readonly config: Config },
): Promise<readonly PathProblem[]> {
  const limitStore = createMemoryLimitStore();
  const shared: SharedState = {
    clock: systemClock,
    keyStores: createKeyStorePool(),
    limitStore,
    assertionKeys: 'preview',
  };
  const { generation, problems } = await compile({ loaded, config: loaded.config, shared });
  generation.verifier.close();
  await Promise.all([...generation.upstreams.values()].map((upstream) => upstream.destroy()));
  return problems;
}

/** A generation with an error among its problems must not serve. */
async function compile({ loaded, config, shared, previousUpstreams }: CompileOptions): Promise<{
  readonly generation: Generation;
  readonly problems: readonly PathProblem[];
}> {
  const { resolvePath } = loaded;
  const issuers = compileIssuers(config, { resolvePath });
  const verifier = createTokenVerifier({
    issuers: issuers.issuers,
    clock: shared.clock,
    tokenBytes: config.listen.limits.tokenBytes,
    cacheBytes: config.tokenCache === 'off' ? 0 : config.tokenCache.maxBytes,
    pool: shared.keyStores,
  });
  const assertion = compileAssertion(config, {
    resolvePath,
    clock: shared.clock,
    access: shared.assertionKeys,
  });
  const { gate, problems } = await compileGate({
    config,
    issuers: issuers.issuers,
    verifier,
    assertion: assertion.signer,
    limitStore: shared.limitStore,
  });
  const upstreams = compileUpstreams(config, {
    resolvePath,
    ...(previousUpstreams === undefined ? {} : { previous: previousUpstreams }),
  });
  const listener = readListenerTls(config.listen.tls, { resolvePath, nowMs: shared.clock() });
  const generation: Generation = {
    config,
    gate,
    verifier,
    keyRotation: assertion.rotation,
    upstreams: upstreams.upstreams,
    upstreamPlans: compileUpstreamPlans(config, gate.routes, upstreams.upstreams),
    trustedProxies: compileTrustedProxies(config.listen.trustedProxies),
    tls: listener.tls,
    responseHeaders: Object.entries(config.listen.responseHeaders).flatMap(([name, value]) => [
      name.toLowerCase(),
      value,
    ]),
    realm: realmOf(config),
    inFlight: createInFlightCount(),
    files: [...loaded.files, ...issuers.files, ...upstreams.files, ...listener.files],
  };
  return {
    generation,
    problems: [
      ...issuers.problems,
      ...assertion.problems,
      ...problems,
      ...upstreams.problems,
      ...listener.problems,
    ],
  };
}

function realmOf({ listen }: Config): string {
  return listen.publicUrl === undefined ? 'sealgate' : new URL(listen.publicUrl).host;
}
