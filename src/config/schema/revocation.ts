import * as z from 'zod';
import { duration, text } from './scalars.ts';

/** `revocation`. */
export const revocation = z
  .strictObject({
    file: text.optional().meta({
      description:
        'A file of entries in JSON Lines, relative to this one. It is watched; what is added while the gateway runs is appended, and so survives restarts and crashes. It need not be there yet; its folder must. One without write permission only brings entries.',
      examples: ['revoked.jsonl', '/var/lib/sealgate/revoked.jsonl'],
    }),
    store: z
      .url({ protocol: /^rediss?$/, error: 'expected a redis:// or rediss:// URL' })
      .optional()
      .meta({
        description:
          'A Redis or Valkey by which gateways share their entries: one that arrives at any of them counts at all within a second. May hold its password. Without it each gateway has its own.',
        examples: ['redis://redis:6379'],
      }),
    onFailure: z.enum(['closed', 'open']).default('closed').meta({
      description:
        'When nothing was heard of the store for 5 s, so that entries may be missing: `closed` refuses tokens with 503, `open` serves by the entries that are known.',
    }),
    keep: duration.prefault('24h').meta({
      description:
        'How long an entry without `until` is active. At least the life of the longest token: after it the token would count again.',
    }),
    maxEntries: z
      .int()
      .min(1)
      .max(10_000_000)
      .default(1_000_000)
      .meta({
        description:
          'Most active entries. Beyond them new ones are refused; no active one is dropped. About 250 bytes of heap each, some 400 of memory, in every process.',
        examples: [100_000],
      }),
  })
  .meta({
    description:
      'Which tokens are refused before they expire. Entries come from a file, from the admin listener, and by `store` from other gateways.',
  });
