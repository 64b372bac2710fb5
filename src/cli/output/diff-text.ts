import { escapeText } from '../../core/escape.ts';
import { describeCaller, describeRequests } from '../../diff/describe.ts';
import type { CallerChange, Diff } from '../../diff/diff.ts';
import type { AffectedRequests, Replay } from '../../diff/replay.ts';
import type { SampleRequest } from '../../diff/request-classes.ts';
import { makeWitness, type Witness } from '../../diff/witness.ts';
import type { Colors } from '../io.ts';

/** More lines of requests than this help nobody. */
const MOST_LINES = 12;

export const KIND_TITLES: Readonly<Record<CallerChange['kind'], string>> = {
  gains: 'Gains',
  loses: 'Loses',
  identity: 'Other identity headers',
};

export const EFFECTS = {
  wider: 'lets more through',
  narrower: 'lets less through',
  unclear: 'changed; counts as wider',
} as const;

/** What a change means in one line. */
export function summarize({ result, callers, routes, settings, doubts }: Diff): string {
  if (result === 'equal') return 'equal: both files decide alike';
  const count = (kind: CallerChange['kind']) => callers.filter((change) => change.kind === kind).length;
  const parts = [
    [count('gains'), 'gain', 'gains'],
    [count('loses'), 'loss', 'losses'],
    [count('identity'), 'change of identity headers', 'changes of identity headers'],
    [routes.length + settings.length, 'other change', 'other changes'],
    [doubts.length, 'doubt', 'doubts'],
  ] as const;
  const counted = parts.filter(([number]) => number > 0);
  return `${result}: ${counted.map(([number, one, many]) => `${number} ${number === 1 ? one : many}`).join(', ')}`;
}

/** A comparison, with what of logged requests it concerns, where a log was given. */
export interface ComparedFiles {
  readonly diff: Diff;
  readonly replayed: Replay | undefined;
}

/** Writes a comparison for people. */
export function describeDiff({ diff, replayed }: ComparedFiles, colors: Colors): readonly string[] {
  const color =
    diff.result === 'wider' ? colors.red : diff.result === 'narrower' ? colors.yellow : colors.green;
  return [
    color(summarize(diff)),
    ...(['gains', 'loses', 'identity'] as const).flatMap((kind) => section(kind, diff)),
    ...others(diff),
    ...describeReplay(replayed),
  ];
}

function section(kind: CallerChange['kind'], diff: Diff): readonly string[] {
  const changes = diff.callers.filter((change) => change.kind === kind);
  if (changes.length === 0) return [];
  return ['', KIND_TITLES[kind], ...changes.flatMap((change) => describeChange(change, diff))];
}

function describeChange(
  { kind, caller, example, outcomes, requests, routes }: CallerChange,
  diff: Diff,
): readonly string[] {
  const [older, newer] = outcomes;
  const [first] = requests;
  return [
    `  ${escapeText(describeCaller(caller, diff.sides))}`,
    ...listRequests(requests, diff.paths).map((line) => `    ${line}`),
    `    ${kind === 'identity' ? describeIdentity(outcomes) : `${older.code} → ${newer.code}`}  (${escapeText(routes.join(', '))})`,
    ...(first === undefined
      ? []
      : [`    ${showWitness(makeWitness({ caller, example }, first, diff.sides), newer.code)}`]),
  ];
}

/** The names of headers whose values differ. */
export function describeIdentity([
  { identity: older },
  { identity: newer },
]: CallerChange['outcomes']): string {
  const names = [...new Set([...Object.keys(older), ...Object.keys(newer)])].sort();
  const changes = names.flatMap((name) => {
    if (older[name] === newer[name]) return [];
    if (older[name] === undefined) return [`adds ${name}`];
    return [newer[name] === undefined ? `drops ${name}` : `changes ${name}`];
  });
  return changes.join(', ');
}

/** As a line for `tests` of a file. */
function showWitness({ request, token, conditions }: Witness, expect: string): string {
  const test = { request, ...(token !== null && { token }), expect };
  const where = conditions.length === 0 ? '' : ` (depends on ${conditions.join(' and ')})`;
  return `e.g. ${escapeText(JSON.stringify(test) + where)}`;
}

export function listRequests(requests: readonly SampleRequest[], all: Diff['paths']): readonly string[] {
  const lines = describeRequests(requests, all).map(escapeText);
  if (lines.length <= MOST_LINES) return lines;
  return [...lines.slice(0, MOST_LINES), `and ${lines.length - MOST_LINES} more`];
}

function others(diff: Diff): readonly string[] {
  const { routes, settings, doubts } = diff;
  const lines = [
    ...routes.flatMap(({ key, effect, requests, routes: names }) => [
      `  ${key}: ${EFFECTS[effect]}  (${escapeText(names.join(', '))})`,
      ...listRequests(requests, diff.paths).map((line) => `    ${line}`),
    ]),
    ...settings.map(({ path, effect }) => `  ${escapeText(path)}: ${EFFECTS[effect]}`),
  ];
  return [
    ...(lines.length === 0 ? [] : ['', 'Other changes', ...lines]),
    ...(doubts.length === 0
      ? []
      : ['', 'Not decided, counts as wider', ...doubts.map((doubt) => `  ${escapeText(doubt)}`)]),
  ];
}

function describeReplay(replayed: Replay | undefined): readonly string[] {
  if (replayed === undefined) return [];
  return [
    '',
    summarizeReplay(replayed),
    ...replayed.affected.slice(0, MOST_LINES).map((one) => `  ${describeAffected(one)}`),
  ];
}

/** How many of the logged requests a change concerns. */
export function summarizeReplay({ requests, skipped, affected }: Replay): string {
  const concerned = affected.reduce((sum, { count }) => sum + count, 0);
  const others =
    skipped === 0 ? '' : `; ${skipped} ${skipped === 1 ? 'line was' : 'lines were'} no access line`;
  return `Replay: ${concerned} of ${requests} logged requests are of operations that change${others}`;
}

export function describeAffected({
  count,
  method,
  path,
  routes: [older, newer],
  compared,
}: AffectedRequests): string {
  const kinds = new Set<string>([
    ...compared.differences.map(({ kind }) => kind),
    ...compared.keys.map(({ key }) => key),
  ]);
  const way = older === newer ? (newer ?? '') : `${older ?? 'no route'} → ${newer ?? 'no route'}`;
  return escapeText(`${count} × ${method} ${path}  (${way}: ${[...kinds].join(', ')})`);
}
