import cluster from 'node:cluster';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isError } from '../../config/problem.ts';
import { takeFailedReads } from '../../config/source/read-file.ts';
import { systemClock } from '../../core/time/clock.ts';
import { collectProcessMetrics } from '../../telemetry/exposition.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { CompiledIssuer } from '../../tokens/compiled-issuer.ts';
import { type LoadedKeys, restoreKeys } from '../../tokens/keys/key-generation.ts';
import type { RevocationReplica } from '../../tokens/revocation/revocation-replica.ts';
import { createEngine, type Engine } from '../engine.ts';
import type { GenerationSource } from '../generation.ts';
import { receiveByPrimary } from './receive-by-primary.ts';
import { replayMemoryOfPrimary } from './replay-memory.ts';
import { followRevocations } from './revocation-feed.ts';
import { connectRpc } from './rpc.ts';
import type {
  KeyReply,
  PrimaryRequest,
  RevocationNews,
  WorkerFile,
  WorkerRequest,
} from './worker-messages.ts';

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 2_000;

/** Serves as one of several processes, under control of the primary, and gives how it ended. Signals are left to the primary. */
export async function runWorker(log: Logger): Promise<'clean' | 'cut'> {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
  let end: (outcome: 'clean' | 'cut') => void = () => {};
  const ended = new Promise<'clean' | 'cut'>((settle) => {
    end = settle;
  });
  const supplied = new Set<string>();
  let engine: Engine | undefined;
  let revocations: RevocationReplica | undefined;
  let applied: Promise<unknown> = Promise.resolve();

  const primary = connectRpc(
    {
      send: (message) => process.send?.(message),
      onMessage: (listener) => process.on('message', listener),
    },
    async (request) => {
      const asked = request as WorkerRequest;
      if (isRevocationNews(asked)) return followRevocationNews(asked);
      if (engine === undefined) throw new Error('the worker is not ready');
      return reply(engine, asked);
    },
  );
  const notify = (request: PrimaryRequest): Promise<unknown> => primary.ask(request);

  function followRevocationNews(news: RevocationNews): void {
    if (news.ask === 'revocations') revocations?.apply(news.changes);
    else revocations?.heard(news.silentMs);
  }

  async function reply(running: Engine, request: Exclude<WorkerRequest, RevocationNews>): Promise<unknown> {
    switch (request.ask) {
      case 'apply': {
        // In the order in which they were sent: the last one stays active.
        const next = applied.then(() => apply(running, request.file));
        applied = next;
        return next;
      }
      case 'alive':
        return true;
      case 'report':
        return running.report();
      case 'metrics':
        return [...running.metrics(), ...(await collectProcessMetrics())];
      case 'keys':
        return running.refreshKeys(request.issuer);
      case 'drain':
        return running.beginDrain();
      case 'end': {
        const outcome = await running.end(request.graceMs);
        setImmediate(end, outcome);
        return outcome;
      }
    }
  }

  /** Retries while descriptors are short: a worker that refuses is replaced and loses the connections that take them. */
  async function apply(running: Engine, file: WorkerFile): Promise<readonly string[]> {
    for (let pauseMs = FIRST_RETRY_MS; ; pauseMs *= 2) {
      takeFailedReads();
      const errors = (await running.apply(sourceOf(file))).filter(isError);
      if (errors.length > 0 && takeFailedReads().isTransient && pauseMs <= LONGEST_RETRY_MS) {
        await delay(pauseMs);
        continue;
      }
      log.level = file.config.log.level;
      return errors.map(({ message }) => message);
    }
  }

  async function load(issuer: CompiledIssuer): Promise<LoadedKeys> {
    const replied = (await notify({
      ask: 'keysOf',
      issuer: issuer.name,
      hasNone: !supplied.has(issuer.name),
    })) as KeyReply;
    if ('error' in replied) throw new Error(replied.error);
    const keys = await restoreKeys(replied.record, issuer, systemClock);
    if (typeof keys === 'string') throw new Error(keys);
    supplied.add(issuer.name);
    return keys;
  }

  // Without the primary nobody would ever end this process.
  process.once('disconnect', () => {
    primary.close();
    void (engine?.end(0) ?? Promise.resolve('cut' as const)).then(end);
  });
  try {
    const file = await primary.ask<WorkerFile>({ ask: 'file' } satisfies PrimaryRequest);
    log.level = file.config.log.level;
    revocations = followRevocations(systemClock, (request) => primary.ask(request));
    const made = await createEngine({
      source: sourceOf(file),
      log,
      clock: systemClock,
      keys: { load },
      proofs: { remote: (iss) => replayMemoryOfPrimary(iss, (request) => primary.ask(request)) },
      worker: cluster.worker?.id,
      revocations,
      receiveEvent: (request) => receiveByPrimary((asked) => primary.ask(asked), request),
    });
    engine = made.engine;
    if (engine === undefined) throw new Error(made.problems.map(({ message }) => message).join('; '));
    const addresses = await engine.listen();
    await notify({ ask: 'listening', addresses });
  } catch (error) {
    // Nobody is left to be notified when the primary has ended.
    const { message, code, port } = error as NodeJS.ErrnoException & { readonly port?: number };
    await notify({ ask: 'failed', error: message, code, port }).catch(() => undefined);
    return 'cut';
  }
  const outcome = await ended;
  process.disconnect?.();
  return outcome;
}

function isRevocationNews(request: WorkerRequest): request is RevocationNews {
  return request.ask === 'revocations' || request.ask === 'revocationsComplete';
}

function sourceOf({ config, folder, contents }: WorkerFile): GenerationSource {
  return {
    config,
    resolvePath: (path) => resolve(folder, path),
    readFile(path) {
      const content = contents.get(path);
      if (content === undefined) throw Object.assign(new Error('it was not sent'), { code: 'ENOENT' });
      return content;
    },
  };
}
