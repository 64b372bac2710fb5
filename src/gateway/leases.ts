/** Keeps things open as long as anybody uses them. */
export interface Leases<T> {
  take(things: Iterable<T>): void;
  /** Closes what nobody uses any more. */
  release(things: Iterable<T>): void;
  /** What is in use. */
  all(): readonly T[];
}

/** Makes leases on things that `close` ends. */
export function createLeases<T>(close: (thing: T) => void): Leases<T> {
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
