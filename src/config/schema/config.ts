import * as z from 'zod';
import { type accessBlock, mode, policy } from './access.ts';
import { type assertion, fileIdentity, type identity, type identitySource } from './identity.ts';
import { issuer, issuerNames } from './issuers/issuers.ts';
import { admin, decisions, listen, type listenerTls, log, readiness, shutdown } from './listener.ts';
import type { mcp } from './mcp.ts';
import type { resource } from './resource.ts';
import { revocation } from './revocation.ts';
import { type cors, type rateLimit, rateLimitStore, route, type tokenSource } from './routes.ts';
import { type claimName, name, size, text } from './scalars.ts';
import { fileTest } from './tests.ts';
import { upstreamSchema } from './upstreams.ts';

export { ALGORITHMS } from './issuers/algorithms.ts';
export { DEFAULT_KEYS, PRESETS } from './issuers/issuers.ts';
export { DEFAULT_EJECTION, upstreamSchema } from './upstreams.ts';

/**
 * The schema of the file: what each key may hold, its default, and the description that editors and docs/configuration.md show.
 * What needs more than one key (names that must exist, conflicts) is in `rules/`. Durations become milliseconds, sizes bytes.
 */

export const configSchema = z
  .strictObject({
    include: z
      .array(text)
      .min(1)
      .max(100)
      .optional()
      .meta({
        description:
          'Files with further `routes`, `upstreams`, `policies` and `tests`. In each part of a path `*` is any text; names that start with a dot are only matched by a dot. At most 1,000 files, 4 MiB each and 16 MiB together.',
        examples: [['routes/*.yaml']],
      }),
    listen: listen.prefault({}),
    decisions: decisions.optional(),
    admin: admin.prefault({}),
    readiness: readiness.prefault({}),
    workers: z
      .union([z.int().min(1).max(256), z.literal('auto')])
      .default(1)
      .meta({
        description:
          'Processes that serve requests; `auto` is one per core. Keys are fetched once for all of them. Rate limits in memory count per process.',
        examples: [4, 'auto'],
      }),
    shutdown: shutdown.prefault({}),
    log: log.prefault({}),
    matching: z
      .strictObject({
        case: z
          .enum(['sensitive', 'insensitive'])
          .default('sensitive')
          .meta({ description: '`insensitive` is for backends that treat `/Admin` as `/admin`.' }),
      })
      .prefault({})
      .meta({ description: 'How paths are compared.' }),
    defaults: z
      .strictObject({ issuers: issuerNames.optional() })
      .prefault({})
      .meta({ description: 'For routes that do not name their own.' }),
    rateLimitStore: rateLimitStore.optional(),
    tokenCache: z
      .union([
        z.literal('off'),
        z.strictObject({
          maxBytes: size.prefault('32MiB').meta({ description: 'Memory for cached tokens.' }),
        }),
      ])
      .prefault({})
      .meta({
        description:
          'Caches verified tokens, so that each is verified once. Times and keys are checked at every use; `off` verifies every time.',
        examples: ['off', { maxBytes: '64MiB' }],
      }),
    revocation: revocation.prefault({}),
    issuers: z.record(name, issuer).default({}).meta({ description: 'Trusted issuers by name.' }),
    upstreams: z.record(name, upstreamSchema).default({}).meta({ description: 'Backends by name.' }),
    policies: z.record(name, policy).default({}).meta({ description: 'Rules by name, shared by routes.' }),
    mode: mode.default('enforce'),
    reportHeader: z.boolean().default(false).meta({
      description:
        'Sends clients the code with which `mode: report` would have refused them, in `X-Sealgate-Would-Refuse`.',
    }),
    identity: fileIdentity
      .prefault({})
      .meta({ description: 'What backends learn about callers, for all routes.' }),
    routes: z
      .array(route)
      .min(1, 'expected at least one route')
      .meta({ description: 'Which requests are forwarded, and where to. Order never matters.' }),
    tests: z.array(fileTest).default([]).meta({
      description:
        'Tests of these rules. A file that fails one is not valid: `check` shows why, and `start` and a reload refuse it.',
    }),
  })
  .meta({ title: 'Sealgate configuration' });

/** For editors: what an included file may hold. The gateway validates all files as one. */
export const includedSchema = configSchema
  .pick({ routes: true, upstreams: true, policies: true, tests: true })
  .partial()
  .meta({ title: 'Part of a Sealgate configuration' });

/** The validated file: data without behavior. Durations in milliseconds, sizes in bytes. */
export type Config = z.output<typeof configSchema>;
export type IssuerConfig = Config['issuers'][string];
export type UpstreamConfig = Config['upstreams'][string];
export type ExchangeConfig = NonNullable<UpstreamConfig['exchange']>;
export type RouteConfig = Config['routes'][number];
export type AccessConfig = RouteConfig['access'];
export type AccessBlockConfig = z.output<typeof accessBlock>;
export type McpConfig = z.output<typeof mcp>;
export type ClaimName = z.output<typeof claimName>;
export type IdentityConfig = z.output<typeof identity>;
export type IdentitySource = z.output<typeof identitySource>;
export type ResourceConfig = z.output<typeof resource>;
export type CorsConfig = z.output<typeof cors>;
export type RateLimitConfig = z.output<typeof rateLimit>;
export type RateLimitStoreConfig = z.output<typeof rateLimitStore>;
export type TokenSourceConfig = z.output<typeof tokenSource>;
export type PolicyConfig = z.output<typeof policy>;
export type FileTestConfig = z.output<typeof fileTest>;
export type DecisionsConfig = NonNullable<Config['decisions']>;
export type ListenerTlsConfig = z.output<typeof listenerTls>;
export type AssertionConfig = z.output<typeof assertion>;
