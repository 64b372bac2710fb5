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
          'Most active entries. Beyond them new ones are refused; no active one is dropped. About 250 bytes of memory each, in every process.',
        examples: [100_000],
      }),
  })
  .meta({
    description:
      'Which tokens are refused before they expire. Entries come from a file and from the admin listener.',
  });
