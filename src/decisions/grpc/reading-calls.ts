/** A call whose message has not come. */
interface Reading {
  readonly isOver: boolean;
  /** When its time is over, by `performance.now`. */
  readonly readUntilMs: number;
  messageIsLate(): void;
}

/** Ends calls whose message does not come. */
export interface ReadingCalls {
  add(call: Reading): void;
  delete(call: Reading): void;
}

/** How often calls are looked at: one pass over those that wait costs less than a timer for each. */
const LOOK_MS = 100;

/** Keeps the calls that wait for their message: few at any time, since a message comes with its call. */
export function keepReadingCalls(): ReadingCalls {
  const calls = new Set<Reading>();
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    const nowMs = performance.now();
    for (const call of calls) {
      if (call.isOver) calls.delete(call);
      else if (nowMs >= call.readUntilMs) {
        calls.delete(call);
        call.messageIsLate();
      }
    }
    if (calls.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  return {
    add(call) {
      calls.add(call);
      timer ??= setInterval(look, LOOK_MS).unref();
    },
    delete: (call) => calls.delete(call),
  };
}
