import type { KeepOutcome } from '../revocation-place.ts';
import type { StoreRecord } from './store-record.ts';
import type { Added, RecordAge } from './store-scripts.ts';

export interface StoreWriterOptions {
  /** Adds a batch; rejects where the store is out of reach. Undefined while there is no connection. */
  readonly send: () =>
    | ((records: readonly StoreRecord[], age: RecordAge) => Promise<Added | 'full'>)
    | undefined;
  /** The present state of fields in which what the store has counts. */
  readonly onLost: (lines: readonly string[]) => void;
  /** All that has to be in the store, to be shared again; read when its turn comes. */
  readonly all: () => Iterable<StoreRecord>;
  /** Why the store is out of reach. */
  readonly reason: () => string;
}

/** Brings records into the store: in order, several in one batch, and later where it is out of reach now. */
export interface StoreWriter {
  add(records: readonly StoreRecord[], age: RecordAge): Promise<KeepOutcome>;
  /** Shares all that is known: the store may have lost it. */
  shareAll(): void;
  /** Goes on; call it when there is a connection again. */
  flush(): void;
  /** Tries again what found no room. */
  retryFull(): void;
  /** How many wait. */
  waiting(): number;
}

const BATCH_RECORDS = 500;
const MAX_IN_FLIGHT = 4;
/** Beyond so many, all that is known is shared instead: it is in memory anyway. */
const MAX_WAITING = 500_000;

interface Item extends StoreRecord {
  age: RecordAge;
  /** Undefined once its caller has an outcome. */
  call: Call | undefined;
}

/** One call of `add`. */
interface Call {
  left: number;
  outcome: KeepOutcome;
  readonly resolve: (outcome: KeepOutcome) => void;
}

export function createStoreWriter({ send, onLost, all, reason }: StoreWriterOptions): StoreWriter {
  let queue: Item[] = [];
  /** The next of the queue: what is taken is not moved one by one. */
  let next = 0;
  /** Up to here in the queue, no caller waits. */
  let settledTo = 0;
  /** What found no room. */
  let refused: Item[] = [];
  let sharing: Iterator<StoreRecord> | undefined;
  const inFlight = new Set<readonly Item[]>();
  let isScheduled = false;

  function schedule(): void {
    if (isScheduled) return;
    isScheduled = true;
    // What is added in the same turn goes together.
    setImmediate(flush);
  }

  function flush(): void {
    isScheduled = false;
    const sendBatch = send();
    if (sendBatch === undefined) {
      giveUp();
      return;
    }
    while (inFlight.size < MAX_IN_FLIGHT) {
      const batch = nextBatch();
      if (batch === undefined) return;
      inFlight.add(batch);
      sendBatch(batch, (batch[0] as Item).age).then(
        (reply) => settled(batch, reply),
        () => failed(),
      );
    }
  }

  function nextBatch(): readonly Item[] | undefined {
    const first = queue[next];
    if (first === undefined) {
      replaceQueue([]);
      return nextShared();
    }
    const fields = new Set<string>();
    const from = next;
    for (let item = queue[next]; item !== undefined; item = queue[next]) {
      if (item.age !== first.age || fields.has(item.field) || fields.size === BATCH_RECORDS) break;
      fields.add(item.field);
      next += 1;
    }
    return queue.slice(from, next);
  }

  function nextShared(): readonly Item[] | undefined {
    if (sharing === undefined) return undefined;
    const batch: Item[] = [];
    while (batch.length < BATCH_RECORDS) {
      const { done, value } = sharing.next();
      if (done) break;
      batch.push({ ...value, age: 'known', call: undefined });
    }
    if (batch.length > 0) return batch;
    sharing = undefined;
    return undefined;
  }

  function settled(batch: readonly Item[], reply: Added | 'full'): void {
    // Else it waits again already.
    if (!inFlight.delete(batch)) return;
    if (reply === 'full') for (const item of batch) refused.push(late(item));
    else if (reply.lost.length > 0) onLost(reply.lost);
    for (const item of batch) end(item, reply === 'full' ? 'full' : 'kept');
    schedule();
  }

  /** Whether the store has them is not known, and adding them again makes no difference if it does. */
  function failed(): void {
    if (inFlight.size === 0) return;
    const again = [...inFlight].flat();
    inFlight.clear();
    replaceQueue([...again, ...queue.slice(next)]);
    giveUp();
  }

  /** The callers have waited long enough; what they added does not. */
  function giveUp(): void {
    for (let at = Math.max(next, settledTo); at < queue.length; at += 1) {
      const item = queue[at] as Item;
      end(item, { failed: reason() });
      late(item);
    }
    settledTo = queue.length;
    if (queue.length - next + refused.length <= MAX_WAITING) return;
    replaceQueue([]);
    refused = [];
    sharing = all()[Symbol.iterator]();
  }

  function replaceQueue(items: Item[]): void {
    queue = items;
    next = 0;
    settledTo = 0;
  }

  return {
    add(records, age) {
      if (records.length === 0) return Promise.resolve('kept');
      return new Promise((resolve) => {
        const call: Call = { left: records.length, outcome: 'kept', resolve };
        for (const { field, record } of records) queue.push({ field, record, age, call });
        schedule();
      });
    },
    shareAll() {
      sharing = all()[Symbol.iterator]();
      schedule();
    },
    flush: schedule,
    retryFull() {
      if (refused.length === 0) return;
      for (const item of refused) queue.push(item);
      refused = [];
      schedule();
    },
    waiting: () => queue.length - next + refused.length + [...inFlight].flat().length,
  };
}

function late(item: Item): Item {
  if (item.age === 'new') item.age = 'late';
  return item;
}

function end(item: Item, outcome: KeepOutcome): void {
  const { call } = item;
  if (call === undefined) return;
  item.call = undefined;
  call.left -= 1;
  if (outcome !== 'kept') call.outcome = outcome;
  if (call.left === 0) call.resolve(call.outcome);
}
