import type { Clock } from '../core/clock.ts';

/** What readiness depends on, issuer by issuer. */
export interface IssuerReadiness {
  readonly name: string;
  /** True once the issuer has had usable keys; that they are stale does not take it back. */
  readonly hasKeys: boolean;
}

export interface ReadinessOptions {
  /** How long every issuer is waited for before one with keys is enough, in milliseconds. */
  readonly waitMs: number;
  /** Issuers without whose keys the gateway is never ready. */
  readonly required: readonly string[];
  readonly clock: Clock;
}

export interface Readiness {
  /** Whether traffic should come. Once ready, only a drain takes it back. */
  isReady(issuers: readonly IssuerReadiness[]): boolean;
  drain(): void;
}

/** Decides readiness (contract §6): every issuer has keys, or `waitMs` after the start at least one has. */
export function createReadiness({ waitMs, required, clock }: ReadinessOptions): Readiness {
  const startedAtMs = clock();
  let ready = false;
  let draining = false;

  function hasEnoughKeys(issuers: readonly IssuerReadiness[]): boolean {
    if (issuers.every(({ hasKeys }) => hasKeys)) return true;
    if (issuers.some(({ name, hasKeys }) => !hasKeys && required.includes(name))) return false;
    return clock() - startedAtMs >= waitMs && issuers.some(({ hasKeys }) => hasKeys);
  }

  return {
    isReady(issuers) {
      ready ||= hasEnoughKeys(issuers);
      return ready && !draining;
    },
    drain() {
      draining = true;
    },
  };
}
