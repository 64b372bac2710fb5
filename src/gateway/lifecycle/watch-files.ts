import { type FSWatcher, readlinkSync, watch } from 'node:fs';
import { basename, dirname, resolve, sep } from 'node:path';
import { listMatches, patternOf } from '../../config/source/include-pattern.ts';
import { stamp } from './fingerprint.ts';

export interface FileWatch {
  /** Watches these files, and what patterns match, from now on, and no others. */
  follow(paths: readonly string[]): void;
  close(): void;
}

export interface FileWatchOptions {
  /** Something may have changed. Called once a burst of changes is over. */
  readonly onChange: () => void;
  /** Quiet time that ends a burst of changes. */
  readonly settleMs?: number;
  /** How often files are checked without events, for network file systems and single-file mounts of containers. */
  readonly pollMs?: number;
}

const SETTLE_MS = 200;
const POLL_MS = 10_000;
/** A burst is cut off after this time. */
const LONGEST_BURST_MS = 2_000;
const LONGEST_CHAIN = 16;

/**
 * Watches the folders of the files, since the watch of a file ends when it is replaced, and the folders of every symbolic link on the
 * way. So it notices also the swap of `..data`, by which Kubernetes changes a mounted ConfigMap.
 */
export function watchFiles({
  onChange,
  settleMs = SETTLE_MS,
  pollMs = POLL_MS,
}: FileWatchOptions): FileWatch {
  const watchers = new Map<string, FSWatcher>();
  let paths: readonly string[] = [];
  let names: ReadonlyMap<string, NameTest> = new Map();
  let burstStartedAt: number | undefined;
  let settle: NodeJS.Timeout | undefined;
  let lastStamp = '';
  let hasUnwatched = false;
  let closed = false;

  function noticed(): void {
    if (closed) return;
    const now = performance.now();
    burstStartedAt ??= now;
    clearTimeout(settle);
    const waitMs = Math.max(0, Math.min(settleMs, burstStartedAt + LONGEST_BURST_MS - now));
    settle = setTimeout(() => {
      burstStartedAt = undefined;
      // A swapped link leads elsewhere now.
      watchFolders();
      onChange();
    }, waitMs);
    settle.unref();
  }

  function watchFolders(): void {
    const wanted = testsByFolder(paths);
    for (const [folder, watcher] of watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      watchers.delete(folder);
    }
    names = wanted;
    hasUnwatched = false;
    for (const folder of wanted.keys()) {
      if (watchers.has(folder)) continue;
      const watcher = tryWatch(folder, (name) => {
        if (name === null || names.get(folder)?.(name)) noticed();
      });
      if (watcher === undefined) {
        hasUnwatched = true;
        continue;
      }
      watchers.set(folder, watcher);
      watcher.on('error', () => {
        watcher.close();
        watchers.delete(folder);
        noticed();
      });
    }
  }

  const poll = setInterval(async () => {
    // A folder may have vanished, or there was no descriptor for it.
    if (hasUnwatched) watchFolders();
    const before = lastStamp;
    lastStamp = await stamp(paths);
    if (lastStamp !== before) noticed();
  }, pollMs);
  poll.unref();

  return {
    follow(next) {
      // Keeps the stamp, so that the next poll finds what changed while these files were read.
      paths = next;
      watchFolders();
    },
    close() {
      closed = true;
      clearInterval(poll);
      clearTimeout(settle);
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

/** Undefined where the folder is missing or no watches are left. The poll still finds changes. */
function tryWatch(folder: string, onEvent: (name: string | null) => void): FSWatcher | undefined {
  try {
    return watch(folder, { persistent: false }, (_event, name) => onEvent(name));
  } catch {
    return undefined;
  }
}

/** Whether an entry of a folder may decide what the paths lead to. */
type NameTest = (name: string) => boolean;

/** Of the folders of patterns every visible entry counts, of others the entries on the way to a file. */
function testsByFolder(watched: readonly string[]): ReadonlyMap<string, NameTest> {
  const patterns = watched.map(patternOf).filter((pattern) => pattern !== undefined);
  const listed = new Set(patterns.flatMap((pattern) => listMatches(pattern).folders));
  const files = watched.filter((path) => patternOf(path) === undefined);
  const names = namesByFolder([...files, ...listed]);
  return new Map(
    [...new Set([...names.keys(), ...listed])].map((folder) => [
      folder,
      (name) => names.get(folder)?.has(name) === true || (listed.has(folder) && !name.startsWith('.')),
    ]),
  );
}

/** The entries that decide what the paths lead to, by folder: each file itself and every symbolic link on the way to it. */
function namesByFolder(paths: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const names = new Map<string, Set<string>>();
  const add = (entry: string): void => {
    const known = names.get(dirname(entry));
    if (known === undefined) names.set(dirname(entry), new Set([basename(entry)]));
    else known.add(basename(entry));
  };
  for (const path of paths) {
    let place: string | undefined = path;
    for (let step = 0; place !== undefined && step < LONGEST_CHAIN; step += 1) {
      add(place);
      place = followFirstLink(place, add);
    }
  }
  return names;
}

/** Resolves the link nearest to the root; undefined when there is no link on the way. */
function followFirstLink(path: string, add: (entry: string) => void): string | undefined {
  const parts = path.split(sep);
  for (let length = 2; length <= parts.length; length += 1) {
    const part = parts.slice(0, length).join(sep);
    const target = readLink(part);
    if (target === undefined) continue;
    add(part);
    return resolve(dirname(part), target, ...parts.slice(length));
  }
  return undefined;
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
