import type { Clock } from '../../core/time/clock.ts';
import type { Scheduler } from '../../core/time/scheduler.ts';
import { revokedValue } from '../revocation/entry.ts';

/** The ids of the tokens of one kind and issuer that were received. Only verified ones get here. */
export interface SeenEvents {
  has(jti: string): boolean;
  hasRoom(): boolean;
  add(jti: string, untilMs: number): void;
}

export interface SeenEventsOptions {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly maxEntries: number;
}

/** When an id may be forgotten. Both clocks must agree, so that one that jumps brings no token back. */
interface Term {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** Makes an empty memory. Ids come and go in about the same order, so each new one looks at the oldest. */
export function createSeenEvents({ clock, scheduler, maxEntries }: SeenEventsOptions): SeenEvents {
  const terms = new Map<string, Term>();
  const isOver = ({ wallMs, monotonicMs }: Term): boolean =>
    clock() >= wallMs && scheduler.monotonicMs() >= monotonicMs;

  function forget(all: boolean): void {
    for (const [jti, term] of terms) {
      if (isOver(term)) terms.delete(jti);
      else if (!all) return;
    }
  }

  return {
    has: (jti) => terms.has(revokedValue(jti)),
    hasRoom() {
      if (terms.size >= maxEntries) forget(true);
      return terms.size < maxEntries;
    },
    add(jti, untilMs) {
      forget(false);
      terms.set(revokedValue(jti), {
        wallMs: untilMs,
        monotonicMs: scheduler.monotonicMs() + untilMs - clock(),
      });
    },
  };
}
