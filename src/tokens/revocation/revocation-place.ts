import type { Clock } from '../../core/time/clock.ts';
import type { Scheduler } from '../../core/time/scheduler.ts';
import type { RevocationChange, RevocationEntry } from './entry.ts';
import type { IndexLimits } from './revocation-index.ts';

/** Where entries outlive the process: a file, or a store that gateways share. */
export interface RevocationPlace {
  /** Resolves once the entries that are there are known here, or nobody should wait for them any longer. Never rejects. */
  readonly opened: Promise<void>;
  /** Keeps changes there; resolves once they are. Never rejects. */
  keep(changes: readonly RevocationChange[], age: ChangeAge): Promise<KeepOutcome>;
  /** Reads everything again: a clock has jumped, so what seemed over may not be. */
  readAgain(): void;
  /** Milliseconds since it was last known that nothing is missing here; left out where nothing can be missing. */
  silentMs?(): number;
  /** Whether an entry was taken back there after it arrived; left out where nobody else takes any back. */
  hasTakenBack?(entry: RevocationEntry): boolean;
  /** Left out where there is nothing to show. */
  report?(): StoreReport;
  /** How many lines with a mistake were read, which do not count; left out where there are no lines. */
  wrongLines?(): number;
  close(): Promise<void>;
}

/** `full`: no room there. `failed`: with the reason, for operators. */
export type KeepOutcome = 'kept' | 'full' | { readonly failed: string };

/** `new`: just arrived, so later than all that is there. `known`: read from somewhere, so what is there may be later. */
export type ChangeAge = 'new' | 'known';

/** A store, for the status page and metrics. */
export interface StoreReport {
  /** Whether it responds. */
  readonly isUp: boolean;
  /** Seconds since all that it has was known here; null before that was so for the first time. */
  readonly silentSeconds: number | null;
  /** How many changes it has, as far as is known, that are not known here. */
  readonly behind: number;
  /** How often the connection was made again. */
  readonly reconnects: number;
}

export interface RevocationLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

export interface PlaceContext {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly log?: RevocationLog | undefined;
  /** As the active file has them. */
  readonly settings: () => IndexLimits & { readonly isClosed: boolean };
  /** What arrived there, in order. Returns whether all of it found room here. */
  readonly onChanges: (changes: readonly RevocationChange[]) => boolean;
  /** The active entries here, for a place that has lost what it held. */
  readonly active: () => readonly RevocationEntry[];
}

/** A place of the file's settings. */
export interface PlaceSettings {
  readonly kind: 'file' | 'store';
  /** The same for the same place: it stays open over a reload. */
  readonly key: string;
  readonly open: (context: PlaceContext) => RevocationPlace;
}
