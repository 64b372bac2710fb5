import type * as z from 'zod';
import { type FlatIssue, flattenIssues } from './diagnostics/flatten-issues.ts';
import { formatIssue } from './diagnostics/format-issue.ts';
import { type ConfigPath, pathKey } from './problem.ts';
import { type Config, configSchema } from './schema/config.ts';
import type { Substitution } from './source/substitution.ts';

export type Validation =
  | { readonly config: Config; readonly leaves: readonly [] }
  | { readonly config: undefined; readonly leaves: readonly FlatIssue[] };

/** Values that replace a missing variable, tried until one fits. */
const PLACEHOLDERS = ['1s', '1MiB', 1, true, '/placeholder', '127.0.0.1', 'PLACEHOLDER'] as const;

/**
 * Validates plain data against the schema. A scalar that is one whole substitution is read as a number or boolean where the schema
 * wants one; a placeholder becomes a value that fits. Both change `value` in place.
 */
export function validate(value: unknown, substitutions: ReadonlyMap<string, Substitution>): Validation {
  const untried = new Map<string, unknown[]>();
  for (;;) {
    const parsed = configSchema.safeParse(value, { error: formatIssue });
    if (parsed.success) return { config: parsed.data, leaves: [] };
    const leaves = flattenIssues(parsed.error.issues);
    let changed = false;
    for (const leaf of leaves) {
      const key = pathKey(leaf.path);
      const substitution = substitutions.get(key);
      if (substitution === undefined) continue;
      const readings = untried.get(key) ?? readingsOf(substitution, leaf);
      untried.set(key, readings);
      if (readings.length === 0) continue;
      putAt(value, leaf.path, readings.shift());
      changed = true;
    }
    if (!changed) return { config: undefined, leaves };
  }
}

function readingsOf({ text, whole, placeholder }: Substitution, leaf: FlatIssue): unknown[] {
  const issues: readonly z.core.$ZodIssue[] = leaf.alternatives ?? [leaf.issue];
  if (placeholder) {
    const choices = issues.flatMap((issue) => (issue.code === 'invalid_value' ? issue.values : []));
    return [...choices, `https://${/^[\w-]+$/.test(text) ? text : 'placeholder'}.invalid`, ...PLACEHOLDERS];
  }
  const isKind = issues.some(({ code }) => code === 'invalid_type' || code === 'invalid_value');
  if (!whole || !isKind) return [];
  if (text === 'true' || text === 'false') return [text === 'true'];
  return /^-?\d+(\.\d+)?$/.test(text) && String(Number(text)) === text ? [Number(text)] : [];
}

/** The value at a path of plain data; undefined where there is none. */
export function valueAt(value: unknown, path: ConfigPath): unknown {
  return path.reduce<unknown>(
    (inside, step) =>
      typeof inside === 'object' && inside !== null && Object.hasOwn(inside, step)
        ? (inside as Record<string | number, unknown>)[step]
        : undefined,
    value,
  );
}

function putAt(value: unknown, path: ConfigPath, replacement: unknown): void {
  const parent = valueAt(value, path.slice(0, -1));
  const step = path.at(-1);
  if (typeof parent !== 'object' || parent === null || step === undefined) return;
  (parent as Record<string | number, unknown>)[step] = replacement;
}
