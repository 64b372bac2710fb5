import type { RevocationLog } from '../revocation-place.ts';
import { MAX_SILENCE_MS } from '../revocations.ts';

interface SilenceLogOptions {
  readonly log: RevocationLog | undefined;
  readonly silentMs: () => number;
  readonly monotonicMs: () => number;
  readonly isClosed: () => boolean;
  readonly reason: () => string;
}

/** Writes one line when the store falls silent, and one when it is back. */
export interface SilenceLog {
  /** The gateway serves from now on: a store that has not been listed is silent. */
  start(): void;
  look(): void;
}

export function createSilenceLog({
  log,
  silentMs,
  monotonicMs,
  isClosed,
  reason,
}: SilenceLogOptions): SilenceLog {
  let silentSinceMs: number | undefined;
  let hasStarted = false;

  function look(): void {
    const silent = silentMs();
    if (silent < MAX_SILENCE_MS) {
      if (silentSinceMs !== undefined) {
        log?.info({ silentMs: Math.round(monotonicMs() - silentSinceMs) }, RESPONDS);
      }
      silentSinceMs = undefined;
      return;
    }
    if (silentSinceMs !== undefined || !hasStarted) return;
    silentSinceMs = monotonicMs() - (Number.isFinite(silent) ? silent : 0);
    const onFailure = isClosed() ? 'closed' : 'open';
    log?.[isClosed() ? 'error' : 'warn']({ reason: reason(), onFailure }, SILENT);
  }

  return {
    start() {
      hasStarted = true;
      look();
    },
    look,
  };
}

const SILENT = 'the revocation store is silent';
const RESPONDS = 'the revocation store responds again';
