import cluster from 'node:cluster';
import { setTimeout as delay } from 'node:timers/promises';
import { isError, type Problem } from '../../config/problem.ts';
import { takeFailedReads } from '../../config/source/read-file.ts';
import { systemClock } from '../../core/clock.ts';
import { collectProcessMetrics } from '../../telemetry/exposition.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { CompiledIssuer } from '../../tokens/compiled-issuer.ts';
import { type LoadedKeys, restoreKeys } from '../../tokens/keys/key-generation.ts';
import type { ValidFile } from '../generation.ts';
import type { ReadFile } from '../lifecycle/reload.ts';
import { createEngine, type Engine } from '../serving/engine.ts';
import { connectRpc } from './rpc.ts';
import { countWorkers } from './serving-processes.ts';
import type { KeyReply, PrimaryRequest, WorkerRequest } from './worker-messages.ts';

export interface WorkerOptions {
  readonly file: ValidFile;
  readonly read: () => ReadFile;
  readonly log: Logger;
}

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 2_000;

/** Serves as one of several processes, as the primary says, and gives how it ended. Signals are the primary's business. */
export async function runWorker({ file, read, log }: WorkerOptions): Promise<'clean' | 'cut'> {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
  let end: (outcome: 'clean' | 'cut') => void = () => {};
  const ended = new Promise<'clean' | 'cut'>((resolve) => {
    end = resolve;
  });
  const supplied = new Set<string>();
  let engine: Engine | undefined;

  const primary = connectRpc(
    {
      send: (message) => process.send?.(message),
      onMessage: (listener) => process.on('message', listener),
    },
    async (request) => {
      if (engine === undefined) throw new Error('the worker is not ready');
      return reply(engine, request as WorkerRequest);
    },
  );
  const notify = (request: PrimaryRequest): Promise<unknown> => primary.ask(request);

  async function reply(running: Engine, request: WorkerRequest): Promise<unknown> {
    switch (request.ask) {
      case 'reload':
        return reload(running);
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

  /** A worker that refuses is replaced, with all its connections; and those are why it may be short of descriptors. */
  async function reload(running: Engine): Promise<readonly string[]> {
    for (let pauseMs = FIRST_RETRY_MS; ; pauseMs *= 2) {
      takeFailedReads();
      const { loaded, config } = read();
      const problems: readonly Problem[] =
        config === undefined ? loaded.problems : await running.apply(shareOf({ loaded, config }));
      const errors = problems.filter(isError);
      if (errors.length > 0 && takeFailedReads().isTransient && pauseMs <= LONGEST_RETRY_MS) {
        await delay(pauseMs);
        continue;
      }
      if (config !== undefined) log.level = config.log.level;
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

  const made = await createEngine({
    file: shareOf(file),
    log,
    clock: systemClock,
    keys: { load },
    worker: cluster.worker?.id,
  });
  engine = made.engine;
  // Without the primary nobody would ever end this process.
  process.once('disconnect', () => {
    primary.close();
    void (engine?.end(0) ?? Promise.resolve('cut' as const)).then(end);
  });
  try {
    if (engine === undefined) throw new Error(made.problems.map(({ message }) => message).join('; '));
    const url = await engine.listen();
    await notify({ ask: 'listening', url });
  } catch (error) {
    await notify({ ask: 'failed', error: (error as Error).message });
    return 'cut';
  }
  const outcome = await ended;
  process.disconnect?.();
  return outcome;
}

/** Connections are dealt out in turn, so each worker has its part of what the file allows. */
function shareOf({ loaded, config }: ValidFile): ValidFile {
  const { listen } = config;
  const connections = Math.ceil(listen.limits.connections / countWorkers(config));
  return { loaded, config: { ...config, listen: { ...listen, limits: { ...listen.limits, connections } } } };
}
