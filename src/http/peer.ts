import { isIP, type Socket } from 'node:net';
import type { TrustedProxies } from './trusted-proxies.ts';

/** The other end of a connection and how it came in: the same for every request it carries. */
export class Peer {
  /** IPv4-mapped addresses unwrapped; empty where the connection was gone already. */
  readonly address: string;
  readonly proto: 'http' | 'https';
  /** The gateway's own port. */
  readonly port: string;
  /** The proxies of the last check (docs/performance.md: whether the peer is a trusted proxy); they change with a reload at most. */
  #trusted: TrustedProxies | undefined;
  #isTrusted = false;

  constructor({ address, encrypted, port }: { address: string; encrypted: boolean; port: number }) {
    this.address = plainAddress(address);
    this.proto = encrypted ? 'https' : 'http';
    this.port = String(port);
  }

  /** Whether it is one of these proxies. */
  isAmong(proxies: TrustedProxies): boolean {
    if (this.#trusted !== proxies) {
      this.#trusted = proxies;
      this.#isTrusted = proxies.has(this.address);
    }
    return this.#isTrusted;
  }
}

const PEER = Symbol('peer');

/** The peer of a client's connection. */
export function peerOf(socket: Socket & { [PEER]?: Peer }): Peer {
  const known = socket[PEER];
  if (known !== undefined) return known;
  const { remoteAddress, localPort = 0 } = socket;
  const peer = new Peer({ address: remoteAddress ?? '', encrypted: 'encrypted' in socket, port: localPort });
  // A connection that is gone has no address.
  if (remoteAddress !== undefined) socket[PEER] = peer;
  return peer;
}

/** An IPv4 client on an IPv6 socket is an IPv4 client. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
}
