import { within } from '../../core/time/within.ts';
import type { ProofUse, ReplayOutcome, ReplayStore } from './replay-store.ts';

/** What one process asks of the one that remembers the proofs of all. Secrets are in base64url. */
export interface RemoteReplayMemory {
  use(use: ProofUse): Promise<ReplayOutcome>;
  secretOf(epoch: number): Promise<string>;
}

/** A process that takes longer has other troubles. */
const TIMEOUT_MS = 1_000;

/** A store whose entries another process holds: so that a proof is good once in all of them. */
export function createRemoteReplayStore(memory: RemoteReplayMemory): ReplayStore {
  const secrets = new Map<number, Buffer>();
  return {
    // Without that process nobody knows whether it is the first.
    use: (use) => within(TIMEOUT_MS, memory.use(use)).catch(() => 'down' as const),
    secretOf(epoch) {
      const known = secrets.get(epoch);
      if (known !== undefined) return known;
      return within(TIMEOUT_MS, memory.secretOf(epoch)).then(
        (text) => {
          for (const other of secrets.keys()) if (Math.abs(other - epoch) > 1) secrets.delete(other);
          const secret = Buffer.from(text, 'base64url');
          secrets.set(epoch, secret);
          return secret;
        },
        () => undefined,
      );
    },
    stats: () => undefined,
    close() {
      // The other process keeps it.
    },
  };
}
