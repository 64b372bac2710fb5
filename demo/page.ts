import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type Listening, type ListenOptions, listen } from './process/listen.ts';
import { CLIENTS } from './provider/provider.ts';

const FILES = {
  '/demo': { file: 'index.html', type: 'text/html; charset=utf-8' },
  '/demo/page.css': { file: 'page.css', type: 'text/css; charset=utf-8' },
  '/demo/page.js': { file: 'page.js', type: 'text/javascript; charset=utf-8' },
  '/demo/decision.js': { file: 'decision.js', type: 'text/javascript; charset=utf-8' },
  '/demo/login.js': { file: 'login.js', type: 'text/javascript; charset=utf-8' },
  '/demo/element.js': { file: 'element.js', type: 'text/javascript; charset=utf-8' },
  '/demo/mcp.js': { file: 'mcp.js', type: 'text/javascript; charset=utf-8' },
} as const;

interface PageOptions extends ListenOptions {
  /** The provider's address for the browser. */
  readonly issuer: string;
  /** The address of the MCP server behind the gateway; without one the page does not mention it. */
  readonly mcpUrl?: string;
}

/** Serves the demo's page under `/demo`, as another backend of the gateway. */
export async function startPage({ issuer, mcpUrl, ...address }: PageOptions): Promise<Listening> {
  const settings = JSON.stringify({ issuer, clientId: CLIENTS.app.clientId, mcpUrl });
  const contents = new Map<string, { type: string; body: Buffer | string }>([
    ['/demo/settings.json', { type: 'application/json', body: settings }],
  ]);
  for (const [path, { file, type }] of Object.entries(FILES)) {
    contents.set(path, { type, body: await readFile(new URL(`page/${file}`, import.meta.url)) });
  }
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    'img-src data:',
    `connect-src 'self' ${issuer}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');

  const server = createServer((req, res) => {
    const content = contents.get((req.url ?? '').replace(/\/?(\?.*)?$/, ''));
    res.setHeader('cache-control', 'no-store');
    if (!content) {
      res.statusCode = 404;
      res.end('not found\n');
      return;
    }
    res.setHeader('content-security-policy', policy);
    res.setHeader('content-type', content.type);
    res.setHeader('referrer-policy', 'no-referrer');
    res.setHeader('x-content-type-options', 'nosniff');
    res.end(content.body);
  });
  return listen(server, address);
}
