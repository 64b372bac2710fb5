import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ALGORITHM_NAMES, type Algorithm, AUDIENCE, ISSUER } from '../load/tokens.ts';
import { CORE, freePort, startPinned, untilListening } from '../measure/pinned-process.ts';
import type { Peer } from './peer.ts';

/** A peer that is a small Node program of `servers/`; configured by environment variables. */
function nodePeer(
  name: string,
  algorithms: readonly Algorithm[],
  program: string,
  more: Pick<Peer, 'mcp'> = {},
): Peer {
  const file = fileURLToPath(new URL(`servers/${program}`, import.meta.url));
  return {
    name,
    algorithms,
    ...more,
    missing: () =>
      existsSync(fileURLToPath(new URL('../node_modules/fastify', import.meta.url)))
        ? undefined
        : 'npm --prefix bench ci',
    async start({ folder, upstreamPort, issuer, node }) {
      const port = await freePort();
      const env = {
        NODE_ENV: 'production',
        PORT: String(port),
        UPSTREAM: `http://127.0.0.1:${upstreamPort}`,
        ISSUER,
        AUDIENCE,
        ISSUER_ORIGIN: issuer.origin,
        JWKS_URI: issuer.jwksUri,
      };
      const peer = startPinned({ core: CORE.measured, argv: [node, file], env, folder });
      await untilListening(port);
      return { ...peer, port };
    },
  };
}

export const bareNode = nodePeer('bare Node http + undici', [], 'bare-node.mjs');
export const bareHttpProxy = nodePeer('bare @fastify/http-proxy', [], 'fastify-http-proxy.mjs');
export const httpProxyJose = nodePeer('@fastify/http-proxy + jose', ALGORITHM_NAMES, 'fastify-jose.mjs');
export const httpProxyJwt = nodePeer(
  '@fastify/http-proxy + @fastify/jwt + get-jwks',
  ['RS256'],
  'fastify-jwt.mjs',
);
export const express = nodePeer(
  'Express + express-oauth2-jwt-bearer + http-proxy-middleware',
  ['RS256'],
  'express.mjs',
);
export const httpProxyMcp = nodePeer(
  '@fastify/http-proxy + jose + a check of MCP messages',
  ALGORITHM_NAMES,
  'fastify-mcp.mjs',
  { mcp: 'only' },
);
