import { applyLoad, type Load, type LoadResult } from '../load/load.ts';
import { slowness } from './calibrate.ts';
import { cpuMicros, residentMiB } from './process-cost.ts';

export interface Sample {
  readonly requestsPerSecond: number;
  /** CPU time of the peer's processes for one request, scaled by the calibration. */
  readonly cpuMicros: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  readonly megabytesPerSecond: number;
  readonly rssMiB: number;
  readonly requests: number;
  /** Share of requests that were cut or timed out. */
  readonly brokenShare: number;
}

interface Measured {
  readonly pid: number;
  /** A process whose CPU time counts, too. */
  readonly further?: number | undefined;
  readonly expect: 'allowed' | 'refused';
}

interface Wanted extends Measured {
  readonly load: Load;
  readonly folder: string;
}

/** One short run of load on one peer. */
export function measure({ load, folder, ...measured }: Wanted): Promise<Sample> {
  return measureRun(measured, () => applyLoad(load, folder));
}

/** Measures while `run` runs. Throws if a response was not of the expected kind: wrong results are not counted. */
export async function measureRun(
  { pid, further, expect }: Measured,
  run: () => Promise<LoadResult>,
): Promise<Sample> {
  const consumedSoFar = () => cpuMicros(pid) + (further === undefined ? 0 : cpuMicros(further));
  const slow = slowness();
  const before = consumedSoFar();
  const result = await run();
  const consumed = consumedSoFar() - before;
  const seconds = result.micros / 1e6;

  if (result.requests === 0) throw new Error('no request got a response');
  const wrong = expect === 'allowed' ? result.refused : result.requests - result.refused;
  if (wrong > 0) throw new Error(`${wrong} of ${result.requests} responses were not "${expect}"`);
  return {
    requestsPerSecond: result.requests / seconds,
    cpuMicros: consumed / result.requests / slow,
    p50Micros: result.p50,
    p99Micros: result.p99,
    megabytesPerSecond: result.bytes / 1e6 / seconds,
    rssMiB: residentMiB(pid) + (further === undefined ? 0 : residentMiB(further)),
    requests: result.requests,
    brokenShare: result.broken / (result.requests + result.broken),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** Medians field by field, so that one disturbed run changes little. */
export function medianSample(samples: readonly Sample[]): Sample {
  const of = (field: keyof Sample) => median(samples.map((sample) => sample[field]));
  return {
    requestsPerSecond: of('requestsPerSecond'),
    cpuMicros: of('cpuMicros'),
    p50Micros: of('p50Micros'),
    p99Micros: of('p99Micros'),
    megabytesPerSecond: of('megabytesPerSecond'),
    rssMiB: of('rssMiB'),
    requests: of('requests'),
    brokenShare: of('brokenShare'),
  };
}
