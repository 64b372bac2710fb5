/** Something that is on a roster; where it stands there is the roster's own business. */
export interface InFlight {
  inFlightSlot: number;
}

/** Where nobody on a roster stands. */
export const NO_SLOT = -1;

/** Who is running. Adding and removing cost no hash and leave nothing behind: this is done for every request. */
export interface InFlightSet<One extends InFlight> extends Iterable<One> {
  add(one: One): void;
  /** Gives whether it was there. */
  remove(one: One): boolean;
}

/** Makes an empty roster. */
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
