import { type Clock, systemClock } from '../../core/time/clock.ts';
import type { ReplayStats, ReplayStore } from '../replay/replay-store.ts';
import {
  createReplayStorePool,
  type ReplayLog,
  type ReplayStorePool,
  type ReplayStorePoolOptions,
} from '../replay/replay-store-pool.ts';
import { type CompiledProofs, compileProofs } from './issuer-proofs.ts';
import { createProofCount, type ProofOutcome } from './proof-count.ts';
import type { DpopPolicy } from './proof-policy.ts';
import { createVerifyProof } from './verify-proof.ts';

/** What outlives a configuration: remembered proofs and keys, and counts. One per process. */
export interface ProofPool {
  /** Compiles the proofs of one configuration; close them after its last request. */
  compile(issuers: Iterable<{ readonly dpop: DpopPolicy | undefined }>): Promise<CompiledProofs>;
  /** The memory of an `iss` in this process, for other processes; undefined where there is none. */
  memoryOf(iss: string): ReplayStore | undefined;
  /** Of each issuer with `dpop`. */
  report(proofs: CompiledProofs): readonly ProofReport[];
}

export interface ProofReport {
  readonly issuer: string;
  readonly outcomes: Readonly<Record<ProofOutcome, number>>;
  /** Null where another process, or a shared store, remembers the proofs. */
  readonly memory: ReplayStats | null;
}

export interface ProofPoolOptions extends Pick<ReplayStorePoolOptions, 'remote'> {
  readonly clock?: Clock;
  readonly log?: ReplayLog;
}

/** Makes the pool of a process that serves requests. */
export function createProofPool({ clock = systemClock, log, remote }: ProofPoolOptions = {}): ProofPool {
  return poolOver(createReplayStorePool({ clock, log, remote }), clock);
}

/** Makes a pool for requests that nobody sent: it opens nothing, and knows of no proof whether it was used. */
export function createSimulatedProofPool(clock: Clock = systemClock): ProofPool {
  const unasked: ReplayStore = {
    use: () => 'down',
    secretOf: () => undefined,
    stats: () => undefined,
    close: () => undefined,
  };
  const pool: ReplayStorePool = {
    acquire: async () => unasked,
    activate: () => undefined,
    release: () => undefined,
    memoryOf: () => undefined,
    stats: () => new Map(),
  };
  return poolOver(pool, clock);
}

function poolOver(pool: ReplayStorePool, clock: Clock): ProofPool {
  const verify = createVerifyProof();
  const count = createProofCount();
  return {
    compile(issuers) {
      const policies = [...issuers].flatMap(({ dpop }) => dpop ?? []);
      return compileProofs(policies, { pool, verify, count, clock });
    },
    memoryOf: (iss) => pool.memoryOf(iss),
    report({ byIssuer }) {
      const stats = pool.stats();
      return [...byIssuer].map(([issuer, { policy }]) => ({
        issuer,
        outcomes: { ...count.of(issuer) },
        memory: policy.replay.kind === 'memory' ? (stats.get(policy.issuers[0]) ?? null) : null,
      }));
    },
  };
}
