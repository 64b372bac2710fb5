import { MCP_PATH, mcpCall } from '../load/mcp.ts';
import { BOUND_PATH, makeProofs, type Proofs } from '../load/proofs.ts';
import { type Algorithm, forge, mintToken, type Pool } from '../load/tokens.ts';
import { LARGE_PATH } from '../load/upstream.ts';
import { EXCHANGED_PATH, INTROSPECTED_PATH } from '../peers/sealgate.ts';

export type Pools = Readonly<Record<Algorithm, Pool>>;

export interface Case {
  readonly name: string;
  readonly about: string;
  /** Which peers take part: all, those that check tokens of this algorithm, those that check MCP messages, or only Sealgate. */
  readonly peers: 'all' | Algorithm | 'mcp' | 'sealgate';
  readonly expect: 'allowed' | 'refused';
  readonly tokens: (pools: Pools) => Promise<readonly string[]>;
  /** In place of `tokens`: one bound token, with another proof in every request. */
  readonly proofs?: (pools: Pools) => Promise<Proofs>;
  readonly path?: string;
  readonly connections?: number;
  readonly newConnections?: true;
  /** Header lines and body that make each request a POST. */
  readonly post?: string;
}

/** Distinct tokens that fit easily into a cache of default size. */
const WITHIN_CAPACITY = 5_000;

const one = async (pools: Pools) => pools.RS256.tokens.slice(0, 1);

export const CASES: readonly Case[] = [
  {
    name: 'repeated',
    about: 'the same good token in every request',
    peers: 'all',
    expect: 'allowed',
    tokens: one,
  },
  {
    name: 'fresh',
    about: 'every request with another good RS256 token',
    peers: 'all',
    expect: 'allowed',
    tokens: async (pools) => pools.RS256.tokens,
  },
  {
    name: 'fresh ES256',
    about: 'every request with another good ES256 token',
    peers: 'ES256',
    expect: 'allowed',
    tokens: async (pools) => pools.ES256.tokens,
  },
  {
    name: 'fresh EdDSA',
    about: 'every request with another good EdDSA token',
    peers: 'EdDSA',
    expect: 'allowed',
    tokens: async (pools) => pools.EdDSA.tokens,
  },
  {
    name: 'many tokens',
    about: `${WITHIN_CAPACITY} good tokens in turn, within the cache's capacity`,
    peers: 'sealgate',
    expect: 'allowed',
    tokens: async (pools) => pools.RS256.tokens.slice(0, WITHIN_CAPACITY),
  },
  { name: 'no token', about: 'no Authorization', peers: 'RS256', expect: 'refused', tokens: async () => [] },
  {
    name: 'expired',
    about: 'one token that expired an hour ago',
    peers: 'RS256',
    expect: 'refused',
    tokens: async (pools) => [await mintToken(pools.RS256.key, { lifetimeSeconds: -3600 })],
  },
  {
    name: 'forged, seen before',
    about: 'the same token with a bad signature in every request',
    peers: 'RS256',
    expect: 'refused',
    tokens: async (pools) => (await one(pools)).map(forge),
  },
  {
    name: 'forged, each different',
    about: 'every request with another token with a bad signature',
    peers: 'RS256',
    expect: 'refused',
    tokens: async (pools) => pools.RS256.tokens.map(forge),
  },
  {
    name: 'DPoP',
    about: 'the same good token, bound to a key of its client, with another ES256 proof in every request',
    peers: 'sealgate',
    expect: 'allowed',
    tokens: async () => [],
    // Each is good once: more than all runs together need.
    proofs: (pools) => makeProofs(pools.ES256.key, 4 * pools.ES256.tokens.length),
    path: BOUND_PATH,
  },
  {
    name: 'exchanged',
    about:
      'the same good token, for a backend that gets another one in its place: exchanged once, then cached',
    peers: 'sealgate',
    expect: 'allowed',
    tokens: one,
    path: EXCHANGED_PATH,
  },
  {
    name: 'introspected',
    about:
      'the same opaque token in every request: the provider is asked once a minute, and what it stated is kept',
    peers: 'sealgate',
    expect: 'allowed',
    tokens: async () => [`op_${'o'.repeat(40)}`],
    path: INTROSPECTED_PATH,
  },
  {
    name: 'new connection',
    about: 'the same good token, every request on a new connection',
    peers: 'all',
    expect: 'allowed',
    tokens: one,
    newConnections: true,
  },
  {
    name: 'large',
    about: 'responses of 10 MiB on 8 connections',
    peers: 'all',
    expect: 'allowed',
    tokens: one,
    path: LARGE_PATH,
    connections: 8,
  },
  {
    name: 'mcp call',
    about: 'the same good token, each request a call of a tool that the rules allow',
    peers: 'mcp',
    expect: 'allowed',
    tokens: one,
    path: MCP_PATH,
    post: mcpCall('orders_search'),
  },
  {
    name: 'mcp call, denied',
    about: 'the same good token, each request a call of a tool that no rule allows',
    peers: 'mcp',
    expect: 'refused',
    tokens: one,
    path: MCP_PATH,
    post: mcpCall('admin_purge'),
  },
];
