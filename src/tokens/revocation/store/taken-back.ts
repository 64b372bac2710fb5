import type { RevocationEntry } from '../entry.ts';
import { fieldOf, type ReadRecord, type StoreRecord } from './store-record.ts';

/** What was taken back, for as long as what it took back could return: from a file, or from a store that lost it. */
export interface TakenBack {
  /** What the store has for a field now, or what was just added here. */
  note(record: ReadRecord): void;
  /** An entry counts again. */
  forget(field: string): void;
  has(entry: RevocationEntry): boolean;
  prune(nowSeconds: number): void;
  records(): readonly StoreRecord[];
}

interface Kept {
  readonly at: number;
  readonly before: number | undefined;
  readonly end: number;
}

export function createTakenBack(): TakenBack {
  const kept = new Map<string, Kept>();
  return {
    note({ field, change, end }) {
      if (change.change !== 'takenBack') return;
      const { at = 0, before } = change;
      const known = kept.get(field);
      kept.set(field, {
        before,
        at: Math.max(at, known?.at ?? 0),
        end: Math.max(end, known?.end ?? 0),
      });
    },
    forget: (field) => void kept.delete(field),
    has(entry) {
      const found = kept.size === 0 ? undefined : kept.get(fieldOf(entry));
      if (found === undefined || entry.at > found.at) return false;
      return found.before === undefined || entry.before === undefined || entry.before <= found.before;
    },
    prune(nowSeconds) {
      for (const [field, { end }] of kept) if (end + MARGIN_SECONDS < nowSeconds) kept.delete(field);
    },
    records: () =>
      [...kept].map(([field, { at, before, end }]) => ({
        field,
        record: `r ${end} ${at} - ${before ?? '-'}`,
      })),
  };
}

/** As the store keeps them: clocks differ. */
const MARGIN_SECONDS = 60;
