import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readTrustedFile } from '../../../config/source/trusted-file.ts';
import { exportAssertionKey, readAssertionKey } from './assertion-key.ts';
import type { ScheduledKey } from './key-schedule.ts';

const MAX_BYTES = 1024 ** 2;

/**
 * The keys of a file in the order in which they sign, or undefined when there is no file. `mustTrust` where they are to sign: then
 * nobody but the gateway may be able to write the file.
 */
export function readKeyFile(path: string, mustTrust: boolean): readonly ScheduledKey[] | undefined {
  let text: string;
  try {
    text = mustTrust ? readTrustedFile(path, MAX_BYTES) : readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const { keys } = JSON.parse(text) as { keys?: unknown };
  if (!Array.isArray(keys) || keys.length === 0) throw new Error(NOT_KEYS);
  return keys.map(parseKey).sort((a, b) => a.fromMs - b.fromMs);
}

const NOT_KEYS = 'it is not a file of keys';

function parseKey(jwk: Record<string, unknown>): ScheduledKey {
  const key = readAssertionKey(jwk);
  if (key === undefined || typeof jwk.from !== 'number') throw new Error(NOT_KEYS);
  return { key, fromMs: jwk.from };
}

/** Replaces the file as a whole. Returns the keys that are in it: those of another process where that one was first to make it. */
export function writeKeyFile(
  path: string,
  keys: readonly ScheduledKey[],
  { isNew }: { readonly isNew: boolean },
): readonly ScheduledKey[] {
  const text = JSON.stringify({
    keys: keys.map(({ key, fromMs }) => ({ ...exportAssertionKey(key), from: fromMs })),
  });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, `${text}\n`, { mode: 0o600 });
    if (isNew) linkSync(temporary, path);
    else renameSync(temporary, path);
    return keys;
  } catch (error) {
    const written = (error as NodeJS.ErrnoException).code === 'EEXIST' ? readKeyFile(path, true) : undefined;
    if (written === undefined) throw error;
    return written;
  } finally {
    rmSync(temporary, { force: true });
  }
}
