import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Test } from 'tap';
import { REFUSALS } from '../../../src/core/refusals.ts';
import {
  compileRequestHeaderFilter,
  filterHeaders,
} from '../../../src/pipeline/messages/request-header-filter.ts';
import { ResponseHeaderFilter } from '../../../src/proxy/response/response-header-filter.ts';
import { createUpstream } from '../../../src/proxy/upstream/upstream.ts';
import { openTunnel } from '../../../src/proxy/websocket/open-tunnel.ts';
import { createTunnels, type Tunnels } from '../../../src/proxy/websocket/tunnels.ts';
import { RawClient } from '../clients/raw-client.ts';
import { collectOutcomes, type Outcome } from './forwarder.ts';
import { upstreamSettings } from './upstream-settings.ts';

export interface TunnelHarness {
  readonly port: number;
  readonly url: string;
  readonly tunnels: Tunnels;
  readonly outcomes: Outcome[];
  nextOutcome(): Promise<Outcome>;
  client(): RawClient;
}

export interface TunnelHarnessOptions {
  readonly idleMs?: number;
  readonly responseMs?: number;
  readonly expiresAtMs?: () => number | undefined;
}

const HEADER_FILTER = compileRequestHeaderFilter({ identity: { maxBytes: 0 }, routes: [] });

/** The tunnelling alone behind Node's own server: every handshake is permitted. Ends with the test. */
export async function startTunnelHarness(
  t: Test,
  upstreamUrl: string,
  { idleMs = 10_000, responseMs = 10_000, expiresAtMs = () => undefined }: TunnelHarnessOptions = {},
): Promise<TunnelHarness> {
  const upstream = createUpstream(upstreamSettings(upstreamUrl, { timeouts: { idleMs, responseMs } }));
  const tunnels = createTunnels();
  const { outcomes, nextOutcome, report } = collectOutcomes();
  const server = createServer();
  server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const { passed } = filterHeaders(HEADER_FILTER, req.rawHeaders);
    openTunnel({
      req,
      socket,
      takeHead: () => head,
      reset: () => socket.resetAndDestroy(),
      upstream,
      tunnels,
      opened: () => undefined,
      expiresAtMs: expiresAtMs(),
      plan: {
        method: 'GET',
        target: req.url ?? '/',
        headers: [...passed, 'x-user-id', 'alice'],
        timeouts: upstream.timeouts,
        bodyLimit: undefined,
        bodyIdleMs: 60_000,
        responseHeaderFilter: new ResponseHeaderFilter(['x-user-id']),
        responseHeaders: ['x-request-id', 'test-request'],
        rewritten: undefined,
        host: undefined,
      },
      observer: {
        asked() {},
        refused(refusal, upstreamMs) {
          socket.end(
            `HTTP/1.1 ${REFUSALS[refusal.code].status} \r\nconnection: close\r\n\r\n{"code":"${refusal.code}"}`,
          );
          report({ kind: 'refused', refusal, upstreamMs });
        },
        finished: (result) => report({ kind: 'finished', ...result }),
        abandoned: () => report({ kind: 'abandoned' }),
      },
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const clients: RawClient[] = [];
  t.teardown(async () => {
    for (const client of clients) client.destroy();
    server.close();
    server.closeAllConnections();
    await upstream.destroy();
  });
  return {
    port,
    url: `ws://127.0.0.1:${port}`,
    tunnels,
    outcomes,
    nextOutcome,
    client() {
      const client = new RawClient(port);
      clients.push(client);
      return client;
    },
  };
}
