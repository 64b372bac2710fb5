import type { Clock } from '../../core/time/clock.ts';
import type { VerifiedToken } from '../verified-token.ts';
import {
  countBySource,
  type RevocationEntry,
  type RevocationKind,
  type RevocationSource,
  type RevocationTarget,
  revokedValue,
} from './entry.ts';

/** Why a token is revoked: no values, only what kind of entry names it and where that came from. */
export interface FoundRevocation {
  readonly kind: RevocationKind;
  readonly source: RevocationSource;
}

export interface KnownRevocation {
  readonly entry: RevocationEntry;
  readonly source: RevocationSource;
  /** When it ends by this index, in seconds of the wall clock. */
  readonly ends: number;
}

/** `known`: it adds nothing to an entry that is there. `over`: its time has passed. */
export type AddOutcome = 'added' | 'known' | 'over' | 'full';

export interface IndexLimits {
  /** How long an entry without `until` is active. */
  readonly keepMs: number;
  readonly maxEntries: number;
}

/** The active entries. Finding one takes three look-ups at most, however many there are. */
export interface RevocationIndex {
  readonly size: number;
  find(token: Pick<VerifiedToken, 'issuer' | 'claims'>): FoundRevocation | undefined;
  /** One with the same target becomes the stronger of the two. No active entry makes way for it. */
  add(entry: RevocationEntry, source: RevocationSource): AddOutcome;
  /** Whether an entry that is not there yet would find room. */
  hasRoomFor(entries: readonly RevocationEntry[]): boolean;
  /** With `before` only an entry that reaches no further, with `at` only one that arrived no later. Returns whether one is gone. */
  remove(target: RevocationTarget, before: number | undefined, at?: number): boolean;
  /** Counts from now on; active entries stay, even where there are more than before. */
  limit(limits: IndexLimits): void;
  /** Forgets entries whose time has passed. */
  prune(): void;
  /** A snapshot of the active entries. */
  entries(): readonly RevocationEntry[];
  /** The same, with where each came from, and when it ends. */
  known(): readonly KnownRevocation[];
  /** When the active entry with this target ends, in seconds; undefined where there is none. */
  endOf(target: RevocationTarget): number | undefined;
  /** How many each source brought. */
  counts(): Readonly<Record<RevocationSource, number>>;
}

export interface RevocationIndexOptions extends IndexLimits {
  readonly clock: Clock;
  readonly monotonicMs: () => number;
}

/** One entry, with numbers that V8 keeps in place. */
interface Kept {
  readonly issuer: string;
  readonly kind: RevocationKind;
  readonly value: string;
  before: number | undefined;
  at: number;
  until: number | undefined;
  source: RevocationSource;
  /** By the monotonic clock, in whole seconds: a wall clock that jumps ahead ends nothing. */
  staysUntil: number;
}

type ByKind = Readonly<Record<RevocationKind, Map<string, Kept>>>;

/** Entries are looked through for those that are over in groups that end together. */
const GROUP_SECONDS = 60;
/** Places in groups beyond two for each entry, before those that are left behind go. */
const SPARE_PLACES = 1_024;
const STORE_SHARE = 10;

/** Makes an empty index. */
export function createRevocationIndex({
  clock,
  monotonicMs,
  ...limits
}: RevocationIndexOptions): RevocationIndex {
  let { keepMs, maxEntries } = limits;
  const issuers = new Map<string, ByKind>();
  const groups = new Map<number, Kept[]>();
  /** In all groups: one that was taken back, or that stays longer now, leaves its place behind. */
  let placesInGroups = 0;
  const counts = countBySource();
  let size = 0;

  const nowSeconds = (): number => Math.floor(clock() / 1000);
  const monotonicSeconds = (): number => Math.floor(monotonicMs() / 1000);
  const endOf = ({ at, until }: Pick<RevocationEntry, 'at' | 'until'>): number =>
    until ?? at + Math.ceil(keepMs / 1000);

  /** Both clocks must agree that it is over: neither one that jumps ahead nor one that is set back brings a token back to life. */
  function isOver(kept: Kept): boolean {
    return nowSeconds() >= endOf(kept) && monotonicSeconds() >= kept.staysUntil;
  }

  /** By the clock that ends it later. */
  function lastsUntil(kept: Kept): number {
    return Math.max(endOf(kept), nowSeconds() + kept.staysUntil - monotonicSeconds());
  }

  function stayFor(kept: Kept): void {
    const left = endOf(kept) - nowSeconds();
    kept.staysUntil = Math.max(kept.staysUntil, monotonicSeconds() + left);
    if (placesInGroups < 2 * size + SPARE_PLACES) place(kept, groupOf(kept));
    else placeAllAgain();
  }

  function place(kept: Kept, group: number): void {
    const others = groups.get(group);
    if (others === undefined) groups.set(group, [kept]);
    else others.push(kept);
    placesInGroups += 1;
  }

  /** Otherwise what is added and taken back again and again would fill the memory. */
  function placeAllAgain(): void {
    groups.clear();
    placesInGroups = 0;
    for (const kept of all()) place(kept, groupOf(kept));
  }

  /** Of the store, which has a limit as well, a few more: it and this index forget at different moments. */
  function roomFor(source: RevocationSource): number {
    return source === 'store' ? maxEntries + Math.ceil(maxEntries / STORE_SHARE) : maxEntries;
  }

  function mapOf({ issuer, kind }: RevocationTarget): Map<string, Kept> {
    let kinds = issuers.get(issuer);
    if (kinds === undefined) {
      kinds = { jti: new Map(), sid: new Map(), subject: new Map() };
      issuers.set(issuer, kinds);
    }
    return kinds[kind];
  }

  function keptOf({ issuer, kind, value }: RevocationTarget): Kept | undefined {
    return issuers.get(issuer)?.[kind].get(value);
  }

  function drop(kept: Kept): void {
    mapOf(kept).delete(kept.value);
    counts[kept.source] -= 1;
    size -= 1;
  }

  function prune(): void {
    const due = Math.floor(monotonicSeconds() / GROUP_SECONDS);
    for (const [group, members] of groups) {
      if (group > due) continue;
      groups.delete(group);
      placesInGroups -= members.length;
      for (const kept of members) {
        if (keptOf(kept) !== kept) continue;
        if (isOver(kept)) drop(kept);
        // The wall clock was set back: it is looked at again.
        else if (groupOf(kept) <= due) place(kept, due + 1);
        // Else it is in a later group as well.
      }
    }
    if (placesInGroups >= 2 * size + SPARE_PLACES) placeAllAgain();
  }

  function found(kept: Kept | undefined): FoundRevocation | undefined {
    return kept === undefined || isOver(kept) ? undefined : kept;
  }

  return {
    get size() {
      return size;
    },
    find({ issuer, claims }) {
      const kinds = issuers.get(issuer);
      if (kinds === undefined) return undefined;
      const { jti, sid, sub, iat } = claims;
      const byToken = typeof jti === 'string' ? kinds.jti.get(revokedValue(jti)) : undefined;
      const bySession = typeof sid === 'string' ? kinds.sid.get(revokedValue(sid)) : undefined;
      const bySubject = typeof sub === 'string' ? kinds.subject.get(revokedValue(sub)) : undefined;
      const isMeant = bySubject !== undefined && !isIssuedAfter(iat, bySubject.before);
      return found(byToken) ?? found(bySession) ?? (isMeant ? found(bySubject) : undefined);
    },
    add(entry, source) {
      const kept = keptOf(entry);
      if (kept !== undefined && !isOver(kept)) {
        if (!strengthen(kept, entry, endOf)) return 'known';
        stayFor(kept);
        return 'added';
      }
      if (kept !== undefined) drop(kept);
      if (nowSeconds() >= endOf(entry)) return 'over';
      const room = roomFor(source);
      if (size >= room) prune();
      if (size >= room) return 'full';
      const { issuer, kind, value, before, at, until } = entry;
      const added: Kept = { issuer, kind, value, before, at, until, source, staysUntil: 0 };
      mapOf(entry).set(value, added);
      counts[source] += 1;
      size += 1;
      stayFor(added);
      return 'added';
    },
    hasRoomFor(entries) {
      const isNew = (entry: RevocationEntry): boolean => keptOf(entry) === undefined;
      if (size + entries.length > maxEntries) prune();
      return size + entries.length <= maxEntries || size + entries.filter(isNew).length <= maxEntries;
    },
    remove(target, before, at) {
      const kept = keptOf(target);
      if (kept === undefined || (at !== undefined && kept.at > at)) return false;
      if (before !== undefined && kept.before !== undefined && kept.before > before) return false;
      drop(kept);
      return true;
    },
    limit(next) {
      const isLonger = next.keepMs !== keepMs;
      ({ keepMs, maxEntries } = next);
      if (isLonger) for (const kept of all()) stayFor(kept);
    },
    prune,
    entries: () => [...all()].filter((kept) => !isOver(kept)).map(toEntry),
    known: () =>
      [...all()]
        .filter((kept) => !isOver(kept))
        .map((kept) => ({ entry: toEntry(kept), source: kept.source, ends: lastsUntil(kept) })),
    endOf(target) {
      const kept = keptOf(target);
      return kept === undefined || isOver(kept) ? undefined : lastsUntil(kept);
    },
    counts: () => ({ ...counts }),
  };

  function* all(): Iterable<Kept> {
    for (const kinds of issuers.values()) {
      yield* kinds.jti.values();
      yield* kinds.sid.values();
      yield* kinds.subject.values();
    }
  }
}

/** The number of the group that is due when it is over. */
function groupOf({ staysUntil }: Kept): number {
  return Math.ceil(staysUntil / GROUP_SECONDS);
}

/** A copy: what is kept changes. */
function toEntry({ issuer, kind, value, before, at, until }: Kept): RevocationEntry {
  return { issuer, kind, value, before, at, until };
}

/** Whether the new one reached further: of two, the later end and the later `before` count. */
function strengthen(
  kept: Kept,
  { before, at, until }: RevocationEntry,
  endOf: (entry: Pick<RevocationEntry, 'at' | 'until'>) => number,
): boolean {
  const isLater = endOf({ at, until }) > endOf(kept);
  const reachesFurther = before !== undefined && kept.before !== undefined && before > kept.before;
  if (isLater) {
    kept.at = at;
    kept.until = until;
  } else if (kept.until !== undefined && at > kept.at) {
    // Where it names no end, the later arrival counts against one that is taken back.
    kept.at = at;
  }
  if (reachesFurther) kept.before = before;
  return isLater || reachesFurther;
}

/** A token without a readable `iat` was issued at any time. Fractions of a second do not help it. */
function isIssuedAfter(iat: unknown, before: number | undefined): boolean {
  return before !== undefined && typeof iat === 'number' && Math.floor(iat) > before;
}
