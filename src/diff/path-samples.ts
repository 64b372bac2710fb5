import { foldCase } from '../config/routes/route-path.ts';
import type { PathPattern } from '../pipeline/routing/path-pattern.ts';

/** Stands for every path that both files treat like it. */
export interface PathSample {
  /** Decoded. */
  readonly segments: readonly string[];
  /** The same, with null where any segment will do that no route names. */
  readonly shape: readonly (string | null)[];
}

export interface PathSamples {
  readonly samples: readonly PathSample[];
  /** False where there would be too many. */
  readonly isComplete: boolean;
}

/** The patterns of one file that can match on a host, and how it compares. */
export interface PatternSet {
  readonly patterns: readonly PathPattern[];
  readonly ignoresCase: boolean;
}

interface Node {
  readonly statics: Map<string, Node>;
  parameter: Node | undefined;
}

const MOST_SAMPLES = 200_000;

/**
 * A path for each way in which the patterns of both files can distinguish paths: segment by segment either one of the names that a route
 * has there, or one that none has.
 */
export function samplePaths(sets: readonly PatternSet[]): PathSamples {
  const trees = sets.map(({ patterns, ignoresCase }) => ({
    root: plant(patterns, ignoresCase),
    ignoresCase,
  }));
  const differ = new Set(sets.map(({ ignoresCase }) => ignoresCase)).size > 1;
  const fresh = freshSegment(sets);
  const samples: PathSample[] = [];

  function walk(places: readonly (readonly Node[])[], sample: PathSample): void {
    if (samples.length >= MOST_SAMPLES) return;
    samples.push(sample);
    if (places.every((nodes) => nodes.length === 0)) return;
    const names = new Set(places.flatMap((nodes) => nodes.flatMap(({ statics }) => [...statics.keys()])));
    if (differ) for (const name of [...names]) names.add(swapCase(name));
    const { segments, shape } = sample;
    for (const name of names) {
      const next = places.map((nodes, at) => step(nodes, trees[at]?.ignoresCase ? foldCase(name) : name));
      walk(next, { segments: [...segments, name], shape: [...shape, name] });
    }
    const next = places.map((nodes) => step(nodes, undefined));
    walk(next, { segments: [...segments, fresh], shape: [...shape, null] });
  }

  walk(
    trees.map(({ root }) => [root]),
    { segments: [], shape: [] },
  );
  return { samples, isComplete: samples.length < MOST_SAMPLES };
}

function plant(patterns: readonly PathPattern[], ignoresCase: boolean): Node {
  const root: Node = { statics: new Map(), parameter: undefined };
  for (const { segments } of patterns) {
    let node = root;
    for (const segment of segments) {
      if (segment === null) {
        node.parameter ??= { statics: new Map(), parameter: undefined };
        node = node.parameter;
        continue;
      }
      const name = ignoresCase ? foldCase(segment) : segment;
      const next = node.statics.get(name) ?? { statics: new Map(), parameter: undefined };
      node.statics.set(name, next);
      node = next;
    }
  }
  return root;
}

/** Where a segment leads; undefined is one that no route names. */
function step(nodes: readonly Node[], name: string | undefined): readonly Node[] {
  return nodes.flatMap(({ statics, parameter }) => {
    const fixed = name === undefined ? undefined : statics.get(name);
    return [fixed, parameter].filter((node) => node !== undefined);
  });
}

function freshSegment(sets: readonly PatternSet[]): string {
  const taken = new Set(
    sets.flatMap(({ patterns }) =>
      patterns.flatMap(({ segments }) => segments.map((one) => foldCase(one ?? ''))),
    ),
  );
  let at = 1;
  while (taken.has(`any-${at}`)) at += 1;
  return `any-${at}`;
}

function swapCase(name: string): string {
  const upper = name.toUpperCase();
  return upper === name ? name.toLowerCase() : upper;
}

/** As people read it: `*` is any other segment. */
export function showShape(shape: PathSample['shape']): string {
  return `/${shape.map((segment) => segment ?? '*').join('/')}`;
}

/** As a request has it. */
export function toTarget({ segments }: PathSample): string {
  return `/${segments.map((segment) => encodeURIComponent(segment)).join('/')}`;
}
