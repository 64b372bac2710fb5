import type { Clock } from '../../../core/time/clock.ts';
import { createRevocationIndex, type RevocationIndex } from '../revocation-index.ts';
import { isMissing, openRegular, READ } from './open-file.ts';
import { readWholeFile } from './read-whole-file.ts';

/** Reads a file of entries once, at the time of the clock; lines with a mistake are left out. Throws where it cannot be read. */
export async function loadRevocationFile(
  path: string,
  { clock, keepMs }: { readonly clock: Clock; readonly keepMs: number },
): Promise<RevocationIndex> {
  const index = createRevocationIndex({
    keepMs,
    maxEntries: Number.POSITIVE_INFINITY,
    clock,
    monotonicMs: clock,
  });
  try {
    const handle = await openRegular(path, READ);
    try {
      const { size: to } = await handle.stat();
      await readWholeFile(handle, {
        to,
        now: () => Math.floor(clock() / 1000),
        onEntries: (entries) => entries.forEach((entry) => void index.add(entry, 'file')),
        onFlaw: () => {},
      });
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return index;
}
