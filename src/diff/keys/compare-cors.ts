import type { CorsConfig } from '../../config/schema/config.ts';
import type { Effect } from './effect.ts';

/** Which pages may do more by the newer of two settings, or less. How long browsers remember it does not matter. */
export function compareCors(older: CorsConfig, newer: CorsConfig): Effect | 'neutral' {
  const [before, after] = [listsOf(older), listsOf(newer)];
  const effects = [
    compareBy(older.origins, newer.origins, coversOrigins),
    // Without a list they are those of the route.
    compareBy(
      before.methods,
      after.methods,
      (wide, narrow) => wide !== undefined && narrow !== undefined && includesAll(wide, narrow),
    ),
    compareBy(before.headers, after.headers, includesAll),
    compareBy(before.exposed, after.exposed, includesAll),
    compareBy(older.credentials, newer.credentials, (wide, narrow) => wide || !narrow),
  ].filter((effect) => effect !== 'neutral');
  const [first = 'neutral'] = effects;
  return effects.every((effect) => effect === first) ? first : 'unclear';
}

function listsOf({ methods, headers, exposeHeaders }: CorsConfig): Lists {
  return {
    methods: methods?.map((name) => name.toUpperCase()),
    headers: headers.map((name) => name.toLowerCase()),
    exposed: exposeHeaders.map((name) => name.toLowerCase()),
  };
}

interface Lists {
  readonly methods: readonly string[] | undefined;
  readonly headers: readonly string[];
  readonly exposed: readonly string[];
}

function compareBy<T>(older: T, newer: T, covers: (wide: T, narrow: T) => boolean): Effect | 'neutral' {
  if (JSON.stringify(older) === JSON.stringify(newer)) return 'neutral';
  const [isWider, isNarrower] = [covers(newer, older), covers(older, newer)];
  if (isWider) return isNarrower ? 'neutral' : 'wider';
  return isNarrower ? 'narrower' : 'unclear';
}

function includesAll(wide: readonly string[], narrow: readonly string[]): boolean {
  return narrow.every((one) => wide.includes(one));
}

/** `https://*.example.com` covers every origin that begins and ends like it. */
function coversOrigins(wide: CorsConfig['origins'], narrow: CorsConfig['origins']): boolean {
  if (wide === '*') return true;
  if (narrow === '*') return false;
  return narrow.every((one) =>
    wide.some((pattern) => {
      const [prefix = '', suffix] = pattern.split('*');
      if (suffix === undefined) return pattern === one;
      return one.length >= pattern.length && one.startsWith(prefix) && one.endsWith(suffix);
    }),
  );
}
