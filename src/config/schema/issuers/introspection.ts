import * as z from 'zod';
import { duration, size } from '../scalars.ts';
import { clientAuth } from './client-auth.ts';

/* `issuers.*.introspection`. */

const cache = z
  .strictObject({
    active: duration.prefault('60s').meta({
      description:
        'How long an active token is not asked about again, never beyond its `exp`: so long a token that the provider revokes still passes. `0s` asks every time.',
    }),
    inactive: duration
      .prefault('10s')
      .meta({ description: 'How long a token that is not active is not asked about again.' }),
    maxBytes: size.prefault('8MiB').meta({
      description: 'Memory for what the provider responded, of this issuer and in each process.',
    }),
  })
  .meta({ description: 'What is kept of responses. Tokens are kept as digests only.' });

export const introspection = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/ })
      .optional()
      .meta({
        description: 'URL of the introspection endpoint; found by discovery when left out.',
        examples: ['https://login.example.com/introspect'],
      }),
    auth: clientAuth,
    cache: cache.prefault({}),
    timeout: duration.prefault('2s').meta({ description: 'Time one question may take.' }),
    concurrency: z.int().min(1).max(10_000).default(64).meta({
      description:
        'Most questions that run at a time, in all workers together; one client address has at most an eighth of them. Requests beyond get 503.',
    }),
    prefix: z
      .string()
      .regex(/^[\w.~+/-]+$/, 'expected the beginning of a token: letters, digits and `-._~+/`')
      .optional()
      .meta({
        description:
          'How the opaque tokens of this issuer begin; needed where a route accepts several issuers with introspection.',
        examples: ['lgc_'],
      }),
    for: z.enum(['opaque', 'all']).default('opaque').meta({
      description:
        'Which tokens are asked about: those that are no JWTs, or also JWTs of this issuer, after they held.',
    }),
  })
  .meta({ description: 'Asks the provider about tokens (RFC 7662).' });

export type IntrospectionConfig = z.output<typeof introspection>;
