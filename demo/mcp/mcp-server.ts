import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { NodeStreamableHTTPServerTransport, toNodeHandler, toWebRequest } from '@modelcontextprotocol/node';
import {
  createMcpHandler,
  type EventStore,
  isLegacyRequest,
  type McpServer,
} from '@modelcontextprotocol/server';
import { type Listening, type ListenOptions, listen } from '../process/listen.ts';
import { createOrdersServer } from './orders-server.ts';

interface McpServerOptions extends ListenOptions {
  /** Makes the server of one session, or of one request since 2026-07-28; default: the demo's orders. */
  readonly create?: () => McpServer;
  /** Keeps the events of sessions, for clients that come back; default: none are kept. */
  readonly eventStore?: EventStore;
  /** Called with one short line per request. */
  readonly log?: (line: string) => void;
}

/**
 * Starts an MCP server of the official SDK that knows nothing about tokens. It speaks both eras of Streamable HTTP at `/mcp`:
 * sessions with a GET stream and DELETE up to 2025-11-25, and requests of their own since 2026-07-28.
 */
export async function startMcpServer({
  create = createOrdersServer,
  eventStore,
  log,
  ...address
}: McpServerOptions = {}): Promise<Listening> {
  const stateless = createMcpHandler(create, { legacy: 'reject' });
  const serveStateless = toNodeHandler(stateless);
  const sessions = new Map<string, NodeStreamableHTTPServerTransport>();

  const openSession = async () => {
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      ...(eventStore && { eventStore, retryInterval: 10 }),
      onsessioninitialized: (id) => {
        sessions.set(id, transport);
      },
      onsessionclosed: (id) => {
        sessions.delete(id);
      },
    });
    await create().connect(transport);
    return transport;
  };

  const serve = async (req: IncomingMessage, res: ServerResponse) => {
    const { pathname } = new URL(req.url ?? '/', 'http://localhost');
    if (pathname !== '/mcp') return void res.writeHead(404).end();
    const request = await toWebRequest(req);
    const body: unknown = req.method === 'POST' ? await request.clone().json() : undefined;
    log?.(`${req.method} ${describe(body)} for ${req.headers['x-user-id'] ?? 'nobody'}`);

    if (!(await isLegacyRequest(request, body))) return serveStateless(req, res, body);
    const id = req.headers['mcp-session-id'];
    if (id === undefined) return (await openSession()).handleRequest(req, res, body);
    const session = sessions.get(String(id));
    if (session) return session.handleRequest(req, res, body);
    res.writeHead(404).end();
  };

  const listening = await listen(
    createServer((req, res) => {
      serve(req, res).catch(() => res.writeHead(400).end());
    }),
    address,
  );
  return {
    url: listening.url,
    close: async () => {
      await Promise.all([stateless.close(), ...[...sessions.values()].map((session) => session.close())]);
      await listening.close();
    },
  };
}

/** The method of a message, with the tool of a call. */
function describe(body: unknown): string {
  const { method = '', params } = (body ?? {}) as { method?: string; params?: { name?: string } };
  return [method, params?.name].filter(Boolean).join(' ') || 'stream';
}
