import type { ConfigPath } from '../problem.ts';

/** Keys of the file format whose time has not come; `*` stands for any name. */
const RESERVED: readonly (readonly string[])[] = [['issuers', '*', 'introspection']];

/** Whether `path` is a key that a later version will have: it is named as such, so that nobody looks for a typing error. */
export function isReservedKey(path: ConfigPath): boolean {
  return RESERVED.some(
    (steps) =>
      steps.length === path.length && steps.every((step, index) => step === '*' || step === path[index]),
  );
}
