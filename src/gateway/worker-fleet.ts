import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import type { GatewayReport } from '../admin/report.ts';
import { isError, type Problem } from '../config/problem.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metric } from '../telemetry/metric.ts';
import { type Correspondence, correspond } from './correspond.ts';
import { createEngine } from './engine.ts';
import type { Fleet } from './fleet.ts';
import { createKeyDesk } from './key-desk.ts';
import type { ValidFile } from './valid-file.ts';
import type { PrimaryQuestion, WorkerQuestion } from './worker-messages.ts';

export interface WorkerFleetOptions {
  readonly file: ValidFile;
  readonly size: number;
  readonly log: Logger;
  readonly clock: Clock;
}

interface Member {
  readonly worker: Worker;
  readonly link: Correspondence;
  readonly exited: Promise<unknown>;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 30_000;
/** A worker that lived so long did not end because of how it was started. */
const LONG_LIFE_MS = 10_000;
/** What a worker may need beyond its grace before it is killed. */
const END_MARGIN_MS = 2_000;

/**
 * Serves in worker processes. The primary compiles every file as well, to check it before the workers see it, and fetches the keys
 * for all; it never listens for requests itself. A worker that ends is replaced, after a pause that grows while they end soon.
 */
export async function createWorkerFleet({ file, size, log, clock }: WorkerFleetOptions): Promise<{
  readonly fleet?: Fleet;
  readonly problems: readonly Problem[];
}> {
  const members = new Set<Member>();
  const { engine, problems } = await createEngine({
    file,
    log,
    clock,
    keys: { onLoaded: (issuer) => void askAll({ ask: 'keys', issuer }) },
  });
  if (engine === undefined) return { problems };
  const desk = createKeyDesk(engine, clock);
  let ending = false;
  let restarts = 0;
  let backoffMs = FIRST_BACKOFF_MS;

  /** Answers of those that give one; a worker that ends meanwhile is left out. */
  async function askAll<Answer>(question: WorkerQuestion): Promise<Answer[]> {
    const answers = await Promise.allSettled([...members].map(({ link }) => link.ask<Answer>(question)));
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  /** Starts a worker; resolves with its URL once it listens. */
  function start(): Promise<string> {
    const worker = cluster.fork();
    const startedAtMs = clock();
    let resolve: (url: string) => void = () => {};
    let reject: (error: Error) => void = () => {};
    const listening = new Promise<string>((...settle) => {
      [resolve, reject] = settle;
    });
    const link = correspond(
      {
        send: (message) => worker.send(message as never),
        onMessage: (listener) => worker.on('message', listener),
      },
      async (message) => {
        const question = message as PrimaryQuestion;
        if (question.ask === 'keysOf') return desk.keysOf(question);
        if (question.ask === 'failed') return reject(new Error(question.error));
        members.add(member);
        resolve(question.url);
      },
    );
    const member: Member = { worker, link, exited: once(worker, 'exit') };
    worker.on('error', (error) => log.error({ err: error }, 'a worker cannot be reached'));
    worker.once('exit', (exitCode: number | null, signal: string | null) => {
      link.close();
      reject(new Error('the worker ended before it listened'));
      if (!members.delete(member) || ending) return;
      restarts += 1;
      backoffMs =
        clock() - startedAtMs >= LONG_LIFE_MS
          ? FIRST_BACKOFF_MS
          : Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
      log.error({ pid: worker.process.pid, exitCode, signal, backoffMs }, 'a worker ended; it is replaced');
      replaceLater();
    });
    return listening;
  }

  function replaceLater(): void {
    setTimeout(() => {
      if (ending) return;
      start().catch((error: Error) => {
        if (ending) return;
        backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
        log.error({ reason: error.message, backoffMs }, 'a worker could not be replaced');
        replaceLater();
      });
    }, backoffMs);
  }

  async function endMember({ worker, link, exited }: Member, graceMs: number): Promise<'clean' | 'cut'> {
    const outcome = link.ask<'clean' | 'cut'>({ ask: 'end', graceMs }).catch(() => 'cut' as const);
    const kill = setTimeout(() => worker.process.kill('SIGKILL'), graceMs + END_MARGIN_MS);
    await exited;
    clearTimeout(kill);
    return outcome;
  }

  const fleet: Fleet = {
    async listen() {
      cluster.setupPrimary({ serialization: 'advanced' });
      void engine.current().verifier.start();
      const [url] = await Promise.all(Array.from({ length: size }, start));
      return url as string;
    },
    async apply(next) {
      const found = await engine.apply(next);
      if (found.some(isError)) return found;
      for (const member of [...members]) {
        const errors = await member.link.ask<readonly string[]>({ ask: 'reload' }).catch(() => []);
        if (errors.length === 0) continue;
        // It saw another file than we did. A new worker reads what is there now.
        log.error({ errors }, 'a worker refused the configuration; it is replaced');
        member.worker.kill();
      }
      return found;
    },
    current: () => engine.current(),
    issuers: () => engine.issuers(),
    reports: () => askAll<GatewayReport>({ ask: 'report' }),
    metrics: () => askAll<readonly Metric[]>({ ask: 'metrics' }),
    refreshKeys: (issuer) => engine.refreshKeys(issuer),
    beginDrain: () => void askAll({ ask: 'drain' }),
    async end(graceMs) {
      ending = true;
      const outcomes = await Promise.all([...members].map((member) => endMember(member, graceMs)));
      await engine.end(0);
      return outcomes.includes('cut') ? 'cut' : 'clean';
    },
    size: () => size,
    restarts: () => restarts,
  };
  return { fleet, problems };
}
