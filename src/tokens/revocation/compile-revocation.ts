import type { Config } from '../../config/schema/config.ts';
import { openRevocationFile } from './file/revocation-file.ts';
import type { PlaceSettings } from './revocation-place.ts';
import type { RevocationSettings } from './revocations.ts';

interface CompileOptions {
  readonly resolvePath: (path: string) => string;
}

/** The settings of a file; one that names no place keeps entries in memory alone. */
export async function compileRevocation(
  { revocation }: Pick<Config, 'revocation'>,
  { resolvePath }: CompileOptions,
): Promise<RevocationSettings> {
  const { keep, maxEntries, file, store, onFailure } = revocation;
  const places = [
    ...(file === undefined ? [] : [filePlace(resolvePath(file))]),
    ...(store === undefined ? [] : [await storePlace(store)]),
  ];
  return { keepMs: keep, maxEntries, places, isClosed: onFailure === 'closed' };
}

function filePlace(path: string): PlaceSettings {
  return { kind: 'file', key: `file ${path}`, open: (context) => openRevocationFile(path, context) };
}

async function storePlace(url: string): Promise<PlaceSettings> {
  // Loaded only where it is asked for.
  const { openRedisRevocationStore } = await import('./store/redis-revocation-store.ts');
  return { kind: 'store', key: `store ${url}`, open: (context) => openRedisRevocationStore(url, context) };
}
