import type { RedisClient } from '../../redis/redis-connection.ts';
import type { RevocationChange } from '../entry.ts';
import type { PlaceContext, RevocationLog } from '../revocation-place.ts';
import { readLine, readMessage, type StoreMessage } from './store-record.ts';
import type { Page } from './store-scripts.ts';
import type { TakenBack } from './taken-back.ts';

export interface StoreReaderOptions {
  /** What changed after a number. */
  readonly read: (client: RedisClient, after: number) => Promise<Page>;
  readonly origin: string;
  readonly onChanges: PlaceContext['onChanges'];
  readonly takenBack: TakenBack;
  readonly monotonicMs: () => number;
  readonly log: RevocationLog | undefined;
  /** The store may have lost what it had; called once all that it has is known here. */
  readonly onLoss: () => void;
  /** Something is missing: to be asked for now. */
  readonly ask: () => void;
}

/** Knows what the store has, by messages and by asking for what did not arrive. */
export interface StoreReader {
  hear(message: string): void;
  /** Reads until nothing is missing; false where another call does. */
  catchUp(client: RedisClient): Promise<boolean>;
  /** Reads everything again: the store has `lost` something, or a `clock` has jumped. */
  listAgain(why: 'lost' | 'clock'): void;
  /** Applies what the store has where it did not take what was added. */
  overrule(lines: readonly string[]): void;
  retryFull(): void;
  silentMs(): number;
  behind(): number;
}

/** Messages that arrive while pages do are put behind them; beyond so many it is cheaper to ask again. */
const MAX_QUEUED = 200;

export function createStoreReader(options: StoreReaderOptions): StoreReader {
  const { read, origin, onChanges, takenBack, monotonicMs, log, onLoss, ask } = options;
  let mark: string | undefined;
  /** Up to here everything is known. */
  let known = 0;
  /** The last number of the store that was heard of. */
  let seq = 0;
  /** On the monotonic clock: when all that the store had was known here. */
  let completeAtMs = Number.NEGATIVE_INFINITY;
  /** How often reading began anew. */
  let lists = 0;
  let isReading = false;
  let isListed = false;
  let hasLost = false;
  let hasRoom = true;
  let missing = 0;
  let hasLoggedForeign = false;
  let queued: StoreMessage[] = [];

  function apply(lines: readonly string[], foreign = 0): void {
    const changes: RevocationChange[] = [];
    let strange = foreign;
    for (const line of lines) {
      const record = readLine(line);
      if (record === undefined) {
        strange += 1;
      } else if (record.change.change === 'takenBack') {
        takenBack.note(record);
        changes.push(record.change);
      } else if (!takenBack.has(record.change.entry)) {
        takenBack.forget(record.field);
        changes.push(record.change);
      }
    }
    if (changes.length > 0 && !onChanges(changes)) hasRoom = false;
    if (strange === 0 || hasLoggedForeign) return;
    hasLoggedForeign = true;
    log?.warn({ records: strange }, FOREIGN);
  }

  function listAgain(why: 'lost' | 'clock'): void {
    lists += 1;
    known = 0;
    isListed = false;
    hasRoom = true;
    queued = [];
    if (why !== 'lost' || hasLost) return;
    hasLost = true;
    log?.warn({}, LOST);
  }

  /** Whether the page continues what is known. */
  function follows(page: Page): boolean {
    const isSame = mark === undefined || page.mark === mark;
    const isOther = !isSame || page.seq < known;
    if (isOther) listAgain('lost');
    mark = page.mark;
    seq = page.seq;
    return !isOther;
  }

  async function catchUp(client: RedisClient): Promise<boolean> {
    if (isReading) return false;
    isReading = true;
    try {
      for (;;) {
        const askedAtMs = monotonicMs();
        const [from, list] = [known, lists];
        const page = await read(client, from);
        // Listed again meanwhile, or another store than before: from the start.
        if (lists !== list || !follows(page)) continue;
        apply(page.lines, page.foreign);
        known = page.next;
        if (!page.isLast) continue;
        isReading = false;
        complete(page, askedAtMs);
        return true;
      }
    } catch (error) {
      isReading = false;
      throw error;
    }
  }

  function complete(page: Page, askedAtMs: number): void {
    isListed = true;
    if (hasRoom) completeAtMs = askedAtMs;
    if (page.missing !== missing) {
      missing = page.missing;
      // Some of its keys are gone, or somebody has written to them.
      if (missing !== 0) {
        log?.warn({}, LOST);
        hasLost = true;
      }
    }
    const messages = queued;
    queued = [];
    for (const message of messages) follow(message);
    if (!hasLost) return;
    hasLost = false;
    onLoss();
  }

  function follow(message: StoreMessage): void {
    seq = Math.max(seq, message.to);
    if (message.to <= known) return;
    if (isReading || !isListed || message.from > known) {
      queue(message);
      if (!isReading) ask();
      return;
    }
    if (message.origin !== origin) apply(message.lines());
    known = message.to;
  }

  /** What was added counts at once; what was taken back waits for its turn. */
  function queue(message: StoreMessage): void {
    if (message.origin !== origin) apply(message.lines().filter((line) => line.startsWith('a ')));
    if (queued.length === MAX_QUEUED) queued = [];
    queued.push(message);
  }

  return {
    overrule(lines) {
      for (const line of lines) {
        const record = readLine(line);
        if (record?.change.change === 'added') takenBack.forget(record.field);
      }
      apply(lines);
    },
    catchUp,
    listAgain,
    hear(text) {
      const message = readMessage(text);
      if (message === undefined || message.mark !== mark) ask();
      else follow(message);
    },
    retryFull() {
      if (!hasRoom) listAgain('clock');
    },
    silentMs: () => monotonicMs() - completeAtMs,
    behind: () => Math.max(0, seq - known),
  };
}

const FOREIGN = 'the revocation store has records that are not of Sealgate; they are skipped';
const LOST = 'the revocation store may have lost entries; those that are known here are shared again';
