import type { FetchReport } from './fetch/fetch-json.ts';
import type { KeySet } from './key-set.ts';
import type { KeyStatus } from './key-store.ts';

/** Where the key stores report to. Fits a pino logger. */
export interface KeyLog {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

const STATE_LINES = {
  waiting: 'keys cannot be fetched; tokens of this issuer get 503',
  fresh: 'keys are fresh',
  stale: 'keys cannot be refreshed; the last good ones serve',
  expired: 'keys are too old to serve; tokens of this issuer get 503',
  introspected: 'the issuer has no keys; its tokens are introspected',
} as const satisfies Record<KeyStatus['state'], string>;

/** Writes a line when something changes for an issuer, not when the same thing fails again. */
export function createKeyLog(log: KeyLog | undefined, issuer: string) {
  let kids = '';
  let unwritten: string | undefined;
  return {
    state(status: KeyStatus): void {
      const { state, keys, ageMs, lastError, hint } = status;
      const level = state === 'fresh' ? 'info' : 'warn';
      log?.[level]({ issuer, state, keys, ageMs, lastError, hint }, STATE_LINES[state]);
    },
    /** A line for every request to the provider. */
    fetched(report: FetchReport): void {
      log?.debug({ issuer, ...report }, 'fetched from the issuer');
    },
    /** A line for every attempt that brought no keys, which ends the requests above. */
    failed(error: unknown): void {
      const reason = error instanceof Error ? error.message : 'failed';
      log?.debug({ issuer, reason }, 'the keys were not refreshed');
    },
    /** Names the keys when they are others than before, and why those that are not used are not. */
    keys({ reports }: KeySet): void {
      const used = reports.filter(({ state }) => state === 'usable').map(({ kid }) => kid ?? '');
      const broken = reports.flatMap(({ kid, state, reason }) =>
        state === 'broken' ? [{ kid, reason }] : [],
      );
      const seen = JSON.stringify([used, broken]);
      if (seen === kids) return;
      kids = seen;
      log?.info({ issuer, keyIds: used, ...(broken.length > 0 && { broken }) }, 'keys have changed');
    },
    ignored(reason: string): void {
      log?.warn({ issuer, reason }, 'the snapshot of the keys is not used');
    },
    written(): void {
      if (unwritten !== undefined) log?.info({ issuer }, 'the snapshot of the keys is written again');
      unwritten = undefined;
    },
    unwritten(error: unknown): void {
      const reason = error instanceof Error ? error.message : 'failed';
      if (reason !== unwritten) log?.warn({ issuer, reason }, 'the keys are not kept on disk');
      unwritten = reason;
    },
  };
}
