/** What a request got. `failed`: a response of status 500 and above, from a backend or from the gateway. */
export type OutcomeKind = 'allowed' | 'refused' | 'failed';

/** The traffic in one slice of time. */
export interface TrafficSlice extends Readonly<Record<OutcomeKind, number>> {
  /** Start of the slice, in milliseconds since the epoch. */
  readonly startMs: number;
}

/** Sorts a finished request by what it got. */
export function outcomeKind({
  code,
  status,
}: {
  readonly code: string;
  readonly status: number;
}): OutcomeKind {
  if (status >= 500) return 'failed';
  return code === 'allow' ? 'allowed' : 'refused';
}

export interface TrafficHistory {
  add(request: { readonly code: string; readonly status: number }, nowMs: number): void;
  /** Oldest first, ending with the slice of `nowMs`; slices without traffic are zeros. */
  slices(nowMs: number): TrafficSlice[];
}

/** Length of a slice; 90 of them are a quarter of an hour. */
export const SLICE_MS = 10_000;
const SLICES = 90;

/** Remembers the traffic of the last quarter of an hour. Needs no timer: an old slice is replaced when its slot is needed. */
export function createTrafficHistory(): TrafficHistory {
  const ring: ReturnType<typeof emptySlice>[] = [];
  return {
    add(request, nowMs) {
      const number = Math.floor(nowMs / SLICE_MS);
      let slice = ring[number % SLICES];
      if (slice?.startMs !== number * SLICE_MS) {
        slice = emptySlice(number);
        ring[number % SLICES] = slice;
      }
      slice[outcomeKind(request)] += 1;
    },
    slices(nowMs) {
      const first = Math.floor(nowMs / SLICE_MS) - SLICES + 1;
      return Array.from({ length: SLICES }, (_, index) => {
        const number = first + index;
        const slice = ring[number % SLICES];
        return slice?.startMs === number * SLICE_MS ? { ...slice } : emptySlice(number);
      });
    },
  };
}

function emptySlice(number: number): { -readonly [Key in keyof TrafficSlice]: TrafficSlice[Key] } {
  return { startMs: number * SLICE_MS, allowed: 0, refused: 0, failed: 0 };
}
