import { isIP } from 'node:net';
import { normalizeHost } from '../../../core/host.ts';
import { parseAddressRange } from '../../../core/ip.ts';
import type { PathProblem } from '../../problem.ts';
import { error, type Rule, warning } from '../rule.ts';

/** What is listened on, and whom `trustedProxies` means. */
export const addressesAreAddresses: Rule = ({ config: { listen, admin } }) => [
  ...listenHost(listen.host, 'listen'),
  ...listenHost(admin.host, 'admin'),
  ...publicUrl(listen.publicUrl),
  ...listen.trustedProxies.flatMap((text, index) => proxyRange(text, index)),
  ...(listen.tls?.clientCert !== undefined && listen.tls.clientCa === undefined
    ? [
        error(['listen', 'tls', 'clientCert'], 'no certificate is asked for without `clientCa`', {
          hint: 'name the file of the authorities in `clientCa`',
        }),
      ]
    : []),
];

function listenHost(host: string, section: 'listen' | 'admin'): readonly PathProblem[] {
  if (isIP(host) !== 0) return [];
  const path = [section, 'host'];
  if (host === '*')
    return [error(path, '`*` is no address', { hint: 'every address is 0.0.0.0, or :: with IPv6' })];
  if (/^\[.*\]$/.test(host)) return [error(path, 'an address stands here without brackets')];
  if (/^\w+:\/\/|\/|:\d+$/.test(host)) {
    return [error(path, 'an address alone: no scheme, no port and no path', { hint: 'the port is `port`' })];
  }
  return normalizeHost(host) === undefined
    ? [error(path, `\`${host}\` is neither an address nor a name`)]
    : [];
}

function publicUrl(text: string | undefined): readonly PathProblem[] {
  if (text === undefined || !URL.canParse(text)) return [];
  const { username, password, hostname } = new URL(text);
  const path = ['listen', 'publicUrl'];
  if (/[?#]/.test(text) || username !== '' || password !== '') {
    return [error(path, 'a public URL has no query, no fragment and no user')];
  }
  return ['0.0.0.0', '[::]'].includes(hostname)
    ? [
        error(path, 'no client reaches the gateway by this address', {
          hint: 'write the name that clients use',
        }),
      ]
    : [];
}

function proxyRange(text: string, index: number): readonly PathProblem[] {
  const range = parseAddressRange(text);
  if (range === undefined || range.prefix === 0) return [];
  const path = ['listen', 'trustedProxies', index];
  if (range.address === '0.0.0.0' || range.address === '::') {
    return [error(path, 'no proxy has this address', { hint: 'name the addresses of the proxies in front' })];
  }
  const network = rateLimitNetwork(range.address, range.prefix);
  return network === undefined || network === range.address
    ? []
    : [
        warning(path, 'this is a whole network, and not the address it is written with', {
          hint: `write ${network}/${range.prefix}, or ${range.address} for that one alone`,
          hintShowsValue: true,
        }),
      ];
}

/** The first address of a range of IPv4; undefined for others, whose spellings are too many to compare. */
function rateLimitNetwork(address: string, prefix: number): string | undefined {
  if (isIP(address) !== 4) return undefined;
  const bits = address.split('.').reduce((all, part) => all * 256 + Number(part), 0);
  const size = 2 ** (32 - prefix);
  const first = Math.floor(bits / size) * size;
  return [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.');
}
