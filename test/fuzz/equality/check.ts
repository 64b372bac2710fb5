import { differencesOf } from './differences.ts';
import type { Lab } from './lab.ts';
import { play } from './play.ts';
import type { ClientRequest } from './requests.ts';
import { rowOf } from './unavoidable.ts';

/** What the cases had in them, so that a generator that finds nothing is noticed. */
export interface Seen {
  readonly codes: Map<string, number>;
  /** Rows of the table, by way. */
  readonly rows: Map<string, number>;
}

export function nothingSeen(): Seen {
  return { codes: new Map(), rows: new Map() };
}

/** Plays one request everywhere. Returns every difference that the table does not name, in words. */
export async function check(lab: Lab, request: ClientRequest, seen: Seen): Promise<readonly string[]> {
  const { proxied, asked, faults } = await play(lab, request);
  count(seen.codes, proxied.record.code);
  const problems = [...faults];
  for (const [way, outcome] of asked) {
    const found = differencesOf(proxied, outcome);
    if (found.length === 0) continue;
    const difference = { request, proxied, asked: outcome, found };
    const row = rowOf(way, difference);
    if (row === undefined) problems.push(...found.map((text) => `${way}: ${text}`));
    else count(seen.rows, `${way}: ${row.what}`);
  }
  return problems;
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
