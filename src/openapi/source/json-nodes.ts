import { placesOf } from '../../config/source/yaml-source.ts';
import { endOfString } from '../../core/json/strict-json.ts';
import type { SpecEntry, SpecNode, SpecProblem } from './spec-node.ts';

const MAX_DEPTH = 512;
const KINDS: Readonly<Record<string, SpecNode['kind']>> = {
  '{': 'map',
  '[': 'list',
  '"': 'text',
  t: 'boolean',
  f: 'boolean',
  n: 'null',
};

/**
 * The root of a JSON text. `JSON.parse` checks the grammar; values are then found by their offsets, so that a description of many
 * megabytes takes no more memory than its text.
 */
export function readJson(text: string): SpecNode | SpecProblem {
  const placeOf = placesOf(text);
  const deep = findTooDeep(text);
  if (deep !== undefined) return { ...placeOf(deep), message: 'the file is nested too deeply' };
  try {
    JSON.parse(text);
  } catch (error) {
    const at = /at position (\d+)/.exec((error as Error).message)?.[1];
    return { ...placeOf(at === undefined ? text.length : Number(at)), message: 'this is not valid JSON' };
  }
  return nodeAt(skipSpace(text, 0));

  function nodeAt(at: number): SpecNode {
    const kind = KINDS[text[at] as string] ?? 'number';
    return {
      kind,
      identity: at,
      flaw: undefined,
      get text() {
        if (kind === 'map' || kind === 'list') return '';
        return kind === 'text' ? stringAt(at) : text.slice(at, endOfValue(text, at));
      },
      place: () => placeOf(at),
      entries: () => (kind === 'map' ? entriesAt(at) : []),
      items: () => (kind === 'list' ? itemsAt(at) : []),
    };
  }

  function stringAt(at: number): string {
    return JSON.parse(text.slice(at, endOfString(text, at) + 1)) as string;
  }

  function entriesAt(start: number): readonly SpecEntry[] {
    const entries: SpecEntry[] = [];
    for (let at = skipSpace(text, start + 1); text[at] !== '}'; ) {
      const keyAt = at;
      const valueAt = skipSpace(text, skipSpace(text, endOfString(text, keyAt) + 1) + 1);
      entries.push({ name: stringAt(keyAt), place: () => placeOf(keyAt), value: nodeAt(valueAt) });
      at = skipComma(text, endOfValue(text, valueAt));
    }
    return entries;
  }

  function itemsAt(start: number): readonly SpecNode[] {
    const items: SpecNode[] = [];
    for (let at = skipSpace(text, start + 1); text[at] !== ']'; ) {
      items.push(nodeAt(at));
      at = skipComma(text, endOfValue(text, at));
    }
    return items;
  }
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (/[ \t\r\n]/.test(text[at] ?? '')) at += 1;
  return at;
}

function skipComma(text: string, start: number): number {
  const at = skipSpace(text, start);
  return text[at] === ',' ? skipSpace(text, at + 1) : at;
}

/** The offset behind a value of a valid text. */
function endOfValue(text: string, start: number): number {
  const first = text[start] as string;
  if (first === '"') return endOfString(text, start) + 1;
  if (first !== '{' && first !== '[') {
    const end = /[\s,\]}]/g;
    end.lastIndex = start;
    return end.exec(text)?.index ?? text.length;
  }
  let depth = 0;
  for (const [mark, at] of marks(text, start)) {
    depth += mark === '{' || mark === '[' ? 1 : -1;
    if (depth === 0) return at + 1;
  }
  return text.length;
}

/** Braces and brackets outside of strings. */
function* marks(text: string, start: number): Generator<readonly [mark: string, at: number]> {
  const next = /["{}[\]]/g;
  next.lastIndex = start;
  for (let match = next.exec(text); match !== null; match = next.exec(text)) {
    if (match[0] !== '"') {
      yield [match[0], match.index];
      continue;
    }
    const end = endOfString(text, match.index);
    if (end === -1) return;
    next.lastIndex = end + 1;
  }
}

function findTooDeep(text: string): number | undefined {
  let depth = 0;
  for (const [mark, at] of marks(text, 0)) {
    depth += mark === '{' || mark === '[' ? 1 : -1;
    if (depth > MAX_DEPTH) return at;
  }
  return undefined;
}
