/** Counts the requests that began under one configuration, so that what only it needs is ended after the last of them. */
export interface InFlightCount {
  enter(): void;
  leave(): void;
  /** No more requests will enter: `onVacant` runs once the last one has left, or after `limitMs` at the latest. */
  retire(limitMs: number, onVacant: () => void): void;
}

/** Starts a count with nothing in flight. */
export function createInFlightCount(): InFlightCount {
  let running = 0;
  let vacate: (() => void) | undefined;
  return {
    enter() {
      running += 1;
    },
    leave() {
      running -= 1;
      if (running === 0) vacate?.();
    },
    retire(limitMs, onVacant) {
      const limit = setTimeout(() => vacate?.(), limitMs);
      limit.unref();
      vacate = () => {
        vacate = undefined;
        clearTimeout(limit);
        onVacant();
      };
      if (running === 0) vacate();
    },
  };
}
