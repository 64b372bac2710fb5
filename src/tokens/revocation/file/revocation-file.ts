import type { RevocationChange, RevocationEntry } from '../entry.ts';
import { writeChange } from '../entry-json.ts';
import type { ChangeAge, KeepOutcome, PlaceContext, RevocationPlace } from '../revocation-place.ts';
import { appendLines } from './append-lines.ts';
import { followFile } from './follow-file.ts';
import { whyUnwritable } from './open-file.ts';
import { createOwnLines } from './own-lines.ts';
import { targetKey } from './read-entry-line.ts';
import { createUnwrittenChanges } from './unwritten-changes.ts';

interface Call {
  readonly changes: readonly RevocationChange[];
  readonly age: ChangeAge;
  readonly resolve: (outcome: KeepOutcome) => void;
}

/** Changes that are written, and put on the disk, together. Larger calls are written in parts of so many. */
const BATCH_CHANGES = 5_000;
/** When what could not be written is tried again. */
const RETRY_MS = 5_000;

/** Opens `revocation.file`: reads it, follows what is appended, and appends what is to be kept. */
export function openRevocationFile(path: string, context: PlaceContext): RevocationPlace {
  const { clock, log, scheduler, settings } = context;
  const own = createOwnLines();
  const unwritten = createUnwrittenChanges(() => settings().maxEntries);
  const queue: Call[] = [];
  let isOpen = false;
  let isClosed = false;
  let trouble: string | undefined;
  let cancelRetry = (): void => {};
  let appended: Promise<void> | undefined;
  /** What counted before the file was opened, and was not found in it yet. */
  let lacking: Map<string, RevocationEntry> | undefined = new Map();
  const follower = followFile({ ...context, path, own, onChanges: arrive });

  function arrive(changes: readonly RevocationChange[]): boolean {
    if (lacking !== undefined && lacking.size > 0) for (const change of changes) findInFile(change, lacking);
    return context.onChanges(unwritten.reconcile(changes));
  }

  const opened = follower.opened.then(() => {
    isOpen = true;
    for (const [at, call] of queue.entries()) {
      if (call.age === 'new') continue;
      const changes = call.changes.filter(
        (change) => change.change === 'takenBack' || lacking?.has(targetKey(change.entry)),
      );
      queue[at] = { ...call, changes };
    }
    lacking = undefined;
    flush();
  });

  function flush(): void {
    if (!isOpen) return;
    appended ??= appendAll().finally(() => {
      appended = undefined;
    });
  }

  async function appendAll(): Promise<void> {
    while (queue.length > 0) {
      const calls: Call[] = [];
      for (let size = 0; size < BATCH_CHANGES; ) {
        const call = queue.shift();
        if (call === undefined) break;
        calls.push(call);
        size += call.changes.length;
      }
      const outcome = await append(calls.flatMap(({ changes }) => changes));
      for (const { resolve } of calls) resolve(outcome);
    }
  }

  /** With what could not be written before: it counts here, and has to outlive this process as well. */
  async function append(added: readonly RevocationChange[]): Promise<KeepOutcome> {
    const changes = unwritten.size === 0 ? added : [...unwritten.all(), ...added];
    if (changes.length === 0) return 'kept';
    let writes = 0;
    function* linesOf(all: readonly RevocationChange[]): Iterable<string> {
      const at = Math.floor(clock() / 1000);
      for (let from = 0; from < all.length; from += BATCH_CHANGES) {
        const lines = all.slice(from, from + BATCH_CHANGES).map((change) => writeChange(change, at));
        own.beginWriting(lines);
        writes += 1;
        yield `${lines.join('\n')}\n`;
      }
    }
    try {
      await appendLines(path, {
        parts: linesOf(changes),
        // It has vanished, or was never there: what counts here has to outlive this process all the same.
        whenNew: () =>
          linesOf([...activeChanges(), ...changes.filter(({ change }) => change === 'takenBack')]),
      });
    } catch (error) {
      const reason = whyUnwritable(error);
      if (trouble !== reason)
        log?.error({ file: path, reason }, 'entries cannot be written to revocation.file');
      trouble = reason;
      unwritten.note(added, Math.floor(clock() / 1000));
      cancelRetry();
      cancelRetry = scheduler.after(RETRY_MS, retry);
      return { failed: `revocation.file cannot be written: ${reason}` };
    } finally {
      for (; writes > 0; writes -= 1) own.endWriting();
    }
    if (trouble !== undefined) log?.info({ file: path }, 'entries are written to revocation.file again');
    trouble = undefined;
    unwritten.clear();
    cancelRetry();
    return 'kept';
  }

  function retry(): void {
    queue.push({ changes: [], age: 'new', resolve: () => {} });
    flush();
  }

  function activeChanges(): readonly RevocationChange[] {
    return context.active().map((entry) => ({ change: 'added', entry }));
  }

  return {
    opened,
    async keep(changes, age) {
      if (isClosed) return { failed: 'the gateway ends' };
      for (const change of changes) {
        if (change.change === 'takenBack') follower.tookBack(change.target, change.before);
        else if (age === 'known') lacking?.set(targetKey(change.entry), change.entry);
      }
      return new Promise<KeepOutcome>((resolve) => {
        queue.push({ changes, age, resolve });
        flush();
      });
    },
    readAgain: follower.readAgain,
    wrongLines: follower.wrongLines,
    async close() {
      isClosed = true;
      cancelRetry();
      await follower.close();
      await opened;
      await appended;
    },
  };
}

/** Drops what the file has already, or takes back. */
function findInFile(change: RevocationChange, lacking: Map<string, RevocationEntry>): void {
  const key = targetKey(change.change === 'added' ? change.entry : change.target);
  const entry = lacking.get(key);
  if (entry === undefined) return;
  if (change.change === 'takenBack' || isEqual(entry, change.entry)) lacking.delete(key);
}

function isEqual(a: RevocationEntry, b: RevocationEntry): boolean {
  return a.before === b.before && a.until === b.until && a.at === b.at;
}
