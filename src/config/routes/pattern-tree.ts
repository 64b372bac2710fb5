import type { RoutePattern } from './route-order.ts';

/** Routes by the segments of their paths, so that thousands can be compared without comparing each with each. */
export interface PatternTree {
  readonly ends: RoutePattern[];
  readonly statics: Map<string, PatternTree>;
  parameter: PatternTree | undefined;
}

export function emptyTree(): PatternTree {
  return { ends: [], statics: new Map(), parameter: undefined };
}

export function insert(tree: PatternTree, pattern: RoutePattern): void {
  let node = tree;
  for (const segment of pattern.segments) {
    if (segment.kind === 'parameter') {
      node.parameter ??= emptyTree();
      node = node.parameter;
      continue;
    }
    const next = node.statics.get(segment.text) ?? emptyTree();
    node.statics.set(segment.text, next);
    node = next;
  }
  node.ends.push(pattern);
}

/** The routes whose paths agree with that of `pattern` as far as both go, in the order of the file. */
export function overlapping(tree: PatternTree, { segments }: RoutePattern): readonly RoutePattern[] {
  const found: RoutePattern[] = [];
  const walk = (node: PatternTree, depth: number): void => {
    found.push(...node.ends);
    const segment = segments[depth];
    if (node.parameter !== undefined) walk(node.parameter, depth + 1);
    if (segment?.kind === 'static') {
      const next = node.statics.get(segment.text);
      if (next !== undefined) walk(next, depth + 1);
      return;
    }
    for (const next of node.statics.values()) walk(next, depth + 1);
  };
  walk(tree, 0);
  return found.sort((a, b) => a.index - b.index);
}
