import type { Test } from 'tap';

/** The programs behind and beside an asking proxy, by their ports on the loopback. */
export interface Neighbors {
  /** `decisions.port` of the gateway. */
  readonly decisions: number;
  readonly admin: number;
  readonly backend: number;
}

/** A real proxy that asks the gateway, started with its file of `config/examples/decisions`. */
export interface AskingProxy {
  readonly name: string;
  /** Undefined if the program is there; else what is missing. */
  readonly missing: string | undefined;
  /** Starts it with its file, in which only addresses are replaced, and waits until it listens. It ends with the test. Gives its port. */
  start(t: Test, neighbors: Neighbors): Promise<number>;
  /** Whether refusals reach the client with the body of the gateway's response, which has the code. */
  readonly relaysBody: boolean;
  /** Statuses that the client gets where the gateway cannot be reached or does not respond. */
  readonly unavailable: { readonly down: number; readonly slow: number };
}
