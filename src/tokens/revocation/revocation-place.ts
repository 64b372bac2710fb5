import type { RevocationChange, RevocationEntry } from './entry.ts';

/** Where entries outlive the process: a file, or a store that gateways share. */
export interface RevocationPlace {
  /** Resolves once the entries that are there are known here, or nobody should wait for them any longer. Never rejects. */
  readonly opened: Promise<void>;
  /** Keeps changes there; resolves once they are. Never rejects. */
  keep(changes: readonly RevocationChange[]): Promise<KeepOutcome>;
  /** Reads everything again: a clock has jumped, so what seemed over may not be. */
  readAgain(): void;
  /** Milliseconds since it was last known that nothing is missing here; left out where nothing can be missing. */
  silentMs?(): number;
  close(): Promise<void>;
}

/** `full`: no room there. `failed`: with the reason, for operators. */
export type KeepOutcome = 'kept' | 'full' | { readonly failed: string };

export interface PlaceContext {
  /** What arrived there, in order. */
  readonly onChanges: (changes: readonly RevocationChange[]) => void;
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
