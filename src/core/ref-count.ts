/** Keeps things open while they are in use. */
export interface RefCount<T> {
  take(things: Iterable<T>): void;
  /** Closes what is no longer in use. */
  release(things: Iterable<T>): void;
  /** What is in use. */
  all(): readonly T[];
}

/** Counts the uses of things, and calls `close` after the last. */
export function createRefCount<T>(close: (thing: T) => void): RefCount<T> {
  const users = new Map<T, number>();
  return {
    take(things) {
      for (const thing of things) users.set(thing, (users.get(thing) ?? 0) + 1);
    },
    release(things) {
      for (const thing of things) {
        const left = (users.get(thing) ?? 0) - 1;
        if (left > 0) {
          users.set(thing, left);
        } else if (users.delete(thing)) {
          close(thing);
        }
      }
    },
    all: () => [...users.keys()],
  };
}
