import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml';
import type { ConfigPath, Position, Severity } from '../problem.ts';
import { findTooDeep } from './depth-limit.ts';

/** A problem of the text itself. */
export interface SourceProblem extends Position {
  /** Default `error`. */
  readonly severity?: Severity;
  readonly path: ConfigPath;
  readonly message: string;
  readonly hint?: string;
}

export interface YamlSource {
  /** Undefined where the text cannot be parsed. */
  readonly document: Document.Parsed | undefined;
  readonly problems: readonly SourceProblem[];
  readonly positionOf: (node: Node) => Position;
  /** The node that an alias repeats: the last anchor of its name above it. */
  readonly targetOf: (alias: Alias) => Node | undefined;
  /** The place of a value, or of its key; of the nearest parent that exists when it does not. */
  readonly locate: (path: ConfigPath, at?: 'key') => Position;
}

const START: Position = { line: 1, column: 1 };

const HINTS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'indent with spaces',
  MULTIPLE_DOCS: 'a file is one document; remove the `---`',
  BLOCK_AS_IMPLICIT_KEY: 'quote the value if the `: ` belongs to it',
};

/** Parses YAML 1.2. Warnings of the parser are problems too. */
export function parseYaml(text: string): YamlSource {
  const placeOf = placesOf(text);
  const tooDeep = findTooDeep(text);
  if (tooDeep !== undefined) return brokenSource('the file is nested too deeply', placeOf(tooDeep));
  let document: Document.Parsed;
  try {
    document = parseDocument(text, {
      version: '1.2',
      strict: true,
      merge: false,
      prettyErrors: false,
      // Compares every key with every other; `plainValues` finds duplicates in one pass.
      uniqueKeys: false,
      // `silent` would also silence the error about further documents.
      logLevel: 'error',
    });
  } catch (error) {
    return brokenSource(`the file cannot be parsed: ${(error as Error).message}`);
  }
  // After the first unexpected token the parser reports every further one.
  const lostAt = document.errors.findIndex(({ code }) => code === 'UNEXPECTED_TOKEN');
  const lines = text.split('\n');
  const problems = [...document.errors, ...document.warnings]
    .filter(({ code }, at) => code !== 'TAG_RESOLVE_FAILED' && (code !== 'UNEXPECTED_TOKEN' || at === lostAt))
    .map(({ code, message, pos }): SourceProblem => {
      const place = placeOf(pos[0]);
      const hint = flowHint(lines[place.line - 1]) ?? HINTS[code];
      const words = code === 'MULTIPLE_DOCS' ? 'the file holds more than one document' : lowerFirst(message);
      return { ...place, path: [], message: words, ...(hint !== undefined && { hint }) };
    });
  if (document.directives.yaml.version !== '1.2') {
    const line = lines.findIndex((content) => content.startsWith('%YAML'));
    problems.push({ line: Math.max(line, 0) + 1, column: 1, path: [], message: 'expected YAML 1.2' });
  }
  const positionOf = (node: Node): Position => (node.range ? placeOf(node.range[0]) : START);
  const targets = findAliasTargets(document);
  const targetOf = (alias: Alias): Node | undefined => targets.get(alias);
  const locate = (path: ConfigPath, at?: 'key'): Position => {
    const node = nodeAt(document.contents ?? undefined, path, { at, targetOf });
    return node === undefined ? START : positionOf(node);
  };
  return { document, problems, positionOf, targetOf, locate };
}

/** The source of a text that cannot be used at all. */
export function brokenSource(message: string, place: Position = START): YamlSource {
  return {
    document: undefined,
    problems: [{ ...place, path: [], message }],
    positionOf: () => START,
    targetOf: () => undefined,
    locate: () => START,
  };
}

/** Where each offset of a text is. Not the library's line counter, which misses lines after some errors. */
export function placesOf(text: string): (offset: number) => Position {
  const starts = [0];
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', end + 1)) starts.push(end + 1);
  return (offset) => {
    const inside = Math.min(offset, text.length);
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= inside) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: inside - (starts[low] ?? 0) + 1 };
  };
}

/** One pass: the library walks the whole document for each alias. */
function findAliasTargets(document: Document.Parsed): ReadonlyMap<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Alias: (_, alias) => {
      const target = anchors.get(alias.source);
      if (target !== undefined) targets.set(alias, target);
    },
    Value: (_, node) => {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

/** Follows aliases to the place where the value is written. */
function nodeAt(
  root: Node | undefined,
  path: ConfigPath,
  { at, targetOf }: { readonly at: 'key' | undefined; readonly targetOf: YamlSource['targetOf'] },
): Node | undefined {
  let node = root;
  for (const [index, step] of path.entries()) {
    const inside: Node | undefined = isAlias(node) ? targetOf(node) : node;
    const pair = isMap(inside) ? pairOf(inside, String(step)) : undefined;
    const key = isNode(pair?.key) ? pair.key : undefined;
    const item = isSeq(inside) ? inside.items[Number(step)] : pair?.value;
    if (at === 'key' && index === path.length - 1 && key !== undefined) return key;
    const next = isNode(item) ? item : key;
    if (next === undefined) return node;
    node = next;
  }
  return node;
}

const pairs = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();

/** Uses an index: a file with many problems in one mapping is searched for each. */
function pairOf(map: YAMLMap, key: string): Pair | undefined {
  const known = pairs.get(map);
  if (known !== undefined) return known.get(key);
  const index = new Map<string, Pair>();
  for (const pair of map.items) {
    const name = isScalar(pair.key) ? keyText(pair.key) : undefined;
    if (name !== undefined && !index.has(name)) index.set(name, pair);
  }
  pairs.set(map, index);
  return index.get(key);
}

/** A key as text: `1`, `true` and `null` are names like any other. */
export function keyText(key: { readonly value: unknown; readonly source?: string }): string {
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
}

function flowHint(line: string | undefined): string | undefined {
  return line !== undefined && /[[{][^'"]*\$\{/.test(line)
    ? 'inside [ ] and { } a substitution needs quotes: "${NAME}"'
    : undefined;
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}
