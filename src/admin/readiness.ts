import type { Clock } from '../core/time/clock.ts';

/** What readiness depends on, issuer by issuer. */
export interface IssuerReadiness {
  readonly name: string;
  /** True once the issuer has had usable keys, even if they are stale now. */
  readonly hasKeys: boolean;
}

/** `readiness` of the file. */
export interface ReadinessRules {
  /** How long to wait for every issuer before one with keys is enough, in milliseconds. */
  readonly wait: number;
  /** Issuers whose keys are required. */
  readonly require: readonly string[];
}

export interface Readiness {
  /** Whether the gateway accepts traffic. Once ready, only a drain changes it. */
  isReady(issuers: readonly IssuerReadiness[]): boolean;
  /** Replaces the rules. */
  follow(rules: ReadinessRules): void;
  drain(): void;
}

/** Decides readiness: every issuer has keys, or `wait` after the start at least one has. */
export function createReadiness({ clock, ...first }: ReadinessRules & { readonly clock: Clock }): Readiness {
  const startedAtMs = clock();
  let rules: ReadinessRules = first;
  let ready = false;
  let draining = false;

  function hasEnoughKeys(issuers: readonly IssuerReadiness[]): boolean {
    if (issuers.every(({ hasKeys }) => hasKeys)) return true;
    if (issuers.some(({ name, hasKeys }) => !hasKeys && rules.require.includes(name))) return false;
    return clock() - startedAtMs >= rules.wait && issuers.some(({ hasKeys }) => hasKeys);
  }

  return {
    isReady(issuers) {
      ready ||= hasEnoughKeys(issuers);
      return ready && !draining;
    },
    follow(next) {
      rules = next;
    },
    drain() {
      draining = true;
    },
  };
}
