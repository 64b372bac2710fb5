import type { Ejection } from './ejection.ts';
import type { ForwardPlan } from './forwarding.ts';
import type { PrefixChange } from './rewrite-location.ts';
import type { Sender } from './sender.ts';

/** How a request to an address ended, for those who choose the next address. */
export type TargetOutcome =
  /** Something of an answer came. */
  | 'answered'
  /** No connection, or it was lost before any byte of an answer. */
  | 'failed'
  /** Ended for other reasons, which say nothing of the address. */
  | 'unknown';

export interface TargetSettings {
  /** Origin, without anything secret. */
  readonly label: string;
  readonly sender: Sender;
  readonly prefix: string;
  /** Undefined where there is no other address to go to. */
  readonly ejection: Ejection | undefined;
  readonly now: () => number;
}

/** How the prefix of a path changed on its way to a target; undefined where it did not. */
export function prefixesOf(
  target: Target | undefined,
  { rewritten, host }: { rewritten: ForwardPlan['rewritten']; host: string | undefined },
): PrefixChange | undefined {
  if (target === undefined || rewritten === undefined) return undefined;
  return {
    ...rewritten,
    inside: target.prefix + rewritten.inside,
    origin: target.label,
    host,
  };
}

/** One address of a backend, with its connections and how it has been doing. */
export class Target {
  readonly label: string;
  readonly sender: Sender;
  /** Put before the forwarded path: empty, or a path without a slash at its end. */
  readonly prefix: string;
  /** What active checks say; undefined when nothing watches it. */
  healthy: boolean | undefined;
  /** Requests and tunnels under way. */
  running = 0;
  readonly #ejection: Ejection | undefined;
  readonly #now: () => number;

  constructor({ label, sender, prefix, ejection, now }: TargetSettings) {
    this.label = label;
    this.sender = sender;
    this.prefix = prefix;
    this.#ejection = ejection;
    this.#now = now;
  }

  get isOut(): boolean {
    return this.#ejection?.isOut(this.#now()) ?? false;
  }

  /** Every request that was given this target says once how it ended. */
  settle(outcome: TargetOutcome): void {
    this.running--;
    if (this.#ejection === undefined || outcome === 'unknown') return;
    if (outcome === 'answered') this.#ejection.succeeded();
    else this.#ejection.failed(this.#now());
  }
}
