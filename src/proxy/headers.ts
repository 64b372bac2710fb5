import type { ForwardedFor } from '../http/forwarded.ts';
import type { AnswerNames } from './answer-names.ts';
import { type PrefixChange, rewriteLocation } from './rewrite-location.ts';

/** Header fields as names and values in turn, as Node's `rawHeaders` has them. */
export type HeaderPairs = readonly string[];

export interface UpstreamHeadersInput {
  /** What the firewall let through: no hop-by-hop, identity, proxy or Authorization field is among it. */
  readonly passed: HeaderPairs;
  /** The gateway's own words about the caller; lower-case names. */
  readonly identity: HeaderPairs;
  /** The fields with the client's credential, where the route hands them on. */
  readonly credentials: HeaderPairs;
  readonly forwarded: ForwardedFor;
  /** What was taken off the front of the path, here and before; empty where nothing was. */
  readonly prefix: string;
  readonly requestId: string;
  /** The Host that the backend sees; undefined leaves it to the backend's own address. */
  readonly host: string | undefined;
}

/**
 * Builds the header fields of the request towards the backend. The gateway's own come last, after anything a
 * client could have said about them was taken away. No `Via` is added: several servers answer differently to
 * requests that have one.
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

export interface ResponseHead {
  readonly status: number;
  readonly raw: HeaderPairs;
  readonly names: AnswerNames;
  /** What the gateway adds; lower-case names. They stand in for fields of the same name that the backend sent. */
  readonly added: HeaderPairs;
  /** Set where the path was rewritten on its way up. */
  readonly prefixes?: PrefixChange | undefined;
}

/**
 * Builds the header fields of the answer to the client: those of the backend in order and spelling, without
 * hop-by-hop fields (RFC 9110 §7.6.1), fields that its `Connection` names, and names that are the gateway's.
 */
export function buildResponseHeaders(head: ResponseHead): string[] {
  const { status, raw, names, added, prefixes } = head;
  const headers: string[] = [];
  let options = '';
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const { lower, fate } = names.of(name);
    if (fate === 'dropped' || isAdded(added, lower)) continue;
    let value = raw[i + 1] as string;
    if (fate === 'special') {
      if (lower === 'connection') {
        options += `,${value}`;
        continue;
      }
      // A length in a 204 is an error of the backend (RFC 9110 §8.6) that must not become the gateway's.
      if (lower === 'content-length' && status === 204) continue;
      if (lower === 'location' && prefixes !== undefined) value = rewriteLocation(value, prefixes);
    }
    headers.push(name, value);
  }
  if (options !== '' && !USUAL_OPTIONS.test(options)) dropNominated(headers, options);
  for (const part of added) headers.push(part);
  return headers;
}

const NO_TRAILERS: HeaderPairs = [];

/** The trailers that may go down: none that frames, routes or is the gateway's (RFC 9110 §6.5.1). */
export function relayableTrailers(trailers: HeaderPairs, names: AnswerNames): HeaderPairs {
  if (trailers.length === 0) return NO_TRAILERS;
  const relayed: string[] = [];
  for (let i = 0; i < trailers.length; i += 2) {
    const { lower, fate } = names.of(trailers[i] as string);
    if (fate === 'relayed' && !NEVER_TRAILERS.has(lower)) relayed.push(lower, trailers[i + 1] as string);
  }
  return relayed;
}

const NEVER_TRAILERS: ReadonlySet<string> = new Set([
  'content-type',
  'content-encoding',
  'host',
  'set-cookie',
  'cache-control',
]);

const USUAL_OPTIONS = /^,(?:keep-alive|close)$/i;

function isAdded(added: HeaderPairs, lower: string): boolean {
  // `Vary` of both is one list: the answer depends on what either looked at.
  for (let i = 0; i < added.length; i += 2) if (added[i] === lower) return lower !== 'vary';
  return false;
}

function dropNominated(headers: string[], options: string): void {
  const nominated = new Set(options.toLowerCase().split(/[\s,]+/));
  // Without its length a body would run into the next answer.
  nominated.delete('content-length');
  for (let i = headers.length - 2; i >= 0; i -= 2) {
    if (nominated.has((headers[i] as string).toLowerCase())) headers.splice(i, 2);
  }
}
