import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import type { Diff } from '../../../src/diff/diff.ts';
import { diffOf } from '../../support/diff/files.ts';
import { linesOf } from '../../support/diff/lines.ts';

interface Change {
  /** A pull request or issue: `owner/repository#number`. */
  readonly source: string;
  readonly what: string;
  readonly expert: Diff['result'];
  readonly finds: string;
  readonly before: readonly object[];
  readonly after: readonly object[];
  readonly file?: { readonly before?: object; readonly after?: object };
  readonly diff: readonly string[];
  /** Why `diff` finds more than the expert. */
  readonly differs?: string;
}

const FOLDER = new URL('.', import.meta.url);
const PAGE = new URL('../../../docs/real-changes.md', FOLDER);
const { common, changes } = parse(readFileSync(new URL('changes.yaml', FOLDER), 'utf8')) as {
  readonly common: object;
  readonly changes: readonly Change[];
};

function fileOf(routes: readonly object[], further: object = {}): object {
  return { ...common, ...further, routes: routes.map((route) => ({ upstream: 'app', ...route })) };
}

const results = new Map<Change, Diff['result']>();

for (const change of changes) {
  t.test(`${change.source}: ${change.what}`, async (t) => {
    const diff = await diffOf(
      fileOf(change.before, change.file?.before),
      fileOf(change.after, change.file?.after),
    );
    results.set(change, diff.result);
    t.same(linesOf(diff), [...change.diff].sort());
    if (change.differs === undefined) t.equal(diff.result, change.expert);
    // Where it finds more, it is never less.
    else t.equal(diff.result, 'wider');
  });
}

t.test('at least twenty, of each kind', async (t) => {
  const count = (result: string): number => changes.filter(({ expert }) => expert === result).length;
  t.ok(changes.length >= 20);
  t.ok(count('equal') >= 5);
  t.ok(count('narrower') >= 5);
  t.ok(count('wider') >= 10);
  t.equal(new Set(changes.map(({ source }) => source)).size, changes.length);
});

t.test('docs/real-changes.md has them all', async (t) => {
  const page = readFileSync(PAGE, 'utf8');
  for (const change of changes) t.ok(page.includes(rowOf(change)), `the page lacks:\n${rowOf(change)}`);
  t.equal(page.match(/^\| \[/gm)?.length, changes.length);
});

function rowOf(change: Change): string {
  const { source, what, expert, finds, differs, diff } = change;
  const [repository, number] = source.split('#');
  const result = results.get(change) ?? '';
  const cells = [
    `[${source}](https://github.com/${repository}/issues/${number})`,
    what,
    `${expert}: ${finds}`,
    `${result}${diff.length === 0 ? '' : `: ${diff.map((line) => `\`${line}\``).join('<br>')}`}${differs === undefined ? '' : `<br>${differs}`}`,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
