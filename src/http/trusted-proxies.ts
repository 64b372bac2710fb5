import { BlockList, isIP } from 'node:net';
import { parseAddressRange } from '../core/ip.ts';

/** The proxies in front whose X-Forwarded-* fields count. */
export interface TrustedProxies {
  has(address: string): boolean;
}

/** Compiles addresses and CIDRs; what is neither is skipped, since the file's check has named it. */
export function compileTrustedProxies(ranges: readonly string[]): TrustedProxies | undefined {
  if (ranges.length === 0) return undefined;
  const list = new BlockList();
  for (const text of ranges) {
    const range = parseAddressRange(text);
    if (range !== undefined) list.addSubnet(range.address, range.prefix, range.family);
  }
  return {
    has(address) {
      const family = isIP(address);
      return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4');
    },
  };
}
