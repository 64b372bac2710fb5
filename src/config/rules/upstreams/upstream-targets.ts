import { isIP } from 'node:net';
import { isLoopbackHost } from '../../../core/network/ip.ts';
import { nameOfAddress, ownAddresses } from '../../own-addresses.ts';
import type { ConfigPath, PathProblem } from '../../problem.ts';
import type { Config } from '../../schema/config.ts';
import { error, type Rule, warning } from '../rule.ts';

/** URLs of backends do not lead back to this gateway, have no parameters, and fit the scheme to the port. */
export const upstreamsLeadToBackends: Rule = ({ config }) => [
  ...Object.entries(config.upstreams).flatMap(([name, { url, urls = [], socket, tls }]) => [
    ...(url === undefined
      ? []
      : target(url, ['upstreams', name, 'url'], { config, isSocket: socket !== undefined })),
    ...urls.flatMap((text, at) => target(text, ['upstreams', name, 'urls', at], { config, isSocket: false })),
    ...serverName(tls?.serverName, ['upstreams', name, 'tls', 'serverName']),
  ]),
  ...config.routes.flatMap(({ upstream }, index) =>
    /^https?:\/\//i.test(upstream)
      ? target(upstream, ['routes', index, 'upstream'], { config, isSocket: false })
      : [],
  ),
];

function target(
  text: string,
  path: ConfigPath,
  { config, isSocket }: { readonly config: Config; readonly isSocket: boolean },
): readonly PathProblem[] {
  if (!URL.canParse(text)) return [];
  const { protocol, hostname, port, pathname } = new URL(text);
  if (/%7B|%3C|\/:[A-Za-z_]|\/\$\w/i.test(pathname)) {
    return [
      error(path, 'the path of an upstream has no parameters', {
        hint: 'it is put before the forwarded path unchanged',
      }),
    ];
  }
  if (/\*/.test(pathname)) {
    return [
      error(
        path,
        '`*` is no wildcard here: the path of an upstream is put before the forwarded path as it is',
      ),
    ];
  }
  if (isSocket) return [];
  if (isIP(hostname.replace(/^\[|\]$/g, '')) === 0 && !/^[\w-]+(?:\.[\w-]+)*\.?$/.test(hostname)) {
    return [
      error(path, 'no host has such a name', {
        hint:
          hostname.includes(',') || hostname.includes(';')
            ? 'several addresses are a list: `urls`'
            : undefined,
      }),
    ];
  }
  if (port === '0') return [error(path, 'nothing listens at port 0')];
  if ((protocol === 'http:' && port === '443') || (protocol === 'https:' && port === '80')) {
    return [warning(path, `port ${port} usually speaks ${protocol === 'http:' ? 'https:' : 'http:'}`)];
  }
  const own = ownAddresses(config).find((address) => isOwn(address, { protocol, hostname, port }));
  return own === undefined
    ? []
    : [
        warning(path, `this leads back to the gateway itself (\`${nameOfAddress(own)}\`)`, {
          hint: 'write the address of the backend',
        }),
      ];
}

const EVERY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

function isOwn(
  { host, port }: { readonly host: string; readonly port: number },
  url: { readonly protocol: string; readonly hostname: string; readonly port: string },
): boolean {
  const urlPort = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  if (port === 0 || port !== urlPort) return false;
  return isLoopbackHost(url.hostname)
    ? EVERY_ADDRESS.has(host) || isLoopbackHost(host)
    : url.hostname === host;
}

function serverName(name: string | undefined, path: ConfigPath): readonly PathProblem[] {
  if (name === undefined) return [];
  return isIP(name) !== 0 || /[/:*\s]/.test(name)
    ? [error(path, 'expected a host name alone: no address, scheme, port or wildcard')]
    : [];
}
