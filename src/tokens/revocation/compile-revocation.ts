import type { Config } from '../../config/schema/config.ts';
import { openRevocationFile } from './file/revocation-file.ts';
import type { PlaceSettings } from './revocation-place.ts';
import type { RevocationSettings } from './revocations.ts';

interface CompileOptions {
  readonly resolvePath: (path: string) => string;
}

/** The settings of a file; one that names no place keeps entries in memory alone. */
export function compileRevocation(
  { revocation }: Pick<Config, 'revocation'>,
  { resolvePath }: CompileOptions,
): RevocationSettings {
  const { keep, maxEntries, file } = revocation;
  const places = file === undefined ? [] : [filePlace(resolvePath(file))];
  return { keepMs: keep, maxEntries, places, isClosed: true };
}

function filePlace(path: string): PlaceSettings {
  return { kind: 'file', key: `file ${path}`, open: (context) => openRevocationFile(path, context) };
}
