import type { Config } from '../../config/schema/config.ts';
import type { RevocationSettings } from './revocations.ts';

/** The settings of a file; one that has none keeps entries in memory alone. */
export function compileRevocation({ revocation }: Pick<Config, 'revocation'>): RevocationSettings {
  const { keep, maxEntries } = revocation;
  return { keepMs: keep, maxEntries, places: [], isClosed: true };
}
