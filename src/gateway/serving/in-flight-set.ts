/** A member of an in-flight set, which keeps its position in it. */
export interface InFlight {
  inFlightSlot: number;
}

/** The position of a member of no set. */
export const NO_SLOT = -1;

/** The running requests. Adding and removing need no hash and leave no garbage (docs/performance.md, "an in-flight set"). */
export interface InFlightSet<One extends InFlight> extends Iterable<One> {
  add(one: One): void;
  /** Returns whether it was a member. */
  remove(one: One): boolean;
}

/** Makes an empty set. */
export function createInFlightSet<One extends InFlight>(): InFlightSet<One> {
  const members: One[] = [];
  return {
    add(one) {
      one.inFlightSlot = members.length;
      members.push(one);
    },
    remove(one) {
      const slot = one.inFlightSlot;
      if (slot === NO_SLOT) return false;
      const last = members.pop() as One;
      if (last !== one) {
        members[slot] = last;
        last.inFlightSlot = slot;
      }
      one.inFlightSlot = NO_SLOT;
      return true;
    },
    [Symbol.iterator]: () => [...members][Symbol.iterator](),
  };
}
