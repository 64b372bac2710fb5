import type { Dispatcher } from 'undici';
import type { Target } from './target.ts';

/** How addresses are asked whether they are well. */
export interface HealthPolicy {
  /** Path and query, below the upstream's own prefix. */
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** Checks in a row that must fail before an address counts as unhealthy; one good check brings it back. */
const FAILURES = 2;

export interface HealthWatch {
  stop(): void;
}

/** An address became healthy or unhealthy. */
export type HealthChange = (target: Target) => void;

/**
 * Asks an address at once and then every interval; 200 to 399 in time is well. An address counts as healthy until
 * it is known not to be. Later checks keep a jitter of a tenth, so that many gateways do not ask in step.
 */
export function watchHealth(target: Target, policy: HealthPolicy, changed: HealthChange): HealthWatch {
  let failures = 0;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  target.healthy = true;

  const judge = (isWell: boolean): void => {
    if (stopped) return;
    failures = isWell ? 0 : failures + 1;
    const healthy = failures < FAILURES && (isWell || target.healthy === true);
    if (healthy !== target.healthy) {
      target.healthy = healthy;
      changed(target);
    }
    const jitter = policy.intervalMs * 0.1 * (Math.random() - 0.5);
    timer = setTimeout(ask, policy.intervalMs + jitter);
    timer.unref();
  };
  const ask = (): void => {
    const path = target.prefix + policy.path;
    target.sender.dispatch(checkRequest(path, policy, target), new HealthAnswer(policy.timeoutMs, judge));
  };
  ask();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

function checkRequest(path: string, policy: HealthPolicy, target: Target): Dispatcher.DispatchOptions {
  return {
    path,
    method: 'GET',
    headers: ['user-agent', 'sealgate-health-check'],
    headersTimeout: policy.timeoutMs,
    bodyTimeout: policy.timeoutMs,
    servername: target.servername,
  } as Dispatcher.DispatchOptions;
}

/** Waits for the head of one answer and reads the rest away. Tells once. */
class HealthAnswer implements Dispatcher.DispatchHandler {
  readonly #tell: (isWell: boolean) => void;
  readonly #deadline: NodeJS.Timeout;
  #abort: (() => void) | undefined;
  #told = false;
  #status = 0;

  constructor(timeoutMs: number, tell: (isWell: boolean) => void) {
    this.#tell = tell;
    this.#deadline = setTimeout(() => {
      this.#once(false);
      this.#abort?.();
    }, timeoutMs);
    this.#deadline.unref();
  }

  onConnect(abort: () => void): void {
    if (this.#told) abort();
    else this.#abort = abort;
  }

  onHeaders(status: number): boolean {
    this.#status = status;
    return true;
  }

  onData(): boolean {
    return true;
  }

  onComplete(): void {
    this.#once(this.#status >= 200 && this.#status < 400);
  }

  onError(): void {
    this.#once(false);
  }

  #once(isWell: boolean): void {
    clearTimeout(this.#deadline);
    if (this.#told) return;
    this.#told = true;
    this.#tell(isWell);
  }
}
