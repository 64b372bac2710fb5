/** Something that is on a roster; where it stands there is the roster's own business. */
export interface Member {
  rosterSlot: number;
}

/** Where nobody on a roster stands. */
export const NO_SLOT = -1;

/** Who is running. Adding and removing cost no hash and leave nothing behind: this is done for every request. */
export interface Roster<One extends Member> extends Iterable<One> {
  add(one: One): void;
  /** Gives whether it was there. */
  remove(one: One): boolean;
}

/** Makes an empty roster. */
export function createRoster<One extends Member>(): Roster<One> {
  const members: One[] = [];
  return {
    add(one) {
      one.rosterSlot = members.length;
      members.push(one);
    },
    remove(one) {
      const slot = one.rosterSlot;
      if (slot === NO_SLOT) return false;
      const last = members.pop() as One;
      if (last !== one) {
        members[slot] = last;
        last.rosterSlot = slot;
      }
      one.rosterSlot = NO_SLOT;
      return true;
    },
    [Symbol.iterator]: () => [...members][Symbol.iterator](),
  };
}
