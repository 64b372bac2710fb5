import { applyLoad, type Load } from '../load/load.ts';
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

interface Wanted {
  readonly pid: number;
  readonly load: Load;
  readonly expect: 'allowed' | 'refused';
  readonly folder: string;
}

/** One short run of load on one peer. Throws if a response was not of the expected kind: wrong results are not counted. */
export async function measure({ pid, load, expect, folder }: Wanted): Promise<Sample> {
  const slow = slowness();
  const before = cpuMicros(pid);
  const result = await applyLoad(load, folder);
  const consumed = cpuMicros(pid) - before;
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
    rssMiB: residentMiB(pid),
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
