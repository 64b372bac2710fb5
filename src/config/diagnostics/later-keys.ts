import type { ConfigPath } from '../problem.ts';

/** Keys that a later version will have, by the mapping they belong to; `*` is any name or index. */
const LATER_KEYS: readonly { readonly inside: readonly string[]; readonly keys: readonly string[] }[] = [
  { inside: [], keys: ['include'] },
];

/** Whether a key is no typing error, but one whose time has not come. */
export function isLaterKey(path: ConfigPath): boolean {
  const parent = path.slice(0, -1);
  const key = String(path.at(-1));
  return LATER_KEYS.some(
    ({ inside, keys }) =>
      keys.includes(key) &&
      inside.length === parent.length &&
      inside.every((step, index) => step === '*' || step === parent[index]),
  );
}
