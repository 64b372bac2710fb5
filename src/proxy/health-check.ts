import type { AnswerHead } from './answer-parser.ts';
import { NoAnswerInTime } from './failure.ts';
import type { AnswerHandler, Carrier, UpstreamRequest } from './sender.ts';
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
    target.sender.send(checkRequest(path, policy), new HealthAnswer(policy.timeoutMs, judge));
  };
  ask();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

function checkRequest(path: string, { timeoutMs }: HealthPolicy): UpstreamRequest {
  return {
    path,
    method: 'GET',
    headers: ['user-agent', 'sealgate-health-check'],
    body: null,
    bodyLength: undefined,
    responseMs: timeoutMs,
    idleMs: timeoutMs,
    isHandshake: false,
  };
}

/** Waits for the head of one answer and reads the rest away. Tells once. */
class HealthAnswer implements AnswerHandler {
  readonly #tell: (isWell: boolean) => void;
  readonly #deadline: NodeJS.Timeout;
  #carrier: Carrier | undefined;
  #told = false;
  #status = 0;

  constructor(timeoutMs: number, tell: (isWell: boolean) => void) {
    this.#tell = tell;
    this.#deadline = setTimeout(() => {
      this.#once(false);
      this.#carrier?.destroy(new NoAnswerInTime(false));
    }, timeoutMs);
    this.#deadline.unref();
  }

  onCarrier(carrier: Carrier): boolean {
    this.#carrier = carrier;
    return !this.#told;
  }

  onHead({ status }: AnswerHead): void {
    this.#status = status;
  }

  onData(): boolean {
    return true;
  }

  onComplete(): void {
    this.#carrier = undefined;
    this.#once(this.#status >= 200 && this.#status < 400);
  }

  onError(): void {
    this.#carrier = undefined;
    this.#once(false);
  }

  #once(isWell: boolean): void {
    clearTimeout(this.#deadline);
    if (this.#told) return;
    this.#told = true;
    this.#tell(isWell);
  }
}
