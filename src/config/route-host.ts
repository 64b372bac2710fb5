import { isIP } from 'node:net';

const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;

/**
 * The host of a route as requests are compared with it: lower case, without one trailing dot. Undefined when it
 * is no host: a port, a wildcard, a URL, or letters that DNS writes as `xn--`.
 */
export function parseRouteHost(host: string): string | undefined {
  const lower = host.toLowerCase();
  const address = /^\[([^\]]+)\]$/.exec(lower)?.[1];
  if (address !== undefined) return isIP(address) === 6 ? lower : undefined;
  const name = lower.endsWith('.') ? lower.slice(0, -1) : lower;
  return name.length <= 253 && name.split('.').every((label) => LABEL.test(label)) ? name : undefined;
}
