import { RE2JS } from '@bufbuild/re2';

/** The patterns of `matches`: those that conditions write out, and a few of those that are made during requests. */
export interface Patterns {
  compile(pattern: string): RE2JS;
  /** Keeps a pattern for good. Throws when it is malformed. */
  keep(pattern: string): void;
  /** What it costs to hold a text of so many characters against a pattern, in steps. */
  costOf(pattern: string, length: number): number;
}

const MOST_MADE = 256;
/** Instructions of a program times characters, where RE2 has to follow every state by itself. */
const STATES_PER_STEP = 4;
/** To compile a pattern, a character of it, and a class of Unicode. Counted repetitions multiply all of it. */
const COMPILED = 200;
const CHARACTER_COMPILED = 20;
const CLASS_COMPILED = 4000;

/** RE2 takes linear time whatever the pattern: that of its program times that of the text. */
export function keepPatterns(): Patterns {
  const written = new Map<string, RE2JS>();
  const made = new Map<string, RE2JS>();
  const find = (pattern: string): RE2JS | undefined => written.get(pattern) ?? made.get(pattern);
  return {
    compile(pattern) {
      const known = find(pattern);
      if (known !== undefined) return known;
      const compiled = new RE2JS(pattern);
      if (made.size >= MOST_MADE) made.clear();
      made.set(pattern, compiled);
      return compiled;
    },
    keep(pattern) {
      written.set(pattern, new RE2JS(pattern));
    },
    costOf(pattern, length) {
      const known = find(pattern);
      if (known !== undefined) return (known.re2().prog.numInst() * length) / STATES_PER_STEP;
      const classes = /\\p|\(\?[a-z]*i/i.test(pattern) ? CLASS_COMPILED : 0;
      const instructions = pattern.length * repetitionsIn(pattern);
      return COMPILED + classes + instructions * (CHARACTER_COMPILED + length / STATES_PER_STEP);
    },
  };
}

/** How often the whole of a pattern may be repeated at most, if all its counts were nested. */
function repetitionsIn(pattern: string): number {
  let repetitions = 1;
  for (const [count] of pattern.matchAll(/(?<=[{,])\d+(?=[,}])/g)) repetitions *= 1 + Number(count);
  return repetitions;
}
