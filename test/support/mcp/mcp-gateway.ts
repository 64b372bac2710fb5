import type { Test } from 'tap';
import { startMcpServer } from '../../../demo/mcp/mcp-server.ts';
import { findFreePort } from '../../../demo/process/free-port.ts';
import { type RunningProvider, startProvider } from '../../../demo/provider/provider.ts';
import { waitUntilReady } from '../gateway/gateway.ts';
import { type GatewayProcess, startGatewayProcess } from '../gateway/gateway-process.ts';

/** A client whose id is the address of its metadata document. */
export const DOCUMENT_CLIENT = 'https://client.example.com/mcp.json';

const DOCUMENT = {
  client_id: DOCUMENT_CLIENT,
  client_name: 'a client with a document',
  application_type: 'native',
  redirect_uris: ['http://127.0.0.1/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
};

export interface McpGateway {
  /** The address of the MCP server for clients, which is the resource identifier. */
  readonly url: string;
  readonly gateway: GatewayProcess;
  readonly provider: RunningProvider;
  /** What reached the MCP server, a line for each request. */
  readonly served: readonly string[];
}

interface Options {
  /** Starts the provider that knows the resource; default: the demo's. */
  readonly start?: (options: { resources: Record<string, string> }) => Promise<RunningProvider>;
  /** Further keys of the issuer. */
  readonly issuer?: object;
  /** The rule of the tool `whoami`; default: allow. */
  readonly whoami?: object;
  /** Further keys of the resource. */
  readonly resource?: object;
}

/** Starts a provider, the demo's MCP server and the built gateway before it; all of it ends with the test. */
export async function startMcpGateway(t: Pick<Test, 'teardown'>, options: Options = {}): Promise<McpGateway> {
  const port = await findFreePort(0);
  const publicUrl = `http://127.0.0.1:${port}`;
  const url = `${publicUrl}/mcp`;
  const start = options.start ?? startProvider;
  const provider = await start({
    resources: { [url]: 'orders:read orders:write orders:audit' },
    ...{ clientDocuments: { [DOCUMENT_CLIENT]: DOCUMENT } },
  });
  const served: string[] = [];
  const server = await startMcpServer({ log: (line) => served.push(line) });
  t.teardown(() => Promise.all([provider.close(), server.close()]));

  const file = {
    listen: { port, publicUrl },
    admin: { port: 0 },
    issuers: { corp: { issuer: provider.issuer, audiences: [url], ...options.issuer } },
    routes: [
      {
        name: 'tools',
        path: '/mcp',
        upstream: server.url,
        resource: { title: 'Orders', ...options.resource },
        access: { scopes: ['orders:read'] },
        mcp: {
          tools: {
            whoami: options.whoami ?? 'allow',
            'orders_*': 'allow',
            orders_cancel: { scopes: ['orders:write'] },
          },
          prompts: { '*': 'allow' },
          resources: { 'orders://*': 'allow', 'orders://order/*': { scopes: ['orders:write'] } },
        },
      },
    ],
  };
  const gateway = await startGatewayProcess(t, JSON.stringify(file));
  await waitUntilReady(gateway.adminUrl);
  return { url, gateway, provider, served };
}
