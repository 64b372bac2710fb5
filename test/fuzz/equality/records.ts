import type { RequestRecord } from '../../../src/telemetry/request-record.ts';

/** The access lines of gateways, each handed out once. */
export interface Records {
  /** Takes what a gateway logs. */
  write(text: string): void;
  /** The record of the request with that id, now or later. */
  take(requestId: string): Promise<RequestRecord>;
  /** All that were not taken. */
  takeRest(): readonly RequestRecord[];
  /** Lines that no run should have. */
  readonly errors: readonly string[];
}

export function createRecords(): Records {
  const kept = new Map<string, RequestRecord>();
  const waiting = new Map<string, (record: RequestRecord) => void>();
  const errors: string[] = [];
  return {
    errors,
    write(text) {
      const line = JSON.parse(text) as RequestRecord & { readonly msg: string; readonly level: string };
      if (line.level === 'error') errors.push(text);
      if (line.msg !== 'request') return;
      const then = waiting.get(line.requestId);
      if (then === undefined) kept.set(line.requestId, line);
      else {
        waiting.delete(line.requestId);
        then(line);
      }
    },
    takeRest() {
      const rest = [...kept.values()];
      kept.clear();
      return rest;
    },
    take(requestId) {
      const record = kept.get(requestId);
      kept.delete(requestId);
      return record === undefined
        ? new Promise((resolve) => waiting.set(requestId, resolve))
        : Promise.resolve(record);
    },
  };
}
