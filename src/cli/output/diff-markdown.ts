import { describeCaller } from '../../diff/describe.ts';
import type { CallerChange, Diff } from '../../diff/diff.ts';
import {
  type ComparedFiles,
  describeAffected,
  describeIdentity,
  EFFECTS,
  KIND_TITLES,
  listRequests,
  summarize,
  summarizeReplay,
} from './diff-text.ts';

/** Writes a comparison as a comment of a pull request. */
export function diffToMarkdown({ diff, replayed }: ComparedFiles): readonly string[] {
  const { callers, routes, settings, doubts } = diff;
  const others = [
    ...routes.map(({ key, effect, requests }) =>
      row([code(key), EFFECTS[effect], ...[lines(listRequests(requests, diff.paths))]]),
    ),
    ...settings.map(({ path, effect }) => row([code(path), EFFECTS[effect], ''])),
  ];
  return [
    `**${text(summarize(diff))}**`,
    ...(['gains', 'loses', 'identity'] as const).flatMap((kind) => table(kind, callers, diff)),
    ...(others.length === 0
      ? []
      : ['', '| other change | effect | requests |', '| --- | --- | --- |', ...others]),
    ...(doubts.length === 0
      ? []
      : ['', 'Not decided, counts as wider:', '', ...doubts.map((doubt) => `- ${text(doubt)}`)]),
    ...(replayed === undefined
      ? []
      : [
          '',
          text(summarizeReplay(replayed)),
          '',
          ...replayed.affected.map((one) => `- ${code(describeAffected(one))}`),
        ]),
  ];
}

function table(kind: CallerChange['kind'], all: Diff['callers'], diff: Diff): readonly string[] {
  const changes = all.filter((change) => change.kind === kind);
  if (changes.length === 0) return [];
  return [
    '',
    `| ${KIND_TITLES[kind].toLowerCase()} | requests | before → now |`,
    '| --- | --- | --- |',
    ...changes.map(({ caller, requests, outcomes }) =>
      row([
        text(describeCaller(caller, diff.sides)),
        lines(listRequests(requests, diff.paths)),
        kind === 'identity'
          ? text(describeIdentity(outcomes))
          : outcomes.map((outcome) => code(outcome.code)).join(' → '),
      ]),
    ),
  ];
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function lines(all: readonly string[]): string {
  return all.map(code).join('<br>');
}

/** Text of a file cannot end its cell, nor become a link or markup. */
function text(plain: string): string {
  return plain.replace(/[\\`*_{}[\]<>()#+!|@~-]/g, '\\$&').replace(/\r?\n/g, ' ');
}

function code(plain: string): string {
  return `\`${plain.replace(/`/g, "'").replace(/\|/g, '\\|').replace(/\r?\n/g, ' ')}\``;
}
