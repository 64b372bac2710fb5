import type { Config } from '../config/schema/config.ts';
import type { Clock } from '../core/time/clock.ts';
import type { ConditionCompiler } from '../pipeline/access/cel/condition.ts';
import { compileGate } from '../pipeline/compile.ts';
import type { Gate } from '../pipeline/gate.ts';
import { compileAssertion } from '../pipeline/identity/assertion/assertion.ts';
import type { CompiledIssuer } from '../tokens/compiled-issuer.ts';
import { createSimulatedProofPool } from '../tokens/dpop/proof-pool.ts';
import { createEndpointPool } from '../tokens/endpoints/endpoint-pool.ts';
import type { TokenExchanger } from '../tokens/exchange/token-exchanger.ts';
import { openIntrospectionEndpoints } from '../tokens/introspection/ask-provider.ts';
import { createKeyStorePool } from '../tokens/keys/key-store-pool.ts';
import type { RevocationCheck } from '../tokens/revocation/revocation-check.ts';
import { createTokenVerifier, type LiveTokenVerifier } from '../tokens/verifier.ts';

/** The gate of a file for the command line: it decides like the running one, without a listener. */
export interface OfflineGate {
  readonly gate: Gate;
  readonly verifier: LiveTokenVerifier;
  close(): void;
}

export interface OfflineGateOptions {
  readonly config: Config;
  readonly issuers: readonly CompiledIssuer[];
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly resolvePath: (path: string) => string;
  /** What is revoked. Default: nothing. */
  readonly revocations?: RevocationCheck | undefined;
  /** Whether providers are asked about opaque tokens; default false. */
  readonly introspects?: boolean;
  /** Default: CEL. */
  readonly conditions?: ConditionCompiler | undefined;
}

/** Compiles the gate of a valid file. Keys are fetched only when a decision needs them; providers are asked about opaque tokens only where that is wanted. Close it in the end. */
export async function compileOfflineGate(options: OfflineGateOptions): Promise<OfflineGate> {
  const { config, issuers, clock, env, resolvePath, conditions } = options;
  const introspection = options.introspects
    ? openIntrospectionEndpoints({ issuers, pool: createEndpointPool({ env }), processes: 1 })
    : undefined;
  const verifier = createTokenVerifier({
    issuers,
    clock,
    tokenBytes: config.listen.limits.tokenBytes,
    cacheBytes: 0,
    pool: createKeyStorePool({ clock, env }),
    introspect: introspection?.introspect,
  });
  const { signer } = compileAssertion(config, { resolvePath, clock, access: 'preview' });
  const { byIssuer: proofs } = await createSimulatedProofPool(clock).compile(issuers);
  const { simulatedGate: gate } = await compileGate({
    proofs,
    config,
    issuers,
    verifier,
    assertion: signer,
    conditions,
    clock,
    exchangers: unaskedExchangers(config),
  });
  const close = (): void => {
    verifier.close();
    introspection?.close();
  };
  return { gate: { ...gate, revocations: options.revocations }, verifier, close };
}

/** Nothing is exchanged offline: the gate only needs to know where it would be. */
function unaskedExchangers({ upstreams }: Config): ReadonlyMap<string, TokenExchanger> {
  const exchanging = Object.entries(upstreams).filter(([, { exchange }]) => exchange !== undefined);
  return new Map(exchanging.map(([name]) => [name, UNASKED]));
}

const UNASKED: TokenExchanger = {
  exchange() {
    throw new Error('a token was to be exchanged offline');
  },
  stats: () => ({ hits: 0, misses: 0, entries: 0, bytes: 0, evictions: 0 }),
};
