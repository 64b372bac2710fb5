import * as z from 'zod';
import { DURATION_PATTERN, parseDuration, parseSize, SIZE_PATTERN } from '../../core/units.ts';

/* Values of many keys: durations, sizes, names and claims. */

export const duration = z
  .string({ error: 'expected a duration with its unit, such as 500ms, 30s, 10m or 24h' })
  .regex(new RegExp(DURATION_PATTERN), 'expected a duration with its unit, such as 500ms, 30s, 10m or 24h')
  .transform((text) => parseDuration(text) ?? Number.NaN);

export const size = z
  .string({ error: 'expected a size with its unit, such as 512B, 16KiB or 10MiB' })
  .regex(new RegExp(SIZE_PATTERN), 'expected a size with its unit, such as 512B, 16KiB or 10MiB')
  .transform((text) => parseSize(text) ?? Number.NaN);

export const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'expected a name of letters, digits, ".", "_" and "-"');
export const text = z.string().min(1, 'expected a non-empty string');
export const textList = z.array(text).min(1, 'expected at least one entry');

export const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'expected a header name');

export const scalar = z.union([z.string(), z.number(), z.boolean()]);
export const claimName = z.union([text, z.array(text).min(1)]).meta({
  description: 'A string is one literal claim name, dots included; a list is a path into nested objects.',
});
