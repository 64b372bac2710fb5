import type { ForwardedFor } from '../../http/forwarded.ts';
import type { HeaderPairs } from '../../http/header-pairs.ts';

export interface UpstreamHeadersInput {
  /** What the header filter let through: no hop-by-hop, identity, proxy or Authorization field is among it. */
  readonly passed: HeaderPairs;
  /** Identity headers; lower-case names. */
  readonly identity: HeaderPairs;
  /** The fields with the client's credential, where the route forwards them. */
  readonly credentials: HeaderPairs;
  readonly forwarded: ForwardedFor;
  /** What was taken off the front of the path, here and before; empty where nothing was. */
  readonly prefix: string;
  readonly requestId: string;
  /** The Host that the backend sees; undefined leaves it to the backend's own address. */
  readonly host: string | undefined;
}

/**
 * Builds the header fields of the request to the backend. The gateway's own come last; the client's fields of the same names have
 * been dropped. No `Via` is added: several servers respond differently to requests that have one.
 */
export function buildUpstreamHeaders(input: UpstreamHeadersInput): string[] {
  const { forwarded, prefix, host } = input;
  const headers = input.passed.slice();
  if (host !== undefined) headers.push('host', host);
  for (const part of input.credentials) headers.push(part);
  headers.push('x-forwarded-for', forwarded.chain, 'x-forwarded-proto', forwarded.proto);
  if (forwarded.host !== undefined) headers.push('x-forwarded-host', forwarded.host);
  if (prefix !== '') headers.push('x-forwarded-prefix', prefix);
  headers.push('x-forwarded-port', forwarded.port, 'x-request-id', input.requestId);
  for (const part of input.identity) headers.push(part);
  return headers;
}
