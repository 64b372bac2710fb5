import { parseAddressRange } from '../../../core/ip.ts';
import { error, type Rule } from '../rule.ts';

const EVERY_ADDRESS = new Set(['0.0.0.0', '::']);

export const listenersAreApart: Rule = ({ config: { listen, admin } }) => {
  if (listen.port === 0 || listen.port !== admin.port) return [];
  const overlap =
    listen.host === admin.host || EVERY_ADDRESS.has(listen.host) || EVERY_ADDRESS.has(admin.host);
  if (!overlap) return [];
  // The one that is not at its default is the one that stands in the file.
  const [own, other] = admin.port === 9090 ? (['listen', 'admin'] as const) : (['admin', 'listen'] as const);
  return [
    error([own, 'port'], `port ${admin.port} is taken by \`${other}\``, { hint: 'give each its own port' }),
  ];
};

export const trustedProxiesAreAddresses: Rule = ({ config }) =>
  config.listen.trustedProxies.flatMap((text, index) =>
    parseAddressRange(text) === undefined
      ? [
          error(['listen', 'trustedProxies', index], `\`${text}\` is neither an address nor a CIDR`, {
            hint: 'such as 10.0.0.0/8, 192.0.2.7 or fd00::/8',
          }),
        ]
      : [],
  );

/** Two of them would be one field twice, which HTTP/2 refuses to send where it may come once. */
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
