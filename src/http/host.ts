import { isIPv6 } from 'node:net';
import { type Refusal, refuse } from '../core/refusals.ts';

const NAME =
  /^((?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)\.?(?::(\d{1,5}))?$/i;
const IPV6 = /^\[([0-9a-f:.]{2,45})\](?::(\d{1,5}))?$/i;
const LONGEST = 255;

/**
 * The host that a request names: lower case, without port and one trailing dot; an IPv6 literal in brackets and its
 * shortest form. `values` are those of `Host` or `:authority`, the only fields that count. Refuses user info, bad ports, several
 * values, and an absent or empty one unless the client speaks HTTP/1.0 (RFC 9110 §7.2, RFC 9112 §3.2).
 */
export function parseHost(values: readonly string[], httpVersion: string): string | undefined | Refusal {
  if (values.length > 1) return refuse('bad_request', 'the request has more than one Host');
  const value = values[0];
  if (value === undefined) {
    return httpVersion === '1.0' ? undefined : refuse('bad_request', 'the request has no Host');
  }
  return normalizeHost(value) ?? refuse('bad_request', 'Host is not a name or address with an optional port');
}

/** A host in the one spelling in which hosts are compared, or undefined when it is not one. */
export function normalizeHost(text: string): string | undefined {
  if (text.length > LONGEST) return undefined;
  const match = text.charCodeAt(0) === 91 ? IPV6.exec(text) : NAME.exec(text);
  if (match === null || !isPort(match[2])) return undefined;
  const host = match[1] as string;
  if (text.charCodeAt(0) !== 91) return host.toLowerCase();
  return isIPv6(host) ? new URL(`http://[${host}]`).hostname : undefined;
}

function isPort(digits: string | undefined): boolean {
  if (digits === undefined) return true;
  const port = Number(digits);
  return port > 0 && port <= 65_535;
}
