import type { IssuerFacts } from '../load/issuer.ts';
import type { Algorithm } from '../load/tokens.ts';
import type { PinnedProcess } from '../measure/pinned-process.ts';

/** The environment of a peer. */
export interface Ground {
  /** An empty folder for its configuration and logs. */
  readonly folder: string;
  readonly upstreamPort: number;
  readonly issuer: IssuerFacts;
  /** The Node that runs the peers written for Node. */
  readonly node: string;
}

export interface RunningPeer extends PinnedProcess {
  readonly port: number;
  /** The pid of a second process that is part of the peer. */
  readonly further?: number;
}

export interface Peer {
  readonly name: string;
  /** The algorithms it verifies; none for a peer that allows everything. */
  readonly algorithms: readonly Algorithm[];
  /** Set if it checks MCP messages; `only`: it takes part in those cases alone. */
  readonly mcp?: 'too' | 'only';
  /** The program that this machine lacks, if any. */
  missing?(): string | undefined;
  start(ground: Ground): Promise<RunningPeer>;
}
