/** The candidate that `word` probably means; undefined where none is near. Case and separators do not count. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const folded = fold(word);
  let best: string | undefined;
  // Short names are all near each other.
  let bestDistance = folded.length < 3 ? 1 : Math.floor(folded.length / 3) + 1;
  for (const candidate of candidates) {
    const other = fold(candidate);
    const distance = Math.min(
      editDistance(folded, other, bestDistance),
      isCut(folded, other) ? CUT_DISTANCE : bestDistance,
    );
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** `warning` for `warn`, `aud` for `audiences`. */
function isCut(a: string, b: string): boolean {
  return Math.min(a.length, b.length) >= 3 && a !== b && (a.startsWith(b) || b.startsWith(a));
}

/** More than one typing error, less than two. */
const CUT_DISTANCE = 1.5;

/** "did you mean `x`?" for a hint, where something is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const candidate = nearest(word, candidates);
  return candidate === undefined ? undefined : `did you mean \`${candidate}\`?`;
}

/** Insertions, deletions, replacements and swaps of neighbors that turn `a` into `b`; at most `limit`. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(beforeLast, j - 2) + 1 : limit;
      row.push(Math.min(replaced, swapped, at(last, j) + 1, at(row, j - 1) + 1));
    }
    if (Math.min(...row) >= limit) return limit;
    [beforeLast, last] = [last, row];
  }
  return Math.min(at(last, b.length), limit);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? 0;
}

function fold(word: string): string {
  return word.toLowerCase().replace(/[-_ ]/g, '');
}
