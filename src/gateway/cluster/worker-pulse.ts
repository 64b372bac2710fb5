import { type Scheduler, systemScheduler } from '../../core/time/scheduler.ts';

/** Whether a worker responds to regular requests. */
export interface Pulse {
  readonly isResponsive: boolean;
  /** The reply; rejects as soon as the worker is known not to respond, so that nobody waits for it. */
  unlessSilent<Reply>(reply: Promise<Reply>): Promise<Reply>;
  stop(): void;
}

export interface PulseEvents {
  readonly silent: () => void;
  readonly responsive: () => void;
  /** It has been silent for so long that it will not recover. */
  readonly hung: () => void;
}

const ASK_MS = 1_000;
const SILENT_MS = 5_000;
/** Longer than any pause of a healthy worker; left are a debugger, a stopped process and an endless loop. */
const HUNG_MS = 30_000;

/** Watches from now on. Time in which this process itself was stopped does not count. */
export function watchPulse(
  ask: () => Promise<unknown>,
  events: PulseEvents,
  scheduler: Scheduler = systemScheduler,
): Pulse {
  const waiting = new Set<(error: Error) => void>();
  let isResponsive = true;
  let isAsked = false;
  let silentMs = 0;
  let lookedAtMs = scheduler.monotonicMs();

  let cancel = scheduler.after(ASK_MS, look);

  function look(): void {
    const nowMs = scheduler.monotonicMs();
    cancel = scheduler.after(ASK_MS, look);
    const passedMs = Math.min(nowMs - lookedAtMs, 2 * ASK_MS);
    lookedAtMs = nowMs;
    if (!isAsked) {
      isAsked = true;
      silentMs = 0;
      ask().then(heard, heard);
      return;
    }
    const wasSilentMs = silentMs;
    silentMs += passedMs;
    if (isResponsive && silentMs >= SILENT_MS) {
      isResponsive = false;
      for (const reject of waiting) reject(new Error('the worker does not respond'));
      waiting.clear();
      events.silent();
    }
    if (wasSilentMs < HUNG_MS && silentMs >= HUNG_MS) events.hung();
  }

  /** A failure is a response as well. */
  function heard(): void {
    isAsked = false;
    if (isResponsive) return;
    isResponsive = true;
    events.responsive();
  }

  return {
    get isResponsive() {
      return isResponsive;
    },
    unlessSilent<Reply>(reply: Promise<Reply>): Promise<Reply> {
      return new Promise<Reply>((resolve, reject) => {
        waiting.add(reject);
        reply.then(resolve, reject).finally(() => waiting.delete(reject));
        if (!isResponsive) reject(new Error('the worker does not respond'));
      });
    },
    stop() {
      cancel();
      // A worker that has ended is not silent.
      events = { silent: ignore, responsive: ignore, hung: ignore };
    },
  };
}

function ignore(): void {}
