import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MCP_PATH } from '../load/mcp.ts';
import { BOUND_HOST, BOUND_ISSUER, BOUND_PATH } from '../load/proofs.ts';
import { ALGORITHM_NAMES, AUDIENCE, ISSUER } from '../load/tokens.ts';
import {
  CORE,
  freePort,
  type PinnedProcess,
  startPinned,
  untilListening,
} from '../measure/pinned-process.ts';
import type { Ground, Peer, RunningPeer } from './peer.ts';

export const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

const FILE = 'gateway.yaml';

export interface Size {
  readonly routes: number;
  readonly issuers: number;
}

/** Sealgate as it is shipped: built, default options, access log on (read from a pipe). */
export function sealgate(name: string, size: Size): Peer {
  return {
    name,
    algorithms: ALGORITHM_NAMES,
    mcp: 'too',
    missing: () => (existsSync(PROGRAM) ? undefined : 'dist/main.js (npm run build)'),
    start(ground) {
      return startSealgate(size, ground);
    },
  };
}

export interface RunningSealgate extends RunningPeer {
  readonly adminPort: number;
  /** Where other proxies ask; 0 where they cannot. */
  readonly decisionsPort: number;
  readonly grpcPort: number;
}

/** `isAsked`: other proxies can ask it for decisions. */
export async function startSealgate(size: Size, ground: Ground, isAsked = false): Promise<RunningSealgate> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const [decisionsPort, grpcPort] = isAsked ? [await freePort(), await freePort()] : [0, 0];
  const ports = { port, adminPort, decisionsPort, grpcPort };
  const file = join(ground.folder, FILE);
  writeFileSync(file, gatewayFile(size, ground, ports));
  const argv = [ground.node, PROGRAM, 'start', '-c', file];
  const gateway = startPinned({ core: CORE.measured, argv, folder: ground.folder, drainOutput: true });
  await untilListening(port, 30_000);
  await untilReady(adminPort);
  return { ...gateway, ...ports };
}

/** A gateway whose file can have `revocation`, and its entries. */
export interface RevokingSealgate extends RunningSealgate {
  /** Puts `revocation` into the file, or takes it out. */
  reload(isRevoking: boolean): Promise<void>;
  /** Adds as many entries, none of which is about a token of the load. */
  revoke(count: number): Promise<void>;
  takeBack(count: number): Promise<void>;
}

const ADMIN_TOKEN = 'a-token-for-the-admin-listener-of-the-benchmark';
const REVOKING = `revocation: { keep: 24h }\n`;
const ENTRIES_OF_REQUEST = 10_000;

/** Starts one without `revocation`. */
export async function startRevokingSealgate(size: Size, ground: Ground): Promise<RevokingSealgate> {
  const gateway = await startSealgate(size, ground);
  const admin = `http://127.0.0.1:${gateway.adminPort}`;
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' };
  const reloads = async (): Promise<string> => {
    const metrics = await (await fetch(`${admin}/metrics`, { headers })).text();
    return /sealgate_config_reloads_total\{result="applied"\} \d+/.exec(metrics)?.[0] ?? '';
  };
  const send = async (method: 'POST' | 'DELETE', count: number): Promise<void> => {
    for (let first = 0; first < count; first += ENTRIES_OF_REQUEST) {
      const body = JSON.stringify(revocations(first, Math.min(first + ENTRIES_OF_REQUEST, count)));
      const { status } = await fetch(`${admin}/revocations`, { method, headers, body });
      if (status !== 204) throw new Error(`${method} /revocations: ${status}`);
    }
  };
  return {
    ...gateway,
    async reload(isRevoking) {
      const before = await reloads();
      const file = join(ground.folder, FILE);
      writeFileSync(file, `${isRevoking ? REVOKING : ''}${gatewayFile(size, ground, gateway)}`);
      process.kill(gateway.pid, 'SIGHUP');
      const deadline = Date.now() + 30_000;
      while ((await reloads()) === before) {
        if (Date.now() > deadline) throw new Error('the gateway does not reload');
        await wait(5);
      }
    },
    revoke: (count) => send('POST', count),
    takeBack: (count) => send('DELETE', count),
  };
}

/** By token, session and subject in turn, so that each look-up has something to look in. */
function revocations(first: number, end: number): unknown[] {
  const kinds = ['jti', 'sid', 'subject'];
  return Array.from({ length: end - first }, (_, index) => ({
    issuer: 'issuer0',
    [kinds[index % 3] as string]: `revoked-${first + index}`,
  }));
}

/** A gateway listens before it has its keys; `/ready` shows when it has them. */
async function untilReady(adminPort: number): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline) {
    const { status } = await fetch(`http://127.0.0.1:${adminPort}/ready`);
    if (status === 200) return;
    await wait(5);
  }
  throw new Error('the gateway does not become ready');
}

type Ports = Omit<RunningSealgate, keyof PinnedProcess>;

/** A configuration of the given size; the load uses its first issuer and routes. */
function gatewayFile({ routes, issuers }: Size, ground: Ground, ports: Ports): string {
  const { port, adminPort, decisionsPort, grpcPort } = ports;
  const { origin } = ground.issuer;
  const issuerLines = Array.from({ length: issuers }, (_, index) =>
    JSON.stringify({
      issuer: issuerName(index),
      audiences: [AUDIENCE],
      jwksUri: `${origin}/${index}/jwks.json`,
    }),
  ).map((issuer, index) => `  issuer${index}: ${issuer}`);
  const routeLines = Array.from({ length: routes }, (_, index) =>
    JSON.stringify({
      name: `route-${index}`,
      path: routePath(index),
      upstream: 'backend',
      access: { scopes: ['orders:read'] },
    }),
  ).map((route) => `  - ${route}`);
  const decisions = decisionsPort === 0 ? '' : `decisions: { port: ${decisionsPort}, grpc: ${grpcPort} }\n`;
  return `listen: { port: ${port} }
${decisions}admin: { port: ${adminPort}, token: ${ADMIN_TOKEN} }
defaults: { issuers: ${JSON.stringify(Array.from({ length: issuers }, (_, index) => `issuer${index}`))} }
issuers:
${issuerLines.join('\n')}
  opaque:
    issuer: https://opaque.bench.test
    audiences: ['${AUDIENCE}']
    jwks: none
    introspection: { url: '${origin}/introspect', auth: { clientId: bench, clientSecret: bench }, prefix: op_ }
  bound:
    issuer: ${BOUND_ISSUER}
    audiences: [${JSON.stringify(AUDIENCE)}]
    jwksUri: '${origin}/bound/jwks.json'
    dpop: { maxAge: 24h, replay: { maxEntries: 100000000 } }
upstreams:
  backend: { url: 'http://127.0.0.1:${ground.upstreamPort}' }
  exchanging:
    url: 'http://127.0.0.1:${ground.upstreamPort}'
    exchange:
      grant: token-exchange
      tokenUrl: '${origin}/token'
      auth: { clientId: bench, clientSecret: bench }
routes:
${routeLines.join('\n')}
  - name: mcp
    path: ${MCP_PATH}
    upstream: backend
    access: { scopes: ['orders:read'] }
    mcp: { tools: { 'orders_*': allow, orders_cancel: { scopes: ['orders:write'] } } }
  - { name: exchanged, path: ${EXCHANGED_PATH}, upstream: exchanging, access: { scopes: ['orders:read'] } }
  - { name: introspected, path: ${INTROSPECTED_PATH}, upstream: backend, access: { issuers: [opaque], scopes: ['orders:read'] } }
  - { name: bound, host: ${BOUND_HOST}, path: ${BOUND_PATH}, upstream: backend, access: { issuers: [bound], scopes: ['orders:read'] } }
  - { name: large, path: /large, upstream: backend, access: authenticated }
`;
}

/** A route whose backend gets a token that was exchanged for the caller's. */
export const EXCHANGED_PATH = '/exchanged';

/** A route whose tokens are introspected. */
export const INTROSPECTED_PATH = '/introspected';

export function issuerName(index: number): string {
  return index === 0 ? ISSUER : `${ISSUER}/${index}`;
}

/** The path of a route; the load requests a path below it. */
export function routePath(index: number): string {
  return `/api/v1/service-${index}/orders`;
}
