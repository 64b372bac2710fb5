import { isIPv6 } from 'node:net';

const NAME =
  /^((?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)\.?(?::(\d{1,5}))?$/i;
const IPV6 = /^\[([0-9a-f:.]{2,45})\](?::(\d{1,5}))?$/i;
/** The longest name in DNS, as text. */
const LONGEST_NAME = 253;
const LONGEST = LONGEST_NAME + '.:65535'.length;

/**
 * The spelling in which hosts are compared: lower case, without port and trailing dot; an IPv6 literal in brackets and its shortest
 * form. Undefined for what is not a host with an optional port: user info, a bad port, letters that DNS writes as `xn--`.
 */
export function normalizeHost(text: string): string | undefined {
  if (text.length > LONGEST) return undefined;
  const isLiteral = text.charCodeAt(0) === 91;
  const match = isLiteral ? IPV6.exec(text) : NAME.exec(text);
  if (match === null || !isPort(match[2])) return undefined;
  const host = match[1] as string;
  if (!isLiteral) return host.length > LONGEST_NAME ? undefined : host.toLowerCase();
  return isIPv6(host) ? new URL(`http://[${host}]`).hostname : undefined;
}

/** The host of a route in the same spelling; it may not have a port. */
export function parseRouteHost(text: string): string | undefined {
  return /^(?:\[.*\]|[^:]*)$/.test(text) ? normalizeHost(text) : undefined;
}

function isPort(digits: string | undefined): boolean {
  if (digits === undefined) return true;
  const port = Number(digits);
  return port > 0 && port <= 65_535;
}
