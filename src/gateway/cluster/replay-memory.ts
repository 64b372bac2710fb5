import { createRemoteReplayStore } from '../../tokens/replay/remote-replay-store.ts';
import type { ReplayOutcome, ReplayStore } from '../../tokens/replay/replay-store.ts';
import type { PrimaryRequest } from './worker-messages.ts';

type MemoryRequest = Extract<PrimaryRequest, { readonly ask: 'useProof' | 'nonceSecret' }>;

/** Replies to a worker from the memory of the primary: a proof is good once in all workers. */
export async function serveReplayMemory(
  memoryOf: (iss: string) => ReplayStore | undefined,
  request: MemoryRequest,
): Promise<ReplayOutcome | string> {
  const memory = memoryOf(request.iss);
  if (memory === undefined) throw new Error('no proofs are remembered for this issuer');
  if (request.ask === 'useProof') return memory.use(request.use);
  const secret = await memory.secretOf(request.epoch);
  if (secret === undefined) throw new Error('there is no secret');
  return secret.toString('base64url');
}

/** The memory of the primary, as a worker uses it. */
export function replayMemoryOfPrimary(
  iss: string,
  ask: <Reply>(request: MemoryRequest) => Promise<Reply>,
): ReplayStore {
  return createRemoteReplayStore({
    use: (use) => ask<ReplayOutcome>({ ask: 'useProof', iss, use }),
    secretOf: (epoch) => ask<string>({ ask: 'nonceSecret', iss, epoch }),
  });
}
