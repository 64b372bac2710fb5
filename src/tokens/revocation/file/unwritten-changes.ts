import type { RevocationChange } from '../entry.ts';
import { targetKey } from './read-entry-line.ts';

/** Changes that could not be written, for when they can: the last one of each target. */
export interface UnwrittenChanges {
  readonly size: number;
  /** With the time at which they came, in seconds. */
  note(changes: readonly RevocationChange[], atSeconds: number): void;
  /**
   * What of the file counts: not what was taken back here since. Forgets what somebody else has changed since, as it would come
   * after that in the file.
   */
  reconcile(changes: readonly RevocationChange[]): readonly RevocationChange[];
  /** In the order in which they came. */
  all(): readonly RevocationChange[];
  clear(): void;
}

/** Makes an empty list. Beyond `capacity` the oldest go: their callers know that they were not written. */
export function createUnwrittenChanges(capacity: () => number): UnwrittenChanges {
  const unwritten = new Map<string, RevocationChange>();

  function counts(change: RevocationChange): boolean {
    const key = keyOf(change);
    const own = unwritten.get(key);
    if (own === undefined) return true;
    if (change.change === 'takenBack') {
      unwritten.delete(key);
    } else if (own.change === 'takenBack') {
      if (change.entry.at <= (own.at ?? 0)) return false;
      unwritten.delete(key);
    }
    return true;
  }

  return {
    get size() {
      return unwritten.size;
    },
    note(changes, atSeconds) {
      for (const change of changes) {
        const key = keyOf(change);
        unwritten.delete(key);
        unwritten.set(key, change.change === 'added' ? change : { ...change, at: change.at ?? atSeconds });
      }
      const most = capacity();
      for (const key of unwritten.keys()) {
        if (unwritten.size <= most) return;
        unwritten.delete(key);
      }
    },
    reconcile: (changes) => (unwritten.size === 0 ? changes : changes.filter(counts)),
    all: () => [...unwritten.values()],
    clear: () => unwritten.clear(),
  };
}

function keyOf(change: RevocationChange): string {
  return targetKey(change.change === 'added' ? change.entry : change.target);
}
