import type { CelList, CelMap, CelValue } from '@bufbuild/cel';

type Guards = Pick<typeof import('@bufbuild/cel'), 'isCelList' | 'isCelMap'>;

/*
 * What a call costs in steps, where its work grows with what it is given. A step is some quarter of a microsecond; the table errs on
 * the high side, so that no input makes a condition cost more than its budget.
 */

/** The target comes first, where there is one. */
export type Cost = (values: readonly (CelValue | undefined)[]) => number;

/** Characters per step: moved at once by the engine, or looked at one by one. */
const MOVED = 256;
const WALKED = 8;
/** Entries of a list per step. */
const ENTRIES_COPIED = 16;
const ENTRIES_COMPARED = 4;
const DATE_READ = 16;
const TIME_ZONE_LOADED = 400;

const moved: Cost = (values) => lengthOfAll(values) / MOVED;
const walked: Cost = (values) => lengthOfAll(values) / WALKED;
const date: Cost = (values) => DATE_READ + walked(values);
const calendar: Cost = (values) => (values.length > 1 ? TIME_ZONE_LOADED : 1);

/** The worst of a search: every place is tried, and all of the part compared at each. */
const searched: Cost = ([text, part]) => {
  const places = Math.max(lengthOf(text) - lengthOf(part), 1);
  return (places * Math.max(lengthOf(part), 1)) / MOVED;
};

/** Each occurrence copies the whole text anew. */
const replaced: Cost = ([text, part, by]) => {
  const most = lengthOf(text) / Math.max(lengthOf(part), 1);
  return searched([text, part]) + (most * (lengthOf(text) + most * lengthOf(by))) / MOVED;
};

/** By name of the function; all others take the same time whatever they are given. Patterns are priced where they are kept. */
export function compileCosts({ isCelList, isCelMap }: Guards): ReadonlyMap<string, Cost> {
  const isObject = (value: CelValue | undefined): value is CelList | CelMap =>
    isCelList(value) || isCelMap(value);

  /** Nested lists and maps, counted to the bottom: what a comparison may have to walk through. */
  const entriesWithin = (value: CelValue): number => {
    if (!isObject(value)) return 1;
    let count = 1;
    for (const entry of value.values()) count += entriesWithin(entry);
    return count;
  };
  const compared: Cost = ([left, right]) => {
    if (isObject(left) && isObject(right)) return Math.min(entriesWithin(left), entriesWithin(right));
    return Math.min(lengthOf(left), lengthOf(right)) / MOVED;
  };
  const soughtIn: Cost = ([value, range]) => {
    if (!isCelList(range)) return 0;
    return isObject(value) ? entriesWithin(range) : range.size / ENTRIES_COMPARED;
  };
  const added: Cost = ([left, right]) =>
    isCelList(left) && isCelList(right)
      ? (left.size + right.size) / ENTRIES_COPIED
      : (lengthOf(left) + lengthOf(right)) / MOVED;
  const joined: Cost = ([list, separator]) => {
    if (!isCelList(list)) return 0;
    let characters = list.size * lengthOf(separator);
    for (const entry of list) characters += lengthOf(entry);
    return list.size / ENTRIES_COMPARED + characters / MOVED;
  };
  return new Map([
    ...named('_==_ _!=_', compared),
    ...named('@in', soughtIn),
    ...named('_+_', added),
    ...named('_<_ _<=_ _>_ _>=_ charAt substring string bytes bool', moved),
    ...named('size lowerAscii upperAscii trim split int uint double', walked),
    ...named('contains startsWith endsWith indexOf lastIndexOf', searched),
    ...named('replace', replaced),
    ...named('join', joined),
    ...named('timestamp duration', date),
    ...named(CALENDAR, calendar),
  ]);
}

const CALENDAR =
  'getFullYear getMonth getDate getDayOfMonth getDayOfWeek getDayOfYear getHours getMinutes getSeconds getMilliseconds';

function named(names: string, cost: Cost): readonly (readonly [string, Cost])[] {
  return names.split(' ').map((name) => [name, cost]);
}

function lengthOf(value: CelValue | undefined): number {
  return typeof value === 'string' || value instanceof Uint8Array ? value.length : 0;
}

function lengthOfAll(values: readonly (CelValue | undefined)[]): number {
  let length = 0;
  for (const value of values) length += lengthOf(value);
  return length;
}
