import { randomBytes } from 'node:crypto';
import { NoReplyError, within } from '../../../core/time/within.ts';
import { openRedisConnection, type RedisClient } from '../../redis/redis-connection.ts';
import { HIDDEN_RUN, mayEvict, readRun } from '../../redis/redis-info.ts';
import type { RevocationEntry } from '../entry.ts';
import type { PlaceContext, RevocationPlace } from '../revocation-place.ts';
import { createSilenceLog } from './silence-log.ts';
import { createStoreReader } from './store-reader.ts';
import { type StoreRecord, toRecord, toTakenBackRecord } from './store-record.ts';
import { type Added, addRecords, channelOf, type RecordAge, readRecords } from './store-scripts.ts';
import { createStoreWriter } from './store-writer.ts';
import { createTakenBack } from './taken-back.ts';

const TIMEOUT_MS = 1_000;
/** With all that is read before a connection is used. */
const CONNECT_TIMEOUT_MS = 2_000;
/** After a partition entries should count within a second. */
const LONGEST_PAUSE_MS = 250;
/** What a message should have brought, the next question does: well within a second. */
const ASK_MS = 400;
const RETRY_FULL_MS = 5_000;
/** A whole list takes its time. */
const LIST_FULL_MS = 30_000;
/** How long a start waits for the entries. */
const START_MS = 3_000;

/**
 * Shares revocations with every gateway that names the same Redis or Valkey. One connection adds, asks for what is new and lists; another
 * one hears of it at once. Each change has a number, so that what did not arrive is noticed; and all gateways know all entries, so that a
 * store that has lost them gets them back from any of them.
 */
export function openRedisRevocationStore(url: string, context: PlaceContext): RevocationPlace {
  const { clock, scheduler, log, settings } = context;
  const origin = randomBytes(16).toString('base64url');
  const channel = channelOf(new URL(url).pathname.slice(1) || '0');
  const takenBack = createTakenBack();
  let server: string | undefined;
  let connects = 0;
  let marks = 0;
  let lastError = 'it was not reached yet';
  let works = false;
  let isClosed = false;
  let cancelTick = (): void => {};
  let ticks = 0;
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    const cancel = scheduler.after(START_MS, resolve);
    open = () => {
      cancel();
      resolve();
    };
  });

  const commands = openRedisConnection(url, {
    timeoutMs: CONNECT_TIMEOUT_MS,
    longestPauseMs: LONGEST_PAUSE_MS,
    greet,
    onFailed: failed,
    onReady() {
      connects += 1;
      ask();
    },
  });
  const subscriber = openRedisConnection(url, {
    timeoutMs: CONNECT_TIMEOUT_MS,
    longestPauseMs: LONGEST_PAUSE_MS,
    greet: (client) => client.subscribe(channel, (message) => reader.hear(message)),
    onFailed: (error) => {
      lastError = error.message;
    },
    // What was published before is asked for.
    onReady: ask,
  });
  const writer = createStoreWriter({
    send: () => {
      const { client } = commands;
      return client && ((records, age) => add(client, records, age));
    },
    onLost: (lines) => void reader.overrule(lines),
    all: everything,
    reason: () => lastError,
  });
  const reader = createStoreReader({
    read: (client: RedisClient, after) => within(TIMEOUT_MS, readRecords(client, after, nextMark())),
    origin,
    onChanges: context.onChanges,
    takenBack,
    monotonicMs: scheduler.monotonicMs,
    log,
    onLoss: writer.shareAll,
    ask,
  });
  const silence = createSilenceLog({
    log,
    silentMs: reader.silentMs,
    monotonicMs: scheduler.monotonicMs,
    isClosed: () => settings().isClosed,
    reason: () => lastError,
  });
  tick();

  async function greet(client: RedisClient): Promise<void> {
    const found = await readRun(client);
    if (await mayEvict(client)) log?.warn({}, EVICTS);
    // Started again, it has what was saved at some moment; a replica in its place may have less.
    if (server !== undefined && (found !== server || found === HIDDEN_RUN)) reader.listAgain('lost');
    server = found;
  }

  function tick(): void {
    cancelTick = scheduler.after(ASK_MS, tick);
    ticks += 1;
    silence.look();
    ask();
    checkSubscriber();
    takenBack.prune(nowSeconds());
    if (ticks % Math.ceil(RETRY_FULL_MS / ASK_MS) === 0) writer.retryFull();
    if (ticks % Math.ceil(LIST_FULL_MS / ASK_MS) === 0) reader.retryFull();
  }

  /** Asks for what is new, which is also word that nothing is. */
  function ask(): void {
    const { client } = commands;
    if (client === undefined) return;
    writer.flush();
    reader.catchUp(client).then(
      (isDone) => {
        if (!isDone) return;
        works = true;
        silence.look();
        open();
      },
      (error: Error) => left(client, error),
    );
  }

  /** Nothing else shows that a connection on which nothing is sent is dead. */
  function checkSubscriber(): void {
    const { client } = subscriber;
    if (client === undefined) return;
    within(TIMEOUT_MS, client.ping()).catch((error: Error) => {
      if (error instanceof NoReplyError) subscriber.leave(client, error);
    });
  }

  async function add(
    client: RedisClient,
    records: readonly StoreRecord[],
    age: RecordAge,
  ): Promise<Added | 'full'> {
    const { maxEntries } = settings();
    const request = {
      age,
      maxEntries,
      nowSeconds: nowSeconds(),
      newMark: nextMark(),
      channel,
      origin,
      records,
    };
    try {
      return await within(TIMEOUT_MS, addRecords(client, request));
    } catch (error) {
      // Out of memory: it works, but takes no more.
      if ((error as Error).message.startsWith('OOM')) return 'full';
      left(client, error as Error);
      throw error;
    }
  }

  function left(client: RedisClient, error: Error): void {
    if (error instanceof NoReplyError) commands.leave(client, error);
    else failed(error);
  }

  function failed(error: Error): void {
    if (isClosed) return;
    works = false;
    lastError = error.message;
    writer.flush();
    open();
  }

  function* everything(): Iterable<StoreRecord> {
    yield* takenBack.records();
    for (const entry of context.active()) yield toRecord(entry, endOf(entry));
  }

  function nowSeconds(): number {
    return Math.floor(clock() / 1000);
  }

  function endOf({ until, at }: Pick<RevocationEntry, 'until' | 'at'>): number {
    return until ?? at + Math.ceil(settings().keepMs / 1000);
  }

  /** Another one each time: a store that was emptied must not get back the mark that it had. */
  function nextMark(): string {
    marks += 1;
    return `${origin}.${marks}`;
  }

  return {
    opened: opened.then(silence.start),
    async keep(changes, age) {
      const records = changes.map((change) => {
        if (change.change === 'added') {
          const record = toRecord(change.entry, endOf(change.entry));
          if (age === 'new') takenBack.forget(record.field);
          return record;
        }
        const { target, before, at = nowSeconds() } = change;
        const end = endOf({ until: undefined, at });
        const record = toTakenBackRecord(target, { at, before, end });
        takenBack.note({ field: record.field, change: { ...change, at }, end });
        return record;
      });
      if (commands.client === undefined)
        await within(TIMEOUT_MS, commands.firstAttempt).catch(() => undefined);
      return writer.add(records, age);
    },
    readAgain: () => reader.listAgain('clock'),
    silentMs: reader.silentMs,
    hasTakenBack: takenBack.has,
    report() {
      const silentMs = reader.silentMs();
      return {
        isUp: works && commands.client !== undefined,
        silentSeconds: Number.isFinite(silentMs) ? silentMs / 1000 : null,
        behind: reader.behind(),
        reconnects: Math.max(0, connects - 1),
      };
    },
    async close() {
      isClosed = true;
      cancelTick();
      commands.close();
      subscriber.close();
    },
  };
}

const EVICTS = 'the revocation store may evict entries: set its maxmemory-policy to noeviction';
