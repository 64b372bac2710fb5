import type { Clock } from '../../core/time/clock.ts';
import { type Scheduler, systemScheduler } from '../../core/time/scheduler.ts';
import {
  countBySource,
  type RevocationChange,
  type RevocationEntry,
  type RevocationSource,
  type RevocationTarget,
} from './entry.ts';
import { createEventCounts, type EventCounts, type EventReport } from './event-counts.ts';
import { type RevocationCheck, refuseRevoked, refuseToken } from './revocation-check.ts';
import { createRevocationIndex, type IndexLimits } from './revocation-index.ts';
import type {
  KeepOutcome,
  PlaceSettings,
  RevocationLog,
  RevocationPlace,
  StoreReport,
} from './revocation-place.ts';

/** `revocation` of the file, with its defaults. */
export interface RevocationSettings extends IndexLimits {
  readonly places: readonly PlaceSettings[];
  /** Whether tokens are refused while entries of the store may be missing. */
  readonly isClosed: boolean;
}

/**
 * What became of entries that were to be added. `kept`: they are in every place of the file. `full`: none counts, for want of room.
 * `failed`: they count here, but a place has not kept them.
 */
export type AddResult = 'kept' | 'full' | { readonly failed: string; readonly place: PlaceSettings['kind'] };

export interface RevocationReport {
  readonly entries: number;
  readonly maxEntries: number;
  /** Active entries, by where they came from. */
  readonly sources: Readonly<Record<RevocationSource, number>>;
  /** Entries that arrived since the start and counted, by source. */
  readonly arrived: Readonly<Record<RevocationSource, number>>;
  /** Entries that found no room, by source. */
  readonly refused: Readonly<Record<RevocationSource, number>>;
  /** What providers have pushed to this gateway, by issuer and kind. */
  readonly events: readonly EventReport[];
  /** Null without a store. */
  readonly store: StoreReport | null;
  /** Lines of the file with a mistake, which do not count; null without a file. */
  readonly wrongLines: number | null;
}

/** The revocations of one process. They outlive configurations. */
export interface ProcessRevocations extends RevocationCheck {
  /** Counts by these settings from now on; entries stay. */
  follow(settings: RevocationSettings): void;
  /** Resolves once what is known elsewhere counts here, or nobody should wait for it any longer. */
  opened(): Promise<void>;
  /** Hears of each change that counts, in order. */
  onChanges(listener: (changes: readonly KnownChange[]) => void): void;
  close(): Promise<void>;
}

/** Those of the process that keeps them for its gateway. */
export interface Revocations extends ProcessRevocations {
  /** All or none. They count here at once; the result shows whether they also outlive this process. */
  add(entries: readonly RevocationEntry[], source: RevocationSource): Promise<AddResult>;
  /** With `before`, only where the entry reaches no further. */
  takeBack(
    targets: readonly { readonly target: RevocationTarget; readonly before: number | undefined }[],
  ): Promise<AddResult>;
  /** The active entries, as changes, for a process that joins. */
  active(): readonly KnownChange[];
  isActive(target: RevocationTarget): boolean;
  /** Milliseconds since it was last known that nothing is missing; undefined where nothing can be. */
  silentMs(): number | undefined;
  /** Counts what providers push. */
  readonly events: EventCounts;
  report(): RevocationReport;
}

/** A change with where it came from. */
export interface KnownChange {
  readonly change: RevocationChange;
  readonly source: RevocationSource;
  /** When the entry ends, in seconds: only the process that keeps it decides on that. Undefined for one that was taken back. */
  readonly ends: number | undefined;
}

export interface RevocationsOptions {
  readonly clock: Clock;
  readonly scheduler?: Scheduler;
  readonly log?: RevocationLog | undefined;
}

/** How long the store may be silent before entries count as missing. */
export const MAX_SILENCE_MS = 5_000;
const TICK_MS = 1_000;
/** A wall clock that differs by more from the monotonic one than a tick before has jumped. */
const JUMP_MS = 5_000;

/** Until the first file is followed, which is before the first entry. */
const NO_SETTINGS: RevocationSettings = { keepMs: 0, maxEntries: 0, places: [], isClosed: true };

/** Makes the revocations of a gateway, empty. */
export function createRevocations(options: RevocationsOptions): Revocations {
  const { clock, scheduler = systemScheduler, log } = options;
  let settings = NO_SETTINGS;
  const index = createRevocationIndex({ ...settings, clock, monotonicMs: scheduler.monotonicMs });
  const places = new Map<string, RevocationPlace & Pick<PlaceSettings, 'kind'>>();
  const arrived = countBySource();
  const refused = countBySource();
  const events = createEventCounts();
  const listeners: ((changes: readonly KnownChange[]) => void)[] = [];
  let isIncomplete: (() => boolean) | undefined;
  let revision = 0;
  let isFull = false;
  let drift = clock() - scheduler.monotonicMs();
  let cancel = scheduler.after(TICK_MS, tick);

  function tick(): void {
    cancel = scheduler.after(TICK_MS, tick);
    index.prune();
    if (index.size < settings.maxEntries) isFull = false;
    const before = drift;
    drift = clock() - scheduler.monotonicMs();
    if (Math.abs(drift - before) <= JUMP_MS) return;
    log?.warn({ jumpMs: Math.round(drift - before) }, 'the clock has jumped; revocations are read again');
    for (const place of places.values()) place.readAgain();
  }

  function openPlaces(): void {
    const wanted = new Set(settings.places.map(({ key }) => key));
    for (const [key, place] of places) {
      if (wanted.has(key)) continue;
      places.delete(key);
      void place.close();
    }
    for (const { kind, key, open } of settings.places) {
      if (places.has(key)) continue;
      const place = open({
        clock,
        scheduler,
        log,
        settings: () => settings,
        onChanges: (changes) => arrive(changes, kind),
        active: () => index.entries(),
      });
      places.set(key, { ...place, kind });
      // What is known already has to be there, too.
      if (index.size > 0)
        void place.keep(
          index.entries().map((entry) => ({ change: 'added', entry })),
          'known',
        );
    }
    const watched = [...places.values()].filter(({ silentMs }) => silentMs !== undefined);
    const isSilent = (): boolean => watched.some(({ silentMs }) => (silentMs?.() ?? 0) >= MAX_SILENCE_MS);
    isIncomplete = settings.isClosed && watched.length > 0 ? isSilent : undefined;
  }

  /** What a place reports. Entries of the file go on to the store, for the other gateways. */
  function arrive(changes: readonly RevocationChange[], source: 'file' | 'store'): boolean {
    const before = refused[source];
    if (source === 'store') {
      apply(changes, source);
    } else {
      const stores = [...places.values()].filter(({ kind }) => kind === 'store');
      const isTakenBack = (change: RevocationChange): boolean =>
        change.change === 'added' && stores.some((store) => store.hasTakenBack?.(change.entry));
      const counted = apply(
        stores.length === 0 ? changes : changes.filter((change) => !isTakenBack(change)),
        source,
      );
      if (counted.length > 0) for (const store of stores) void store.keep(counted, 'known');
    }
    return refused[source] === before;
  }

  /** Applies changes and gives those that made a difference. */
  function apply(changes: readonly RevocationChange[], source: RevocationSource): RevocationChange[] {
    const counted = changes.filter((change) => {
      if (change.change === 'takenBack') {
        const { target, before, at } = change;
        // The lines of a file have an order. In the store, what arrived later stays.
        return index.remove(target, before, source === 'store' ? at : undefined);
      }
      const outcome = index.add(change.entry, source);
      if (outcome === 'full') noteFull(1, source);
      if (outcome === 'added') arrived[source] += 1;
      return outcome === 'added';
    });
    if (counted.length === 0) return counted;
    revision += 1;
    notify(
      counted.map((change) => ({
        change,
        source,
        ends: change.change === 'added' ? index.endOf(change.entry) : undefined,
      })),
    );
    return counted;
  }

  function notify(changes: readonly KnownChange[]): void {
    for (const listener of listeners) listener(changes);
  }

  const active = (): readonly KnownChange[] =>
    index.known().map(({ entry, source, ends }) => ({ change: { change: 'added', entry }, source, ends }));

  function noteFull(entries: number, source: RevocationSource): void {
    refused[source] += entries;
    if (isFull) return;
    isFull = true;
    log?.error(
      { entries: index.size, maxEntries: settings.maxEntries, source },
      'revocations are refused: revocation.maxEntries are active',
    );
  }

  async function keep(changes: readonly RevocationChange[]): Promise<AddResult> {
    const outcomes = await Promise.all(
      [...places.values()].map(async (place) => toResult(await place.keep(changes, 'new'), place.kind)),
    );
    return outcomes.find((outcome) => outcome !== 'kept') ?? 'kept';
  }

  const silentMs = (): number | undefined => {
    const silences = [...places.values()].flatMap((place) => place.silentMs?.() ?? []);
    return silences.length === 0 ? undefined : Math.max(...silences);
  };

  return {
    refuse: (token) => refuseToken({ index, isIncomplete }, token),
    refuseRevoked: (token) => refuseRevoked(index, token),
    get revision() {
      return revision;
    },
    follow(next) {
      const isSame = next.keepMs === settings.keepMs && next.maxEntries === settings.maxEntries;
      settings = next;
      if (!isSame) {
        index.limit(next);
        // They end at another moment now.
        if (index.size > 0) notify(active());
      }
      // What was over, or found no room, may count now.
      if (!isSame) for (const place of places.values()) place.readAgain();
      openPlaces();
    },
    async opened() {
      await Promise.all([...places.values()].map((place) => place.opened));
    },
    async add(entries, source) {
      if (!index.hasRoomFor(entries)) {
        noteFull(entries.length, source);
        return 'full';
      }
      const changes = entries.map((entry): RevocationChange => ({ change: 'added', entry }));
      apply(changes, source);
      return keep(changes);
    },
    async takeBack(targets) {
      const changes = targets.map(
        ({ target, before }): RevocationChange => ({ change: 'takenBack', target, before }),
      );
      apply(changes, 'admin');
      return keep(changes);
    },
    onChanges: (listener) => void listeners.push(listener),
    active,
    isActive: (target) => index.endOf(target) !== undefined,
    silentMs,
    events,
    report() {
      const [store = null] = [...places.values()].flatMap((place) => place.report?.() ?? []);
      const [wrongLines = null] = [...places.values()].flatMap((place) => place.wrongLines?.() ?? []);
      return {
        entries: index.size,
        maxEntries: settings.maxEntries,
        sources: index.counts(),
        arrived: { ...arrived },
        refused: { ...refused },
        events: events.report(),
        store,
        wrongLines,
      };
    },
    async close() {
      cancel();
      await Promise.all([...places.values()].map((place) => place.close()));
    },
  };
}

function toResult(outcome: KeepOutcome, place: PlaceSettings['kind']): AddResult {
  if (outcome === 'kept') return 'kept';
  return { failed: outcome === 'full' ? 'it has no room' : outcome.failed, place };
}
