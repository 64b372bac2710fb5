const DURATION = /^(\d+)(ms|s|m|h|d)$/;
const SIZE = /^(\d+)(B|KiB|MiB|GiB)$/;

const MILLISECONDS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTES = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

/** The regular expression of durations, for the JSON Schema. */
export const DURATION_PATTERN = DURATION.source;
/** The regular expression of sizes, for the JSON Schema. */
export const SIZE_PATTERN = SIZE.source;

/** Reads `500ms`, `30s`, `10m`, `24h`, `7d` as milliseconds; anything else is `undefined`. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (match === null) return undefined;
  return safe(Number(match[1]) * MILLISECONDS[match[2] as keyof typeof MILLISECONDS]);
}

/** Writes milliseconds as `parseDuration` reads them, in the largest unit that gives a whole number. */
export function formatDuration(ms: number): string {
  const units = Object.entries(MILLISECONDS).reverse();
  const [unit, length] = units.find(([, length]) => ms >= length && ms % length === 0) ?? ['ms', 1];
  return `${ms / length}${unit}`;
}

/** Reads `512B`, `16KiB`, `10MiB`, `1GiB` as bytes; anything else is `undefined`. */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text);
  if (match === null) return undefined;
  return safe(Number(match[1]) * BYTES[match[2] as keyof typeof BYTES]);
}

function safe(value: number): number | undefined {
  return Number.isSafeInteger(value) ? value : undefined;
}
