import { request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { MCP_PATH, mcpCall } from '../load/mcp.ts';
import { AUDIENCE, forge, mintToken, type Pool } from '../load/tokens.ts';
import { LARGE_BYTES, LARGE_PATH, SMALL_BYTES } from '../load/upstream.ts';
import type { Peer, RunningPeer } from './peer.ts';
import { routePath } from './sealgate.ts';

interface Reply {
  readonly status: number;
  readonly bytes: number;
}

/**
 * Checks, before anything is counted, that a peer passes good tokens and whole responses, and that it refuses
 * bad tokens if it claims to verify them. Throws with the name of the failed check.
 */
export async function checkPeer(peer: Peer, { port }: RunningPeer, pool: Pool): Promise<void> {
  const good = pool.tokens[0] ?? '';
  await untilAllowed(peer, port, good);
  const small = await get(port, `${routePath(0)}/7`, good);
  if (small.bytes !== SMALL_BYTES) throw new Error(`${peer.name}: ${small.bytes} bytes of a small response`);
  const large = await get(port, LARGE_PATH, good);
  if (large.bytes !== LARGE_BYTES) throw new Error(`${peer.name}: ${large.bytes} bytes of a large response`);
  if (peer.algorithms.length === 0) return;

  if (peer.mcp !== undefined)
    for (const [tool, expected] of [
      ['orders_search', 200],
      ['admin_purge', 403],
    ] as const) {
      const status = await post(port, tool, good);
      if (status !== expected) throw new Error(`${peer.name} responds ${status} to a call of ${tool}`);
    }

  const header = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url');
  const bad: Record<string, string | undefined> = {
    'no token': undefined,
    'a token that is not a JWT': 'garbage',
    'an expired token': await mintToken(pool.key, { lifetimeSeconds: -3600 }),
    'a forged token': forge(good),
    'a token without signature': `${header}.${good.split('.')[1]}.`,
    'a token for someone else': await mintToken(pool.key, { audience: `${AUDIENCE}/other` }),
    'a token of another issuer': await mintToken(pool.key, { issuer: 'https://other.bench.test' }),
  };
  for (const [what, token] of Object.entries(bad)) {
    const { status } = await get(port, `${routePath(0)}/7`, token);
    if (status !== 401) throw new Error(`${peer.name} responds ${status} to ${what}`);
  }
}

async function untilAllowed(peer: Peer, port: number, token: string): Promise<void> {
  let last = 0;
  for (let attempt = 0; attempt < 100; attempt += 1) {
    last = await get(port, `${routePath(0)}/7`, token).then(
      ({ status }) => status,
      () => 0,
    );
    if (last === 200) return;
    await wait(50);
  }
  throw new Error(`${peer.name} responds ${last} to a good token`);
}

/** Calls a tool; the status of the response. */
async function post(port: number, tool: string, token: string): Promise<number> {
  const [head = '', body = ''] = mcpCall(tool).split('\r\n\r\n');
  const lines = head.split('\r\n').map((line) => line.split(': ') as [string, string]);
  const headers = { ...Object.fromEntries(lines), authorization: `Bearer ${token}` };
  const response = await fetch(`http://127.0.0.1:${port}${MCP_PATH}`, { method: 'POST', headers, body });
  await response.body?.cancel();
  return response.status;
}

function get(port: number, path: string, token: string | undefined): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = {
      host: 'api.bench.test',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    const sent = request(
      { host: '127.0.0.1', port, path, headers, agent: false, timeout: 10_000 },
      (response) => {
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes }));
        response.on('error', reject);
      },
    );
    sent.on('timeout', () => sent.destroy(new Error('no response in 10 s')));
    sent.on('error', reject);
    sent.end();
  });
}
