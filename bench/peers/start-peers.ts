import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from '../load/tokens.ts';
import { haproxySealgate, nginxJose, nginxSealgate } from './chains.ts';
import { checkPeer } from './check-peer.ts';
import { apacheOpenidc, haproxyJwt, haproxyPlain, nginxPlain } from './debian.ts';
import { bareHttpProxy, bareNode, express, httpProxyJose, httpProxyJwt, httpProxyMcp } from './node.ts';
import type { Ground, Peer, RunningPeer } from './peer.ts';
import { sealgate } from './sealgate.ts';

export const SEALGATE = sealgate('Sealgate', { routes: 10, issuers: 1 });

/** In the order of the table. */
export const PEERS: readonly Peer[] = [
  nginxPlain,
  haproxyPlain,
  haproxyJwt,
  apacheOpenidc,
  bareNode,
  bareHttpProxy,
  SEALGATE,
  httpProxyJose,
  httpProxyJwt,
  httpProxyMcp,
  express,
  nginxSealgate,
  haproxySealgate,
  nginxJose,
];

export interface StartedPeer {
  readonly peer: Peer;
  readonly running: RunningPeer;
}

export interface StartedPeers {
  readonly started: readonly StartedPeer[];
  /** Peers that do not take part: name → reason. */
  readonly absent: ReadonlyMap<string, string>;
}

/** Starts the peers that this machine can run and checks each of them; a failed check ends the run. */
export async function startPeers(peers: readonly Peer[], ground: Ground, pool: Pool): Promise<StartedPeers> {
  const started: StartedPeer[] = [];
  const absent = new Map<string, string>();
  for (const peer of peers) {
    const missing = peer.missing?.();
    if (missing !== undefined) {
      absent.set(peer.name, `needs ${missing}`);
      continue;
    }
    const folder = join(ground.folder, peer.name.replaceAll(/[^A-Za-z0-9]+/g, '-'));
    mkdirSync(folder);
    const running = await peer.start({ ...ground, folder });
    await checkPeer(peer, running, pool);
    started.push({ peer, running });
  }
  return { started, absent };
}
