import {
  type Alias,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import type { ConfigPath, Position } from '../problem.ts';
import { keyText, type SourceProblem, type YamlSource } from './yaml-source.ts';

/** Values that all aliases of the file may expand to; an alias bomb makes billions. */
const MAX_ALIASED_VALUES = 10_000;
/** Aliases can nest deeper than the text does. */
const MAX_DEPTH = 64;
/** Names that mean something to JavaScript objects and nothing to an operator. */
const PROTOTYPE_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

/** Substitutes in a string of the file. */
export type ReadText = (text: string, path: ConfigPath, report: Report) => string;
type Report = (problem: Pick<SourceProblem, 'message' | 'hint' | 'severity'>) => void;

/**
 * Turns the parsed document into plain data and finds what YAML allows and this file does not: duplicate and
 * composed keys, tags, merge keys, alias bombs, prototype keys, numbers that do not print back as written.
 */
export function plainValues(
  source: YamlSource,
  readText: ReadText,
): { readonly value: unknown; readonly problems: readonly SourceProblem[] } {
  const { document, positionOf } = source;
  const problems: SourceProblem[] = [];
  let aliased = 0;
  let exploded = false;
  const reported = new Set<string>();

  const report = (node: Node, path: ConfigPath, message: string, hint?: string): undefined => {
    add(node, { path, message, ...(hint !== undefined && { hint }) });
  };

  const add = (node: Node, problem: Omit<SourceProblem, keyof Position>): void => {
    const position = positionOf(node);
    // An alias repeats what is wrong in one place.
    const key = `${position.line}:${position.column}:${problem.message}`;
    if (reported.has(key)) return;
    reported.add(key);
    problems.push({ ...position, ...problem });
  };

  const read = (node: Node, path: ConfigPath, inAlias: boolean): unknown => {
    if (inAlias) aliased += 1;
    if (aliased > MAX_ALIASED_VALUES) return undefined;
    if (path.length > MAX_DEPTH) return report(node, path, 'aliases make the file nest too deeply');
    if (isAlias(node)) return readAlias(node, path);
    if ((node as { tag?: string }).tag !== undefined) {
      report(node, path, `tags (\`${shortTag(node)}\`) are not supported`, 'remove the tag');
    }
    if (isMap(node)) return readMap(node, path, inAlias);
    if (isSeq(node)) {
      return node.items.map((item, index) => (isNode(item) ? read(item, [...path, index], inAlias) : null));
    }
    return isScalar(node) ? readScalar(node, path) : undefined;
  };

  const readAlias = (node: Alias, path: ConfigPath): unknown => {
    const target = source.targetOf(node);
    if (target === undefined) {
      return report(node, path, `no anchor \`&${node.source}\` above`, 'quote a text that starts with `*`');
    }
    const value = read(target, path, true);
    if (aliased <= MAX_ALIASED_VALUES) return value;
    if (!exploded) report(node, path, 'aliases expand to too many values');
    exploded = true;
    return undefined;
  };

  const readMap = (map: YAMLMap, path: ConfigPath, inAlias: boolean): unknown => {
    const entries = new Map<string, unknown>();
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? keyText(key) : undefined;
      const keyNode = isNode(key) ? key : map;
      if (name === undefined || name === '') {
        report(keyNode, path, name === '' ? 'a key is empty' : 'expected a name as key');
        continue;
      }
      const keyPath = [...path, name];
      if (name === '<<') {
        report(keyNode, keyPath, 'merge keys (`<<`) are not supported', 'write the keys out');
        continue;
      }
      if (PROTOTYPE_KEYS.has(name)) {
        report(keyNode, keyPath, `\`${name}\` may not be a key`);
        continue;
      }
      if ((keyNode as { tag?: string }).tag !== undefined) {
        report(keyNode, keyPath, `tags (\`${shortTag(keyNode)}\`) are not supported`, 'remove the tag');
      }
      if (entries.has(name)) {
        const first = source.locate(keyPath, 'key');
        report(keyNode, keyPath, `duplicate key \`${name}\``, `it is first set in line ${first.line}`);
        continue;
      }
      entries.set(name, isNode(value) ? read(value, keyPath, inAlias) : null);
    }
    return Object.fromEntries(entries);
  };

  const readScalar = (node: Scalar, path: ConfigPath): unknown => {
    const { value, source: written } = node;
    if (typeof value === 'string') {
      return readText(value, path, (problem) => add(node, { path, ...problem }));
    }
    if (typeof value === 'number' && written !== undefined && !printsBack(value, written)) {
      const reason =
        Number.isInteger(value) && !Number.isSafeInteger(value)
          ? 'is too large to be exact'
          : 'does not print back as written';
      report(node, path, `the number \`${written}\` ${reason}`, `quote it if it is a text: "${written}"`);
    }
    return value;
  };

  const root = document?.contents;
  return { value: root ? read(root, [], false) : null, problems };
}

/** Whether a number keeps its text: one that does not is ambiguous. */
function printsBack(value: number, written: string): boolean {
  return String(value) === written && (!Number.isInteger(value) || Number.isSafeInteger(value));
}

function shortTag(node: Node): string {
  const { tag } = node as { tag?: string };
  return (tag ?? '').replace(/^tag:yaml\.org,2002:/, '!!');
}
