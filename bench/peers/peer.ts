import type { IssuerFacts } from '../load/issuer.ts';
import type { Algorithm } from '../load/tokens.ts';
import type { PinnedProcess } from '../measure/pinned-process.ts';

/** What a peer is given to stand on. */
export interface Ground {
  /** An own empty folder for configuration and logs. */
  readonly folder: string;
  readonly upstreamPort: number;
  readonly issuer: IssuerFacts;
  /** The Node that runs the peers written for Node. */
  readonly node: string;
}

export interface RunningPeer extends PinnedProcess {
  readonly port: number;
}

export interface Peer {
  readonly name: string;
  /** The algorithms it is set up to check; none for a peer that lets everything through. */
  readonly algorithms: readonly Algorithm[];
  /** Names the program that this machine lacks, if it does. */
  missing?(): string | undefined;
  start(ground: Ground): Promise<RunningPeer>;
}
