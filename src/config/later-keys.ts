import type { ConfigPath } from './problem.ts';

/** Keys of the file format whose time has not come; `*` stands for any name. */
const LATER: readonly (readonly string[])[] = [['issuers', '*', 'introspection']];

/** Whether `path` is a key that a later version will have: it is named as such, so that nobody looks for a typing error. */
export function isLaterKey(path: ConfigPath): boolean {
  return LATER.some(
    (steps) =>
      steps.length === path.length && steps.every((step, index) => step === '*' || step === path[index]),
  );
}
