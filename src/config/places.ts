import type { ConfigPath } from './problem.ts';

export interface PlacedValue {
  readonly path: ConfigPath;
  readonly value: unknown;
}

/** The values that a pattern such as `issuers.*.audiences.*` finds; `*` is every key or index. */
export function valuesAt(root: unknown, pattern: string): readonly PlacedValue[] {
  let found: readonly PlacedValue[] = [{ path: [], value: root }];
  for (const step of pattern.split('.')) {
    found = found.flatMap(({ path, value }) => {
      if (typeof value !== 'object' || value === null) return [];
      const isList = Array.isArray(value);
      if (step !== '*') {
        const inside = isList ? undefined : (value as Record<string, unknown>)[step];
        return inside === undefined ? [] : [{ path: [...path, step], value: inside }];
      }
      return Object.entries(value).map(([key, inside]) => ({
        path: [...path, isList ? Number(key) : key],
        value: inside,
      }));
    });
  }
  return found;
}
