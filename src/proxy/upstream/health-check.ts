import type { DispatchController, DispatchHandler, UpstreamRequest } from '../dispatcher.ts';
import { ResponseTimeout } from '../errors.ts';
import type { ResponseHead } from '../response/response-parser.ts';
import type { UpstreamEndpoint } from './upstream-endpoint.ts';

/** How endpoints are checked. */
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
export type HealthChange = (endpoint: UpstreamEndpoint) => void;

/**
 * Checks an endpoint at once and then every interval; a status of 200 to 399 in time is healthy. An endpoint counts as healthy until
 * checks have failed. Later checks have a jitter of a tenth, so that many gateways do not check at the same moment.
 */
export function watchHealth(
  endpoint: UpstreamEndpoint,
  policy: HealthPolicy,
  changed: HealthChange,
): HealthWatch {
  let failures = 0;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  endpoint.healthy = true;

  const check = (isWell: boolean): void => {
    if (stopped) return;
    failures = isWell ? 0 : failures + 1;
    const healthy = failures < FAILURES && (isWell || endpoint.healthy === true);
    if (healthy !== endpoint.healthy) {
      endpoint.healthy = healthy;
      changed(endpoint);
    }
    const jitter = policy.intervalMs * 0.1 * (Math.random() - 0.5);
    timer = setTimeout(ask, policy.intervalMs + jitter);
    timer.unref();
  };
  const ask = (): void => {
    const path = endpoint.prefix + policy.path;
    endpoint.dispatcher.send(checkRequest(path, policy), new HealthResponse(policy.timeoutMs, check));
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

/** Waits for the head of one response and discards its body. Reports once. */
class HealthResponse implements DispatchHandler {
  readonly #notify: (isWell: boolean) => void;
  readonly #deadline: NodeJS.Timeout;
  #controller: DispatchController | undefined;
  #reported = false;
  #status = 0;

  constructor(timeoutMs: number, notify: (isWell: boolean) => void) {
    this.#notify = notify;
    this.#deadline = setTimeout(() => {
      this.#once(false);
      this.#controller?.destroy(new ResponseTimeout(false));
    }, timeoutMs);
    this.#deadline.unref();
  }

  onRequestStart(controller: DispatchController): boolean {
    this.#controller = controller;
    return !this.#reported;
  }

  onResponseStart({ status }: ResponseHead): void {
    this.#status = status;
  }

  onResponseData(): boolean {
    return true;
  }

  onResponseEnd(): void {
    this.#controller = undefined;
    this.#once(this.#status >= 200 && this.#status < 400);
  }

  onResponseError(): void {
    this.#controller = undefined;
    this.#once(false);
  }

  #once(isWell: boolean): void {
    clearTimeout(this.#deadline);
    if (this.#reported) return;
    this.#reported = true;
    this.#notify(isWell);
  }
}
