/** What happened in one slice of time. */
export interface TrafficSlice {
  /** Start of the slice, in milliseconds since the epoch. */
  readonly startMs: number;
  readonly allowed: number;
  readonly refused: number;
  /** Answers of status 500 and above, whoever caused them. */
  readonly failed: number;
}

export interface TrafficHistory {
  add(request: { readonly code: string; readonly status: number }, nowMs: number): void;
  /** Oldest first, ending with the slice of `nowMs`; slices without traffic are there with zeros. */
  slices(nowMs: number): TrafficSlice[];
}

/** Length of a slice; 90 of them are a quarter of an hour. */
export const SLICE_MS = 10_000;
const SLICES = 90;

/** Remembers the traffic of the last quarter of an hour. Needs no timer: an old slice is emptied when its place is used again. */
export function createTrafficHistory(): TrafficHistory {
  const numbers = new Float64Array(SLICES).fill(-1);
  const allowed = new Uint32Array(SLICES);
  const refused = new Uint32Array(SLICES);
  const failed = new Uint32Array(SLICES);

  function tick(counts: Uint32Array, slot: number): void {
    counts[slot] = (counts[slot] as number) + 1;
  }

  return {
    add({ code, status }, nowMs) {
      const number = Math.floor(nowMs / SLICE_MS);
      const slot = number % SLICES;
      if (numbers[slot] !== number) {
        numbers[slot] = number;
        allowed[slot] = 0;
        refused[slot] = 0;
        failed[slot] = 0;
      }
      if (status >= 500) tick(failed, slot);
      else tick(code === 'allow' ? allowed : refused, slot);
    },
    slices(nowMs) {
      const last = Math.floor(nowMs / SLICE_MS);
      return Array.from({ length: SLICES }, (_, index) => {
        const number = last - SLICES + 1 + index;
        const slot = number % SLICES;
        const there = numbers[slot] === number;
        return {
          startMs: number * SLICE_MS,
          allowed: there ? (allowed[slot] as number) : 0,
          refused: there ? (refused[slot] as number) : 0,
          failed: there ? (failed[slot] as number) : 0,
        };
      });
    },
  };
}
