import type { Scheduler } from '../../core/time/scheduler.ts';
import type { RevocationCheck } from '../../tokens/revocation/revocation-check.ts';
import type { Transactions } from './transactions.ts';

/** Ends what is open under tokens that are revoked: WebSockets, streams, downloads, uploads. */
export interface RevocationCut {
  /** Entries have arrived. */
  changed(): void;
  /** How many requests were ended. */
  count(): number;
  stop(): void;
}

interface RevocationCutOptions {
  readonly transactions: Transactions;
  readonly revocations: RevocationCheck;
  readonly scheduler: Scheduler;
}

/** Entries that arrive together are looked for together. */
const GATHER_MS = 50;

/**
 * Looks through all that runs after entries have arrived. So nothing is kept of a request for this, and a flood of entries costs one
 * look-up for each running request twenty times a second at most.
 */
export function createRevocationCut({
  transactions,
  revocations,
  scheduler,
}: RevocationCutOptions): RevocationCut {
  let cancel: (() => void) | undefined;
  let cuts = 0;

  function look(): void {
    cancel = undefined;
    for (const transaction of transactions) {
      const { permittedToken: token } = transaction;
      const revoked = token && revocations.refuseRevoked(token);
      if (revoked === undefined || transaction.isRevoked) continue;
      cuts += 1;
      transaction.revoked(revoked);
    }
  }

  return {
    changed() {
      cancel ??= scheduler.after(GATHER_MS, look);
    },
    count: () => cuts,
    stop: () => cancel?.(),
  };
}
