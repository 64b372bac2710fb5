/** Time that only grows, and tasks for later, as a dependency, so that tests can hold both still. */
export interface Scheduler {
  /** Milliseconds from an arbitrary start; unmoved when the wall clock jumps. */
  monotonicMs(): number;
  /** Runs a task once after a delay and returns what cancels it. A waiting task never keeps the process alive. */
  after(delayMs: number, task: () => void): () => void;
}

/** Node fires a longer timer at once instead of late. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemScheduler: Scheduler = {
  monotonicMs: () => performance.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, Math.min(delayMs, LONGEST_TIMER_MS));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
