import { BlockList, isIP } from 'node:net';
import { parseAddressRange } from '../core/network/ip.ts';

/** Addresses whose result is kept (docs/performance.md: "whether an address is one of the trusted proxies"). */
const MAX_KNOWN = 1024;
/** The longest form of an address that is not padded. */
const MAX_ADDRESS_LENGTH = 45;

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
  const isIn = (address: string): boolean => {
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4');
  };
  const known = new Map<string, boolean>();
  return {
    has(address) {
      const found = known.get(address);
      if (found !== undefined) return found;
      if (known.size >= MAX_KNOWN) known.clear();
      // A copy, since a slice keeps the whole field in memory that it was cut from.
      const kept = Buffer.from(address, 'latin1').toString('latin1');
      const isTrusted = isIn(kept);
      if (kept.length <= MAX_ADDRESS_LENGTH) known.set(kept, isTrusted);
      return isTrusted;
    },
  };
}
