import t from 'tap';
import type { Diff } from '../../src/diff/diff.ts';
import { diffOf, tryFile } from '../support/diff/files.ts';
import { fileOf } from '../support/diff/parts.ts';

t.setTimeout(300_000);

const PAIRS = 300;
const ALPHABET = ['a', 'b', '_'];
const SCOPES = ['x', 'y'];

type Rule = 'allow' | 'deny' | { readonly scopes: readonly string[] };
type Tools = Readonly<Record<string, Rule>>;

/** The same numbers for the same seed (a linear congruence is enough for tables). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const next = random(20_261_201);
const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;

function makePattern(): string {
  const length = 1 + Math.floor(next() * 4);
  const text = Array.from({ length }, () => (next() < 0.4 ? '*' : pick(ALPHABET))).join('');
  return text.replace(/\*+/g, '*');
}

function makeRule(): Rule {
  return next() < 0.4 ? 'allow' : next() < 0.5 ? 'deny' : { scopes: [pick(SCOPES)] };
}

function makeTools(): Tools {
  return Object.fromEntries(
    Array.from({ length: 1 + Math.floor(next() * 3) }, () => [makePattern(), makeRule()]),
  );
}

/** One entry more, less, or with another rule. */
function change(tools: Tools): Tools {
  const entries = Object.entries(tools);
  const at = Math.floor(next() * entries.length);
  const kind = next();
  if (kind < 0.3 && entries.length > 1) return Object.fromEntries(entries.filter((_, index) => index !== at));
  if (kind < 0.6) return { ...tools, [makePattern()]: makeRule() };
  return Object.fromEntries(
    entries.map(([pattern, rule], index) => [pattern, index === at ? makeRule() : rule]),
  );
}

const contentOf = (tools: Tools): object =>
  fileOf({ routes: [{ path: '/mcp', access: 'authenticated', mcp: { tools } }] });

/** A second reading of the rules, which shares no code with the gateway: the exact name, else the longest pattern. */
function lets(tools: Tools, name: string, scopes: readonly string[]): boolean {
  const matching = Object.keys(tools)
    .filter((pattern) => new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name))
    .sort((one, other) => Number(other === name) - Number(one === name) || other.length - one.length);
  const rule = matching[0] === undefined ? 'deny' : tools[matching[0]];
  if (rule === undefined || typeof rule === 'string') return rule === 'allow';
  return rule.scopes.every((scope) => scopes.includes(scope));
}

function findMistake({ result }: Diff, older: Tools, newer: Tools): object | undefined {
  for (let sample = 0; sample < 300; sample += 1) {
    const name = Array.from({ length: 1 + Math.floor(next() * 6) }, () => pick([...ALPHABET, 'z'])).join('');
    const scopes = SCOPES.filter(() => next() < 0.5);
    const [before, after] = [lets(older, name, scopes), lets(newer, name, scopes)];
    if (!before && after && result !== 'wider') return { missed: 'a gain', name, scopes, older, newer };
    if (before && !after && result === 'equal') return { missed: 'a loss', name, scopes, older, newer };
  }
  return undefined;
}

t.test(`${PAIRS} pairs of rules of tools: what only one of them lets through is never missed`, async (t) => {
  const results = { equal: 0, narrower: 0, wider: 0 };
  for (let compared = 0; compared < PAIRS; ) {
    const older = makeTools();
    const newer = change(older);
    // Patterns of one length that overlap are an error.
    if (tryFile(contentOf(older)) === undefined || tryFile(contentOf(newer)) === undefined) continue;
    compared += 1;
    const diff = await diffOf(contentOf(older), contentOf(newer));
    results[diff.result] += 1;
    t.equal(findMistake(diff, older, newer), undefined);
    // Where it is no gain, none was listed, and nothing was left undecided.
    t.same(diff.doubts, []);
  }
  t.comment(JSON.stringify(results));
  t.ok(Math.min(results.equal, results.narrower, results.wider) > 10);
});
