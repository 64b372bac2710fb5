import { type Glob, isLiteral, parseGlob } from '../../core/glob.ts';

/** Stands for every name that the patterns treat like it. */
export interface NameSample {
  readonly name: string;
  /** As people read it: `*` is what no pattern names. */
  readonly shown: string;
}

export interface NameSamples {
  readonly samples: readonly NameSample[];
  /** False where there would be too many. */
  readonly isComplete: boolean;
}

const MOST_SAMPLES = 20_000;

/**
 * A name for each way in which the patterns of two files can distinguish names: for each pattern of the one with each of the other, every
 * way in which their parts can follow each other, with something that no pattern names where both of them take anything.
 *
 * `filler` is that something, of characters that no pattern has. What matches such a name matches every name that has anything in the
 * filler's place.
 */
export function sampleNames(
  [older, newer]: readonly [readonly string[], readonly string[]],
  filler: string,
): NameSamples {
  const [left, right] = [older, newer].map((patterns) => [...patterns.map(parseGlob), parseGlob('*')]) as [
    Glob[],
    Glob[],
  ];
  const shapes = new Set<string>();
  for (const one of left)
    for (const other of right) {
      if (shapes.size > MOST_SAMPLES) return { samples: [], isComplete: false };
      if (isLiteral(one)) shapes.add(one.text);
      else if (isLiteral(other)) shapes.add(other.text);
      else intersect(one.text, other.text, shapes);
    }
  const samples = [...shapes].map((shape) => ({ name: shape.replaceAll('*', filler), shown: shape }));
  return { samples, isComplete: samples.length <= MOST_SAMPLES };
}

/** Adds every pattern of which each name matches both, and which together have all names that do. */
function intersect(one: string, other: string, into: Set<string>): void {
  const seen = new Set<string>();
  const steps: (readonly [number, number, string])[] = [[0, 0, '']];
  while (steps.length > 0 && into.size <= MOST_SAMPLES) {
    const [i, j, before] = steps.pop() as readonly [number, number, string];
    const key = `${i} ${j} ${before}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const [a, b] = [one[i], other[j]];
    if (a === undefined && b === undefined) into.add(before);
    if (a === '*' && b === '*') {
      const after = before.endsWith('*') ? before : `${before}*`;
      steps.push([i + 1, j, after], [i, j + 1, after]);
    } else if (a === '*') {
      steps.push([i + 1, j, before]);
      if (b !== undefined) steps.push([i, j + 1, before + b]);
    } else if (b === '*') {
      steps.push([i, j + 1, before]);
      if (a !== undefined) steps.push([i + 1, j, before + a]);
    } else if (a !== undefined && a === b) steps.push([i + 1, j + 1, before + a]);
  }
}
