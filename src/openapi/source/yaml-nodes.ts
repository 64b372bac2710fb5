import { isAlias, isMap, isNode, isScalar, isSeq, type Node } from 'yaml';
import { keyText, parseYaml, type YamlSource } from '../../config/source/yaml-source.ts';
import type { SpecEntry, SpecNode, SpecProblem } from './spec-node.ts';

/** The parser needs some hundred bytes for each part, and a microsecond or ten. */
const MAX_PARTS = 1_500_000;

/** The root of a YAML text. Aliases are followed one at a time and never expanded, so that a bomb of them stays small. */
export function readYaml(text: string): SpecNode | SpecProblem {
  if (countParts(text) > MAX_PARTS) {
    const hint = 'convert it to JSON, which may be larger, or split it';
    return { line: 1, column: 1, message: 'the file has too many parts for YAML', hint };
  }
  const source = parseYaml(text);
  const [problem] = source.problems;
  if (problem !== undefined) {
    const { line, column, message, hint } = problem;
    return { line, column, message, ...(hint !== undefined && { hint }) };
  }
  const root = source.document?.contents;
  return isNode(root) ? nodeOf(root, source) : { line: 1, column: 1, message: 'the file is empty' };
}

const EMPTY = { text: '', entries: () => [], items: () => [] };

function countParts(text: string): number {
  let parts = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    // Line feed, comma, colon.
    if (code === 0x0a || code === 0x2c || code === 0x3a) parts += 1;
  }
  return parts;
}

function nodeOf(written: Node, source: YamlSource): SpecNode {
  const node = isAlias(written) ? source.targetOf(written) : written;
  const place = () => source.positionOf(node ?? written);
  const base = { ...EMPTY, identity: node, place };
  if (node === undefined) return { ...base, kind: 'null', flaw: 'no anchor of this name is above' };
  const flaw = (node as { tag?: string }).tag === undefined ? undefined : 'tags are not supported';
  if (isMap(node)) {
    const entries = () => node.items.flatMap(({ key, value }) => entryOf(key, value, source));
    const isStrange = node.items.some(({ key }) => !isScalar(key));
    return { ...base, kind: 'map', flaw: isStrange ? 'expected names as keys' : flaw, entries };
  }
  if (isSeq(node)) {
    const items = () => node.items.map((item) => valueNode(item, node, source));
    return { ...base, kind: 'list', flaw, items };
  }
  const value = isScalar(node) ? node.value : null;
  if (typeof value === 'string') return { ...base, kind: 'text', text: value, flaw };
  const kind = typeof value === 'number' || typeof value === 'boolean' ? typeof value : 'null';
  return { ...base, kind, text: isScalar(node) ? keyText(node) : '', flaw } as SpecNode;
}

function entryOf(key: unknown, value: unknown, source: YamlSource): readonly SpecEntry[] {
  if (!isScalar(key)) return [];
  return [{ name: keyText(key), place: () => source.positionOf(key), value: valueNode(value, key, source) }];
}

/** Where nothing is written, the place is that of the key or of the list. */
function valueNode(value: unknown, beside: Node, source: YamlSource): SpecNode {
  if (isNode(value)) return nodeOf(value, source);
  const place = () => source.positionOf(beside);
  return { ...EMPTY, kind: 'null', identity: beside, flaw: undefined, place };
}
