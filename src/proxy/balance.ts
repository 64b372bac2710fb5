import { type Refusal, refuse } from '../core/refusals.ts';
import type { Target } from './target.ts';

export type BalanceName = 'roundRobin' | 'leastConnections';

export interface BalanceOptions {
  readonly targets: readonly Target[];
  readonly balance: BalanceName;
  /** Requests that one address may have at once; undefined is no limit. */
  readonly maxRunning: number | undefined;
}

/** Chooses the address for the next request and counts it as running there; `tried` are only chosen when all others cannot be. */
export type Pick = (tried?: readonly Target[]) => Target | Refusal;

const UNHEALTHY = refuse('upstream_unhealthy', 'no address passes its health check');
const FULL = refuse('upstream_full', 'every address has as many requests as it may have', {
  retryAfterSeconds: 1,
});

/**
 * Makes the choice among the addresses of a backend. Those that fail their health check are never chosen. Those
 * that were ejected for failing requests are chosen when no other is left: a wrong guess must not close the shop.
 */
export function createBalance({
  targets,
  balance,
  maxRunning = Number.POSITIVE_INFINITY,
}: BalanceOptions): Pick {
  let turn = -1;
  const isFree = (target: Target): boolean => target.running < maxRunning;

  return (tried = []) => {
    turn = (turn + 1) % targets.length;
    const healthy = targets.filter((target) => target.healthy !== false);
    if (healthy.length === 0) return UNHEALTHY;
    const free = healthy.filter(isFree);
    if (free.length === 0) return FULL;
    const preferred = firstNonEmpty(
      free.filter((target) => !target.isOut && !tried.includes(target)),
      free.filter((target) => !tried.includes(target)),
      free,
    );
    const chosen = CHOICES[balance](preferred, turn);
    chosen.running++;
    return chosen;
  };
}

/** The same for a backend with one address, which is by far the most usual. */
export function createSingle({ targets, maxRunning = Number.POSITIVE_INFINITY }: BalanceOptions): Pick {
  const target = targets[0] as Target;
  return () => {
    if (target.healthy === false) return UNHEALTHY;
    if (target.running >= maxRunning) return FULL;
    target.running++;
    return target;
  };
}

const CHOICES = {
  roundRobin: (targets, turn) => targets[turn % targets.length] as Target,
  // Ties go round, so that idle addresses share what comes.
  leastConnections: (targets, turn) => {
    const least = Math.min(...targets.map(({ running }) => running));
    const idlest = targets.filter(({ running }) => running === least);
    return idlest[turn % idlest.length] as Target;
  },
} as const satisfies Record<BalanceName, (targets: readonly Target[], turn: number) => Target>;

function firstNonEmpty(...lists: readonly (readonly Target[])[]): readonly Target[] {
  return lists.find((list) => list.length > 0) ?? [];
}
