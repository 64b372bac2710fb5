import { parseArgs } from 'node:util';
import type { Case } from './measure/cases.ts';
import type { Peer } from './peers/peer.ts';

export interface Options {
  readonly node: string;
  readonly runs: number;
  readonly seconds: number;
  /** Distinct tokens per algorithm; more than any cache holds, so that none is found in a cache. */
  readonly poolSize: number;
  readonly wantsPeer: (peer: Peer) => boolean;
  readonly wantsCase: (one: Case) => boolean;
  /** The parts that follow the cases. */
  readonly wantsPart: (name: 'latency' | 'decisions' | 'revocations' | 'scale' | 'start') => boolean;
}

const USAGE = `npm run bench -- [options]
  --quick          one run of one second for each case and peer: a smoke test, not a measurement
  --runs N         runs; the median counts (default 5)
  --seconds N      length of a run (default 4)
  --peer TEXT      only peers whose name contains TEXT; repeatable
  --only TEXT      only cases and parts (latency, decisions, revocations, scale, start) whose name contains TEXT; repeatable
  --node PATH      the Node that runs the peers written for Node
`;

/** Reads the command line of the benchmark; an unknown option prints the usage and ends the process with 2. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parse(args);
  const quick = values.quick;
  return {
    node: values.node,
    runs: Number(values.runs ?? (quick ? 1 : 5)),
    seconds: Number(values.seconds ?? (quick ? 1 : 4)),
    poolSize: quick ? 10_000 : 60_000,
    wantsPeer: ({ name }) => matches(values.peer, name),
    wantsCase: ({ name }) => matches(values.only, name),
    wantsPart: (name) => matches(values.only, name),
  };
}

function matches(wanted: readonly string[], name: string): boolean {
  return wanted.length === 0 || wanted.some((text) => name.toLowerCase().includes(text.toLowerCase()));
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean', default: false },
        runs: { type: 'string' },
        seconds: { type: 'string' },
        peer: { type: 'string', multiple: true, default: [] },
        only: { type: 'string', multiple: true, default: [] },
        node: { type: 'string', default: process.execPath },
      },
    });
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}
