import * as z from 'zod';
import { duration } from '../scalars.ts';
import { ALGORITHMS } from './algorithms.ts';

/* `dpop` of an issuer. */

const DEFAULT_REPLAY_ENTRIES = 100_000;

const replay = z
  .union([
    z.literal('memory').transform(() => ({ maxEntries: DEFAULT_REPLAY_ENTRIES })),
    z.strictObject({
      maxEntries: z.int().min(1).max(100_000_000).meta({
        description:
          'Proofs that are remembered at the same time, each for up to `maxAge`; some 150 bytes each. One key of a client may hold a hundredth of them.',
      }),
    }),
    z.url({ protocol: /^rediss?$/, error: 'expected `memory`, or a redis:// or rediss:// URL' }),
  ])
  .prefault('memory')
  .meta({
    description:
      'Where used proofs are remembered, so that each is good once: in `memory`, for all workers of this gateway, or in a Redis or Valkey that several gateways share. While it cannot be asked, proofs are refused with 503.',
    examples: ['memory', { maxEntries: 1_000_000 }, 'redis://redis:6379'],
  });

export const dpop = z
  .strictObject({
    maxAge: duration
      .refine((value) => value >= 1000, 'expected at least 1s: `iat` has whole seconds')
      .prefault('60s')
      .meta({ description: 'Longest time since `iat` of a proof. Each is remembered for so long.' }),
    algorithms: z
      .array(z.enum(ALGORITHMS))
      .min(1, 'expected at least one algorithm')
      .default(['ES256', 'EdDSA'])
      .meta({
        description:
          'Accepted signature algorithms of proofs. `EdDSA` includes `Ed25519`, its name in RFC 9864. Challenges and metadata list them.',
      }),
    nonce: z.enum(['off', 'required']).default('off').meta({
      description:
        '`required`: each proof needs a nonce that this gateway, or one with the same `replay` store, has sent in the last five minutes.',
    }),
    replay,
  })
  .meta({
    description:
      'Accepts tokens of this issuer that are bound to a key of the client (`cnf.jkt`), with a proof of it for each request (DPoP, RFC 9449).',
    examples: [{}, { maxAge: '30s', nonce: 'required' }],
  });
