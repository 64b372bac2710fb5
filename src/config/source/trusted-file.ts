import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  type Stats,
} from 'node:fs';
import { dirname, join, parse, relative, resolve, sep } from 'node:path';

/** Why a file cannot be trusted, and what to do about it. */
export class UntrustedFile extends Error {}

const STICKY = 0o1000;
const MAX_LINKS = 40;

/**
 * Reads a file that the gateway wrote and trusts later: keys. It must belong to the user of the gateway or to root, and nobody else
 * may write it or replace it, in any folder of its path. The open file is checked, so that nothing can be swapped between the check
 * and the reading. Access control lists are not checked; on Windows, nothing is.
 *
 * @throws UntrustedFile
 */
export function readTrustedFile(path: string, maxBytes: number): string {
  const descriptor = openItself(path);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new UntrustedFile('it is not a regular file');
    if (stats.size > maxBytes) throw new UntrustedFile('it is too large');
    assertOurs('it', stats);
    assertClosed('it', stats, 'chmod 600');
    assertNotReplaceable(dirname(resolve(path)));
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

// Undefined on Windows.
const NO_FOLLOW: number = constants.O_NOFOLLOW ?? 0;
const NO_BLOCK: number = constants.O_NONBLOCK ?? 0;

function openItself(path: string): number {
  try {
    // No link, since writing would replace it; non-blocking, since opening a pipe waits for its other end.
    return openSync(path, constants.O_RDONLY | NO_FOLLOW | NO_BLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOOP' || !lstatSync(path).isSymbolicLink()) throw error;
    throw new UntrustedFile('it is a symbolic link: name the file itself');
  }
}

function assertOurs(what: string, { uid }: Stats): void {
  const user = process.geteuid?.();
  if (user === undefined || uid === user || uid === 0) return;
  const message = `${what} belongs to another user (uid ${uid}): remove it, or give it to the user of the gateway (uid ${user})`;
  throw new UntrustedFile(message);
}

function assertClosed(what: string, stats: Stats, hint: string): void {
  if ((stats.mode & othersMayWrite(stats)) === 0) return;
  throw new UntrustedFile(
    `others may write ${what}: run ${hint} once you have checked that nobody changed it`,
  );
}

/**
 * The bits of a mode that let others write. A group with the number of the user is that user's own, by default on most systems and
 * with `fsGroup` in Kubernetes; not for root, whose group has human members on some systems.
 */
function othersMayWrite({ gid }: Stats): number {
  const user = process.geteuid?.();
  if (user === undefined) return 0;
  return user !== 0 && gid === user ? 0o002 : 0o022;
}

/**
 * A user who may write a folder may replace what is in it, except, in a sticky folder such as /tmp, what belongs to others. Checks
 * each folder of the path from the root on, and follows symbolic links.
 */
function assertNotReplaceable(folder: string, links = 0): void {
  const { root } = parse(folder);
  let place = root;
  for (const name of ['', ...relative(root, folder).split(sep)]) {
    place = join(place, name);
    const stats = lstatSync(place);
    assertOurs(`the folder ${place}`, stats);
    if (stats.isSymbolicLink()) {
      if (links === MAX_LINKS) throw new UntrustedFile('its symbolic links go in a circle');
      const target = resolve(dirname(place), readlinkSync(place));
      assertNotReplaceable(join(target, relative(place, folder)), links + 1);
      return;
    }
    if ((stats.mode & STICKY) === 0) assertClosed(`the folder ${place}`, stats, 'chmod go-w');
  }
}
