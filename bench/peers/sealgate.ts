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

export interface Size {
  readonly routes: number;
  readonly issuers: number;
  /** Entries of its file of revocations, none of which is about a token of the load. Default: no file. */
  readonly revocations?: number;
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

/** The same with as many revocations, beside the one without: for what each request pays for them. */
export function sealgateRevoking(name: string, size: Size): Peer {
  const { mcp: _, ...peer } = sealgate(name, size);
  return { ...peer, algorithms: ['RS256'] };
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
  const file = join(ground.folder, 'gateway.yaml');
  writeFileSync(file, gatewayFile(size, ground, ports));
  if (size.revocations !== undefined)
    writeFileSync(join(ground.folder, REVOKED), revokedLines(size.revocations));
  const argv = [ground.node, PROGRAM, 'start', '-c', file];
  const gateway = startPinned({ core: CORE.measured, argv, folder: ground.folder, drainOutput: true });
  await untilListening(port, 30_000);
  await untilReady(adminPort);
  return { ...gateway, ...ports };
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
function gatewayFile({ routes, issuers, revocations }: Size, ground: Ground, ports: Ports): string {
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
  const revoking = revocations === undefined ? '' : `revocation: { file: ${REVOKED} }\n`;
  return `listen: { port: ${port} }
${revoking}${decisions}admin: { port: ${adminPort} }
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

const REVOKED = 'revoked.jsonl';

/** By token, session and subject in turn, so that each look-up has something to look in. */
function revokedLines(count: number): string {
  const at = Math.floor(Date.now() / 1000);
  const kinds = ['jti', 'sid', 'subject'];
  const lines = Array.from({ length: count }, (_, index) =>
    JSON.stringify({ issuer: 'issuer0', [kinds[index % 3] as string]: `revoked-${index}`, at }),
  );
  return `${lines.join('\n')}\n`;
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
