import { fileURLToPath } from 'node:url';
import { startBackend } from './backend.ts';
import { startPage } from './page.ts';
import { findFreePort } from './process/free-port.ts';
import { startGatewayProcess } from './process/gateway-process.ts';
import type { Listening } from './process/listen.ts';
import { type RunningProvider, startProvider } from './provider/provider.ts';

const CONFIG = fileURLToPath(new URL('gateway.yaml', import.meta.url));

interface SetupOptions {
  /** Take the familiar ports (4000, 3000, 8080, 9090) where they are free. */
  readonly familiarPorts: boolean;
  readonly logGateway: (line: string) => void;
  readonly logBackend: (line: string) => void;
}

export interface Setup {
  readonly provider: RunningProvider;
  readonly backend: Listening;
  readonly gatewayUrl: string;
  readonly adminUrl: string;
  close(): Promise<void>;
}

/** Starts provider, backend, page and the built gateway on loopback ports; resolves when all are ready. */
export async function startSetup({ familiarPorts, logGateway, logBackend }: SetupOptions): Promise<Setup> {
  const portNear = (preferred: number) => findFreePort(familiarPorts ? preferred : 0);
  const [provider, backend, gatewayPort, adminPort] = await Promise.all([
    portNear(4000).then((port) => startProvider({ port })),
    portNear(3000).then((port) => startBackend({ port, log: logBackend })),
    portNear(8080),
    portNear(9090),
  ]);
  const page = await startPage({ issuer: provider.issuer });
  const closeServers = () => Promise.all([provider, backend, page].map((server) => server.close()));

  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const gateway = await startGatewayProcess({
    config: CONFIG,
    env: {
      DEMO_GATEWAY_PORT: String(gatewayPort),
      DEMO_ADMIN_PORT: String(adminPort),
      DEMO_ISSUER: provider.issuer,
      DEMO_BACKEND: backend.url,
      DEMO_PAGE: page.url,
    },
    adminUrl,
    log: logGateway,
  }).catch(async (error) => {
    await closeServers();
    throw error;
  });

  return {
    provider,
    backend,
    gatewayUrl: `http://127.0.0.1:${gatewayPort}`,
    adminUrl,
    close: async () => {
      await gateway.close();
      await closeServers();
    },
  };
}
