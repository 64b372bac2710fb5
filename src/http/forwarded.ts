import { isIP } from 'node:net';
import { isRefusal } from '../core/refusals.ts';
import { type Peer, plainAddress } from './peer.ts';
import { parseTarget } from './target.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

/** What X-Forwarded-* report to backends: the way of a request before the gateway. */
export interface ForwardedFor {
  /** The address that counts as the client's: for logs, limits by address and the chain's start. */
  readonly client: string;
  /** The value of X-Forwarded-For: what trusted proxies reported, then the peer. */
  readonly chain: string;
  readonly proto: 'http' | 'https';
  /** As the client named it, with its port if it named one. Undefined when HTTP/1.0 sent none. */
  readonly host: string | undefined;
  readonly port: string;
  /** What trusted proxies took off the front of the path: a path without a slash at its end, or empty. */
  readonly prefix: string;
}

/** How a request came in at the gateway's own socket. */
export interface Arrival {
  readonly peer: Peer;
  /** The value of Host or `:authority`. */
  readonly host: string | undefined;
  /** Node's flat list; only read when the peer is trusted. */
  readonly rawHeaders: readonly string[];
}

/**
 * Finds out who the client is. From an untrusted peer nothing counts but its own address. From a trusted one
 * X-Forwarded-For is read from the right: the first address that is not trusted is the client; entries left of
 * it come from the client: forwarded, never trusted. -Proto, -Host and -Port count if each came once and is sane, -Prefix if
 * each of its paths is.
 */
export function resolveForwarded(
  { peer, host, rawHeaders }: Arrival,
  trusted: TrustedProxies | undefined,
): ForwardedFor {
  const { address, proto, port } = peer;
  if (trusted === undefined || !peer.isAmong(trusted)) {
    return { client: address, chain: address, proto, host, port, prefix: '' };
  }
  const reported = reportedFields(rawHeaders);
  const reportedProto = protoOf(reported.proto) ?? proto;
  return {
    client: clientOf(reported.for, address, trusted),
    chain: reported.for === '' ? address : `${reported.for}, ${address}`,
    proto: reportedProto,
    host: HOST.test(reported.host) ? reported.host : host,
    port: portOf(reported) ?? (reportedProto === proto ? port : DEFAULT_PORTS[reportedProto]),
    prefix: prefixOf(reported.prefix),
  };
}

const HOST = /^[a-z0-9._~-]+(?::\d{1,5})?$|^\[[0-9a-f:.]+\](?::\d{1,5})?$/i;
const DEFAULT_PORTS = { http: '80', https: '443' } as const;

interface Reported {
  for: string;
  proto: string;
  host: string;
  port: string;
  prefix: string;
}

const FIELDS: ReadonlyMap<string, keyof Reported> = new Map([
  ['x-forwarded-for', 'for'],
  ['x-forwarded-proto', 'proto'],
  ['x-forwarded-host', 'host'],
  ['x-forwarded-port', 'port'],
  ['x-forwarded-prefix', 'prefix'],
]);

function reportedFields(rawHeaders: readonly string[]): Reported {
  const reported: Reported = { for: '', proto: '', host: '', port: '', prefix: '' };
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const field = FIELDS.get((rawHeaders[i] as string).toLowerCase());
    if (field === undefined) continue;
    // Several lines are one list (RFC 9110 §5.3); a list is not a sane -Proto, -Host or -Port.
    const value = rawHeaders[i + 1] as string;
    reported[field] = reported[field] === '' ? value : `${reported[field]}, ${value}`;
  }
  return reported;
}

/** Walks from the nearest proxy outwards and stops at the first address that is not a trusted proxy. */
function clientOf(chain: string, peer: string, trusted: TrustedProxies): string {
  let client = peer;
  const entries = chain.split(',');
  for (let i = entries.length - 1; i >= 0; i--) {
    const address = addressOf((entries[i] as string).trim());
    if (address === undefined) return client;
    client = address;
    if (!trusted.has(address)) return client;
  }
  return client;
}

/** More proxies than requests pass, but not so many that a client among them can make us look addresses up for long. */
const MOST_PROXIES = 64;

/**
 * The client that a trusted proxy names in X-Forwarded-For: the rightmost entry that is not trusted, or the first where all are.
 * Undefined where an entry up to there is no address, or where there are too many.
 */
export function clientInList(list: string, trusted: TrustedProxies): string | undefined {
  const entries = list.split(',');
  let client: string | undefined;
  for (let i = entries.length - 1; i >= 0; i--) {
    if (entries.length - i > MOST_PROXIES) return undefined;
    client = addressOf((entries[i] as string).trim());
    if (client === undefined || !trusted.has(client)) return client;
  }
  return client;
}

/** Some proxies write the port too: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function addressOf(entry: string): string | undefined {
  const bare = /^\[(.+)\](?::\d{1,5})?$/.exec(entry)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(entry)?.[1] ?? entry;
  return isIP(bare) === 0 ? undefined : plainAddress(bare);
}

function protoOf(value: string): 'http' | 'https' | undefined {
  const lower = value.toLowerCase();
  return lower === 'http' || lower === 'https' ? lower : undefined;
}

function portOf({ port, host }: Reported): string | undefined {
  const text = port === '' ? /:(\d{1,5})$/.exec(host)?.[1] : port;
  return text !== undefined && /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535 ? text : undefined;
}

/**
 * One path of all that proxies took off, the outermost first; each of them adds a line or an entry. Backends put it into links and
 * redirects, where `//host` would lead elsewhere: unless every entry is a path with one reading, none counts.
 */
function prefixOf(value: string): string {
  if (value === '') return '';
  let prefix = '';
  for (const entry of value.split(',')) {
    const path = entry.trim();
    const target = parseTarget(path);
    // Only a route can allow an encoded `#`, `?` or `;`.
    if (isRefusal(target) || target.ambiguity !== undefined || target.query !== '') return '';
    prefix += path.endsWith('/') ? path.slice(0, -1) : path;
  }
  return prefix;
}
