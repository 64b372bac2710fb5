import type { RequestRecord } from '../../../src/telemetry/request-record.ts';
import type { RawResponse } from '../../support/clients/raw.ts';

/** Header fields by lower-case name, each with its values in their order. */
export type Fields = ReadonlyMap<string, readonly string[]>;

/** What became of a request, in the proxy mode or in the words of a way of asking. */
export interface Outcome {
  readonly record: RequestRecord;
  /** Status of the response as it was sent, or as the asking proxy is to send it. */
  readonly status: number;
  /** Fields for the client that the gateway adds of itself. */
  readonly forClient: Fields;
  /** What the backend gets; undefined where it gets nothing. */
  readonly forBackend: Fields | undefined;
  /** The target that the backend gets; undefined where it gets nothing. */
  readonly target: string | undefined;
}

/** Fields of responses that are not the same twice, or have no meaning here. */
const PLAIN_RESPONSE = new Set([
  ...['connection', 'content-length', 'content-type', 'date', 'keep-alive', 'x-request-id', 'cache-control'],
  ...[
    'transfer-encoding',
    'x-sealgate-status',
    'x-envoy-auth-headers-to-remove',
    'grpc-status',
    'grpc-message',
  ],
]);

export function fieldsForClient(
  headers: RawResponse['headers'],
  set: ReadonlySet<string> = new Set(),
): Fields {
  return new Map(
    Object.entries(headers)
      .filter(([name]) => !PLAIN_RESPONSE.has(name) && !set.has(name))
      .map(([name, values]) => [
        name,
        /^(?:ratelimit|retry-after)/.test(name) ? values.map(withoutCounts) : values,
      ]),
  );
}

/** Both modes count in one store, so no two requests are left the same. */
function withoutCounts(value: string): string {
  return value.replace(/\b(?:r|t)=\d+/g, 'n').replace(/^\d+$/, 'n');
}

/** Collects pairs into fields. */
export function gather(pairs: Iterable<readonly [name: string, value: string]>): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  for (const [name, value] of pairs) {
    const lower = name.toLowerCase();
    const values = fields.get(lower);
    if (values === undefined) fields.set(lower, [value]);
    else values.push(value);
  }
  return fields;
}

export function pairsOf(flat: readonly string[]): (readonly [name: string, value: string])[] {
  return flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] as string] as const] : []));
}

export function requestIdOf(headers: RawResponse['headers']): string {
  const [id] = headers['x-request-id'] ?? [];
  if (id === undefined) throw new Error('a response without a request id');
  return id;
}
