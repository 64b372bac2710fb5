import {
  type RevocationChange,
  type RevocationEntry,
  type RevocationKind,
  type RevocationTarget,
  revokedValue,
} from './entry.ts';

/** What an entry that is read depends on. */
export interface EntryReading {
  /** Now, in whole seconds since the epoch. */
  readonly now: number;
  /** The configured issuers that an entry may name; undefined accepts any name. */
  readonly issuers?: readonly string[] | undefined;
  /** Whether a subject without `before` means its tokens up to now; else it needs `before` or `at`. */
  readonly isNew: boolean;
}

const KINDS = ['jti', 'sid', 'subject'] as const satisfies readonly RevocationKind[];
const MEMBERS: ReadonlySet<string> = new Set(['issuer', ...KINDS, 'before', 'until', 'at']);
/** In seconds a moment far in the future, in milliseconds one of 1973. */
const LATEST_SECONDS = 100_000_000_000;

/** Reads an entry as JSON has it; a text is what is wrong with it, without its values. */
export function readEntry(json: unknown, reading: EntryReading): RevocationEntry | string {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return 'expected a JSON object';
  const members = json as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(members).find((name) => !MEMBERS.has(name));
  if (unknown !== undefined) return `\`${unknown.slice(0, 32)}\` is no member of an entry`;
  const target = readTarget(members, reading);
  if (typeof target === 'string') return target;
  const times = readTimes(members, target.kind);
  if (typeof times === 'string') return times;
  const { at = reading.now, until, before } = times;
  if (target.kind !== 'subject') return { ...target, at, until, before: undefined };
  if (before === undefined && times.at === undefined && !reading.isNew)
    return 'a `subject` needs `before` or `at`';
  return { ...target, at, until, before: before ?? (reading.isNew ? reading.now : at) };
}

function readTarget(
  members: Readonly<Record<string, unknown>>,
  { issuers }: EntryReading,
): RevocationTarget | string {
  const issuer = members.issuer ?? (issuers?.length === 1 ? issuers[0] : undefined);
  if (issuer === undefined) return `name the \`issuer\`: ${(issuers ?? ['as in the file']).join(' or ')}`;
  if (typeof issuer !== 'string' || issuer === '')
    return '`issuer` must be the name of an issuer of the file';
  if (issuers !== undefined && !issuers.includes(issuer))
    return `the file has no such \`issuer\`; it has ${issuers.join(', ') || 'none'}`;
  const named = KINDS.filter((kind) => members[kind] !== undefined);
  const [kind] = named;
  if (kind === undefined || named.length > 1) return 'name exactly one of `jti`, `sid` and `subject`';
  const value = members[kind];
  if (typeof value !== 'string' || value === '') return `\`${kind}\` must be a text that is not empty`;
  return { issuer, kind, value: revokedValue(value) };
}

interface Times {
  readonly at?: number;
  readonly until?: number;
  readonly before?: number;
}

function readTimes(members: Readonly<Record<string, unknown>>, kind: RevocationKind): Times | string {
  if (members.before !== undefined && kind !== 'subject') return '`before` is for a `subject` alone';
  const times: { -readonly [Name in keyof Times]: Times[Name] } = {};
  for (const name of ['at', 'until', 'before'] as const) {
    const time = members[name];
    if (time === undefined) continue;
    if (typeof time !== 'number' || !Number.isFinite(time) || time < 0)
      return `\`${name}\` must be a number of seconds since 1970`;
    if (time >= LATEST_SECONDS) return `\`${name}\` must be in seconds; this looks like milliseconds`;
    // A fraction more is revoked, never less.
    times[name] = name === 'at' ? Math.floor(time) : Math.ceil(time);
  }
  return times;
}

/** Reads a change as a line of the file has it; see `readEntry`. */
export function readChange(json: unknown, reading: EntryReading): RevocationChange | string {
  const { takenBack, ...members } = (typeof json === 'object' && json !== null ? json : {}) as Record<
    string,
    unknown
  >;
  if (takenBack === undefined) {
    const entry = readEntry(json, reading);
    return typeof entry === 'string' ? entry : { change: 'added', entry };
  }
  if (takenBack !== true) return '`takenBack` can only be true';
  const entry = readEntry(members, { ...reading, isNew: true });
  if (typeof entry === 'string') return entry;
  const { issuer, kind, value, at } = entry;
  const before = members.before === undefined ? undefined : entry.before;
  return { change: 'takenBack', target: { issuer, kind, value }, before, at };
}

/** Writes a change so that `readChange` reads the same. `at` is when it was written. */
export function writeChange(change: RevocationChange, at: number): string {
  if (change.change === 'added') return JSON.stringify(entryToJson(change.entry));
  const { target, before } = change;
  return JSON.stringify({ issuer: target.issuer, [target.kind]: target.value, before, at, takenBack: true });
}

/** The JSON form of an entry. */
function entryToJson({ issuer, kind, value, before, until, at }: RevocationEntry): object {
  return { issuer, [kind]: value, before, until, at };
}
