import { createPublicKey } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../src/config/load.ts';
import { systemClock } from '../src/core/time/clock.ts';
import { compileGeneration, type Generation } from '../src/gateway/generation.ts';
import { createProviderPool } from '../src/oauth/provider-pool.ts';
import { createMemoryLimitStore } from '../src/pipeline/rate-limit/limit-store.ts';
import { createSimulatedProofPool } from '../src/tokens/dpop/proof-pool.ts';
import { createEndpointPool } from '../src/tokens/endpoints/endpoint-pool.ts';
import { createExchangerPool } from '../src/tokens/exchange/exchanger-pool.ts';
import { createKeyStorePool } from '../src/tokens/keys/key-store-pool.ts';
import { AUDIENCE, ISSUER, type SigningKey } from './load/tokens.ts';
import { routePath } from './peers/sealgate.ts';

interface Shape {
  readonly keys: readonly SigningKey[];
  readonly routes: number;
  /** Size of the token cache; default: the product's. */
  readonly cacheSize?: string;
}

/** A compiled configuration with keys from a file: everything a request uses except the sockets. */
export async function compileForMicro({ keys, routes, cacheSize }: Shape): Promise<Generation> {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-micro-'));
  try {
    const set = keys.map(({ algorithm, kid, privateKey }) => ({
      ...createPublicKey(privateKey).export({ format: 'jwk' }),
      kid,
      alg: algorithm,
    }));
    writeFileSync(join(folder, 'keys.json'), JSON.stringify({ keys: set }));
    const file = join(folder, 'gateway.yaml');
    const config = {
      ...(cacheSize && { tokenCache: { maxBytes: cacheSize } }),
      issuers: { corp: { issuer: ISSUER, audiences: [AUDIENCE], jwks: { file: 'keys.json' } } },
      upstreams: { backend: { url: 'http://127.0.0.1:1' } },
      routes: Array.from({ length: routes }, (_, index) => ({
        name: `route-${index}`,
        path: routePath(index),
        upstream: 'backend',
        access: { scopes: ['orders:read'] },
      })),
    };
    // JSON is YAML.
    writeFileSync(file, JSON.stringify(config));
    const loaded = loadConfig({ file });
    if (loaded.config === undefined)
      throw new Error(loaded.problems.map(({ message }) => message).join('; '));
    const shared = {
      clock: systemClock,
      proofs: createSimulatedProofPool(),
      providers: createProviderPool(),
      exchangers: createExchangerPool({ endpoints: createEndpointPool(), clock: systemClock }),
      endpoints: createEndpointPool(),
      isWorker: false,
      keyStores: createKeyStorePool(),
      limitStore: createMemoryLimitStore(),
      revocations: undefined,
      assertionKeys: 'preview' as const,
    };
    const { generation } = await compileGeneration({
      source: { ...loaded, config: loaded.config },
      shared,
    });
    if (generation === undefined) throw new Error('the configuration does not compile');
    await generation.verifier.start();
    return generation;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
