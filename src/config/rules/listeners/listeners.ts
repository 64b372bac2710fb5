import { isIP } from 'node:net';
import { normalizeHost } from '../../../core/network/host.ts';
import { parseAddressRange } from '../../../core/network/ip.ts';
import { nameOfAddress, ownAddresses } from '../../own-addresses.ts';
import type { ConfigPath, PathProblem } from '../../problem.ts';
import type { ListenerTlsConfig } from '../../schema/config.ts';
import { error, type Rule, warning } from '../rule.ts';

const EVERY_ADDRESS = new Set(['0.0.0.0', '::']);

export const listenersAreApart: Rule = ({ config }) => {
  const addresses = ownAddresses(config);
  return addresses.flatMap((second, at) =>
    addresses.slice(0, at).flatMap((first) => {
      if (first.port === 0 || first.port !== second.port || !overlap(first.host, second.host)) return [];
      // One is at its default; the other is what the file sets.
      const [own, other] = second.port === second.usual ? [first, second] : [second, first];
      return [
        error(own.path, `port ${own.port} is taken by \`${nameOfAddress(other)}\``, {
          hint: 'give each its own port',
        }),
      ];
    }),
  );
};

function overlap(a: string, b: string): boolean {
  return a === b || EVERY_ADDRESS.has(a) || EVERY_ADDRESS.has(b);
}

/** Where the gateway listens, where clients find it, and which proxies it trusts. */
export const addressesAreAddresses: Rule = ({ config: { listen, admin, decisions } }) => [
  ...listenHost(listen.host, 'listen'),
  ...listenHost(admin.host, 'admin'),
  ...publicUrl(listen.publicUrl),
  ...listen.trustedProxies.flatMap((text, index) => proxyRange(text, ['listen', 'trustedProxies', index])),
  ...clientCertificates(listen.tls, 'listen'),
  ...(decisions === undefined
    ? []
    : [
        ...listenHost(decisions.host, 'decisions'),
        ...decisions.trustedProxies.flatMap((text, index) =>
          proxyRange(text, ['decisions', 'trustedProxies', index]),
        ),
        ...clientCertificates(decisions.tls, 'decisions'),
      ]),
];

function clientCertificates(
  tls: ListenerTlsConfig | undefined,
  section: 'listen' | 'decisions',
): readonly PathProblem[] {
  return tls?.clientCert !== undefined && tls.clientCa === undefined
    ? [
        error([section, 'tls', 'clientCert'], 'no certificate is requested without `clientCa`', {
          hint: 'name the file of the authorities in `clientCa`',
        }),
      ]
    : [];
}

/** Two of them would be one field twice, and HTTP/2 refuses to send some fields twice. */
export const responseHeadersDiffer: Rule = ({ config }) => {
  const seen = new Map<string, string>();
  return Object.keys(config.listen.responseHeaders).flatMap((name) => {
    const twin = seen.get(name.toLowerCase());
    seen.set(name.toLowerCase(), name);
    if (twin === undefined) return [];
    return [
      error(['listen', 'responseHeaders', name], `\`${name}\` and \`${twin}\` are one header`, { at: 'key' }),
    ];
  });
};

/** The token is sent after `Bearer ` (RFC 6750 §2.1). */
export const adminTokenCanBeSent: Rule = ({ config: { admin } }) => {
  if (admin.token === undefined) return [];
  const path = ['admin', 'token'];
  if (/^bearer /i.test(admin.token)) {
    return [error(path, 'the word `Bearer` is not part of the token', { hint: 'write what comes after it' })];
  }
  if (/[^\x20-\x7e]/.test(admin.token)) {
    return [error(path, 'a token has ASCII characters only: this one cannot be sent')];
  }
  if (admin.token.length < 8) {
    return [
      warning(path, 'this token is short enough to be guessed', {
        hint: 'use a longer one, such as that of `openssl rand -hex 16`',
      }),
    ];
  }
  return admin.token.includes(' ')
    ? [warning(path, 'a token has no spaces: most clients cannot send this one')]
    : [];
};

function listenHost(host: string, section: 'listen' | 'admin' | 'decisions'): readonly PathProblem[] {
  if (isIP(host) !== 0) return [];
  const path = [section, 'host'];
  if (host === '*') {
    return [
      error(path, '`*` is not an address', { hint: 'write 0.0.0.0 for every address, or :: with IPv6' }),
    ];
  }
  if (/^\[.*\]$/.test(host)) return [error(path, 'expected an address without brackets')];
  if (/^\w+:\/\/|\/|:\d+$/.test(host)) {
    return [
      error(path, 'expected an address alone: no scheme, port or path', {
        hint: 'the port goes into `port`',
      }),
    ];
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
    return [error(path, 'a public URL has no query, fragment or user')];
  }
  return ['0.0.0.0', '[::]'].includes(hostname)
    ? [
        error(path, 'no client reaches the gateway by this address', {
          hint: 'write the name that clients use',
        }),
      ]
    : [];
}

function proxyRange(text: string, path: ConfigPath): readonly PathProblem[] {
  const range = parseAddressRange(text);
  if (range === undefined) {
    return [
      error(path, `\`${text}\` is neither an address nor a CIDR`, {
        hint: 'such as 10.0.0.0/8, 192.0.2.7 or fd00::/8',
      }),
    ];
  }
  if (range.prefix === 0) return [];
  if (EVERY_ADDRESS.has(range.address)) {
    return [error(path, 'no proxy has this address', { hint: 'name the addresses of the proxies in front' })];
  }
  const first = firstAddress(range.address, range.prefix);
  return first === undefined || first === range.address
    ? []
    : [
        warning(path, 'this is a whole network, not one address', {
          hint: `write ${first}/${range.prefix}, or ${range.address} for that one alone`,
          hintShowsValue: true,
        }),
      ];
}

/** The first address of an IPv4 range; undefined for IPv6, whose addresses have too many spellings to compare. */
function firstAddress(address: string, prefix: number): string | undefined {
  if (isIP(address) !== 4) return undefined;
  const bits = address.split('.').reduce((all, part) => all * 256 + Number(part), 0);
  const size = 2 ** (32 - prefix);
  const first = Math.floor(bits / size) * size;
  return [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.');
}
