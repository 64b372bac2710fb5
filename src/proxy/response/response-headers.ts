import { dropNominated, type HeaderPairs } from '../../http/header-pairs.ts';
import type { ResponseHeaderFilter } from './response-header-filter.ts';
import { type PrefixChange, rewriteLocation } from './rewrite-location.ts';

export interface ResponseHeadersInput {
  readonly status: number;
  readonly raw: HeaderPairs;
  readonly names: ResponseHeaderFilter;
  /** What the gateway adds; lower-case names. They stand in for fields of the same name that the backend sent. */
  readonly added: HeaderPairs;
  /** Set where the path was rewritten on its way up. */
  readonly prefixes?: PrefixChange | undefined;
}

/**
 * Builds the header fields of the response to the client: those of the backend in order and spelling, without
 * hop-by-hop fields (RFC 9110 §7.6.1), fields that its `Connection` names, and names that are the gateway's.
 */
export function buildResponseHeaders(head: ResponseHeadersInput): string[] {
  const { status, raw, names, added, prefixes } = head;
  const headers: string[] = [];
  let connection = '';
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const { lower, action } = names.of(name);
    if (action === 'dropped' || isAdded(added, lower)) continue;
    let value = raw[i + 1] as string;
    if (action === 'special') {
      if (lower === 'connection') {
        connection = connection === '' ? value : `${connection},${value}`;
        continue;
      }
      // A length in a 204 is an error of the backend (RFC 9110 §8.6) that must not become the gateway's.
      if (lower === 'content-length' && status === 204) continue;
      if (lower === 'location' && prefixes !== undefined) value = rewriteLocation(value, prefixes);
    }
    headers.push(name, value);
  }
  const kept = dropNominated(headers, connection, isLength);
  for (const part of added) kept.push(part);
  return kept;
}

const NO_TRAILERS: HeaderPairs = [];

/** The trailers that may go down: none that frames, routes or is the gateway's (RFC 9110 §6.5.1). */
export function relayableTrailers(trailers: HeaderPairs, names: ResponseHeaderFilter): HeaderPairs {
  if (trailers.length === 0) return NO_TRAILERS;
  const relayed: string[] = [];
  for (let i = 0; i < trailers.length; i += 2) {
    const { lower, action } = names.of(trailers[i] as string);
    if (action === 'relayed' && !NEVER_TRAILERS.has(lower)) relayed.push(lower, trailers[i + 1] as string);
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

function isAdded(added: HeaderPairs, lower: string): boolean {
  // `Vary` of both is one list: the response depends on what either looked at.
  for (let i = 0; i < added.length; i += 2) if (added[i] === lower) return lower !== 'vary';
  return false;
}

/** Without its length a body would run into the next response. */
function isLength(name: string): boolean {
  return name === 'content-length';
}
