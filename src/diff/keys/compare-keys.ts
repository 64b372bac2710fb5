import { isDeepStrictEqual } from 'node:util';
import type { CorsConfig } from '../../config/schema/config.ts';
import type { FactKey, RouteFacts } from '../route-facts.ts';
import { compareCors } from './compare-cors.ts';
import type { Effect } from './effect.ts';

export interface KeyChange {
  /** `identity`: headers are made in another way, and no caller of the comparison shows it. */
  readonly key: FactKey | 'identity';
  readonly effect: Effect;
}

/** `neutral` where it means nothing, or is reported otherwise. */
type Compare = (older: unknown, newer: unknown) => Effect | 'neutral';

/** True is more than false. */
const flag: Compare = (_, newer) => (newer === true ? 'wider' : 'narrower');

/** Each member lets more in. */
const members: Compare = (older, newer) => {
  const [before, after] = [older, newer].map((list) => new Set(list as readonly unknown[]));
  const isSuperset = [...(before ?? [])].every((one) => after?.has(one));
  return isSuperset ? 'wider' : [...(after ?? [])].every((one) => before?.has(one)) ? 'narrower' : 'unclear';
};

/** Nothing is no limit. */
const limit = (older: unknown, newer: unknown): Effect =>
  (newer ?? Number.POSITIVE_INFINITY) > (older ?? Number.POSITIVE_INFINITY) ? 'wider' : 'narrower';

/** What restricts: to have it is less than not to have it. */
const restriction: Compare = (older, newer) =>
  older === null ? 'narrower' : newer === null ? 'wider' : 'unclear';

/** What permits: the other way round. */
const permission: Compare = (older, newer) =>
  older === null ? 'wider' : newer === null ? 'narrower' : 'unclear';

interface Limit {
  readonly max: number;
  readonly window: number;
  readonly by: unknown;
}

/** Limits of the same callers compare by how much they let through. */
const limits: Compare = (older, newer) => {
  if (older === null || newer === null) return restriction(older, newer);
  const [before, after] = [older, newer] as [readonly Limit[], readonly Limit[]];
  if (before.length !== after.length) return 'unclear';
  const ratios = before.map(({ max, window, by }, at) => {
    const other = after[at];
    if (other === undefined || !isDeepStrictEqual(by, other.by)) return Number.NaN;
    // More at once, or more over time, is more.
    const pair = [other.max - max, other.max / other.window - max / window];
    return pair.every((by) => by >= 0) ? 1 : pair.every((by) => by <= 0) ? -1 : Number.NaN;
  });
  if (ratios.every((ratio) => ratio === 1)) return 'wider';
  return ratios.every((ratio) => ratio === -1) ? 'narrower' : 'unclear';
};

const always =
  (effect: Effect): Compare =>
  () =>
    effect;

const COMPARISONS: Readonly<Record<FactKey, Compare>> = {
  websocket: flag,
  allow: members,
  tokenFrom: members,
  passAuthorization: flag,
  forwardToken: flag,
  rateLimit: limits,
  bodyLimit: limit,
  cors: (older, newer) =>
    older === null || newer === null
      ? permission(older, newer)
      : compareCors(older as CorsConfig, newer as CorsConfig),
  // Metadata that everybody may read, and paths that the gateway then serves itself.
  resource: permission,
  // The rules themselves are compared message by message.
  mcp: restriction,
  filterLists: (older, newer) =>
    older === null || newer === null ? 'neutral' : newer === true ? 'narrower' : 'wider',
  // Public routes look at no token, so that also one passes which an optional one would refuse.
  invalidTokens: (older, newer) =>
    older === 'optional' && newer === 'public'
      ? 'wider'
      : older === 'public' && newer === 'optional'
        ? 'narrower'
        : 'neutral',
  'identity.maxBytes': (older, newer) => (older === null || newer === null ? 'neutral' : limit(older, newer)),
  'identity.assertion': always('unclear'),
  backend: always('unclear'),
  exchange: always('unclear'),
};

/** What differs between two routes beside who may use them and what their backends learn of the caller. */
export function compareKeys({ keys: older }: RouteFacts, { keys: newer }: RouteFacts): readonly KeyChange[] {
  return (Object.keys(COMPARISONS) as FactKey[])
    .filter((key) => !isDeepStrictEqual(older[key], newer[key]))
    .flatMap((key) => {
      const effect = COMPARISONS[key](older[key], newer[key]);
      return effect === 'neutral' ? [] : [{ key, effect }];
    });
}
