import { fileURLToPath } from 'node:url';
import { startBackend } from './backend.ts';
import { startMcpServer } from './mcp/mcp-server.ts';
import { startPage } from './page.ts';
import { findFreePort, reservePort } from './process/free-port.ts';
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
  readonly mcpServer: Listening;
  readonly gatewayUrl: string;
  readonly adminUrl: string;
  close(): Promise<void>;
}

/** Starts provider, backend, MCP server, page and the built gateway on loopback ports; resolves when all are ready. */
export async function startSetup({ familiarPorts, logGateway, logBackend }: SetupOptions): Promise<Setup> {
  const near = (preferred: number) => (familiarPorts ? preferred : 0);
  // Its addresses are known before it listens, and the servers below take free ports, too.
  const ports = [await reservePort(near(8080)), await reservePort(near(9090))] as const;
  const [gatewayPort, adminPort] = ports.map(({ port }) => port);
  const gatewayUrl = `http://127.0.0.1:${gatewayPort}`;
  const resources = { [`${gatewayUrl}/mcp`]: 'orders:read orders:write' };
  const provider = await startProvider({ port: await findFreePort(near(4000)), resources });
  const backend = await startBackend({ port: await findFreePort(near(3000)), log: logBackend });
  const mcpServer = await startMcpServer({ log: (line) => logBackend(`mcp ${line}`) });
  const page = await startPage({ issuer: provider.issuer, mcpUrl: `${gatewayUrl}/mcp` });
  const closeServers = () =>
    Promise.all([provider, backend, mcpServer, page].map((server) => server.close()));

  const adminUrl = `http://127.0.0.1:${adminPort}`;
  await Promise.all(ports.map(({ release }) => release()));
  const gateway = await startGatewayProcess({
    config: CONFIG,
    env: {
      DEMO_GATEWAY_PORT: String(gatewayPort),
      DEMO_GATEWAY_URL: gatewayUrl,
      DEMO_ADMIN_PORT: String(adminPort),
      DEMO_ISSUER: provider.issuer,
      DEMO_BACKEND: backend.url,
      DEMO_MCP_SERVER: mcpServer.url,
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
    mcpServer,
    gatewayUrl,
    adminUrl,
    close: async () => {
      await gateway.close();
      await closeServers();
    },
  };
}
