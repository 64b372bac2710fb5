import cluster, { type Worker } from 'node:cluster';
import type { GatewayReport } from '../../admin/report.ts';
import type { RevocationSources } from '../../admin/revocation-routes.ts';
import { isError } from '../../config/problem.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Metric } from '../../telemetry/metric.ts';
import type { EventReply, EventRequest } from '../../tokens/events/event-receiver.ts';
import type { AddResult, Revocations } from '../../tokens/revocation/revocations.ts';
import { type Addresses, createEngine } from '../engine.ts';
import type { Generation, GenerationSource } from '../generation.ts';
import { describeReplayMemory } from '../reports/gateway-metrics.ts';
import { describeRevocations } from '../reports/revocation-metrics.ts';
import { createKeyBroker } from './key-broker.ts';
import { serveReplayMemory } from './replay-memory.ts';
import { createRevocationFeed } from './revocation-feed.ts';
import { connectRpc, type Rpc } from './rpc.ts';
import type { CreatedProcesses, ServingProcesses } from './serving-processes.ts';
import type { PrimaryRequest, WorkerFile, WorkerRequest } from './worker-messages.ts';
import { workerProgram } from './worker-program.ts';
import { type Pulse, watchPulse } from './worker-pulse.ts';

export interface WorkerProcessesOptions {
  readonly source: GenerationSource;
  readonly size: number;
  readonly log: Logger;
  readonly clock: Clock;
}

interface WorkerProcess {
  readonly worker: Worker;
  readonly link: Rpc;
  readonly pulse: Pulse;
  /** Its last reply to each request about its state. */
  readonly known: Map<WorkerRequest['ask'], unknown>;
  readonly exited: Promise<unknown>;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 30_000;
/** A worker that ran for so long did not end because of how it was started. */
const LONG_LIFE_MS = 10_000;
/** What a worker may need beyond its grace before it is killed. */
const END_MARGIN_MS = 2_000;

/**
 * Serves in worker processes. Only the primary reads files: it compiles each configuration first and then sends it to the workers. It
 * fetches the keys for all and never listens for requests. A worker that ends is replaced, after a pause that grows while they end soon.
 */
export async function createWorkerProcesses({
  source,
  size,
  log,
  clock,
}: WorkerProcessesOptions): Promise<CreatedProcesses> {
  const members = new Set<WorkerProcess>();
  const { engine, problems } = await createEngine({
    source,
    log,
    clock,
    keys: { onLoaded: (issuer) => notifyAll({ ask: 'keys', issuer }) },
  });
  if (engine === undefined) return { problems };
  const broker = createKeyBroker(engine, clock);
  const { receiveEvent } = engine;
  const revocations = engine.revocations() as Revocations;
  const feed = createRevocationFeed(revocations);
  let active = workerFile(engine.current(), source, size);
  let ending = false;
  let restarts = 0;
  let backoffMs = FIRST_BACKOFF_MS;

  function notifyAll(request: WorkerRequest): void {
    for (const { link } of members) link.ask(request).catch(() => undefined);
  }

  /** The reports of all workers; of one that does not respond, its last one. */
  async function gather<Reply>(ask: 'report' | 'metrics'): Promise<Reply[]> {
    const replies = await Promise.all(
      [...members].map(async (member) => {
        const reply = member.link.ask<Reply>({ ask });
        reply.then(
          (value) => member.known.set(ask, value),
          () => undefined,
        );
        await member.pulse.unlessSilent(reply).catch(() => undefined);
        return members.has(member) ? (member.known.get(ask) as Reply | undefined) : undefined;
      }),
    );
    return replies.filter((reply) => reply !== undefined);
  }

  /** Starts a worker; resolves with its addresses once it listens. */
  function start(): Promise<Addresses> {
    const worker = cluster.fork();
    const startedAtMs = clock();
    let resolve: (addresses: Addresses) => void = () => {};
    let reject: (error: Error) => void = () => {};
    const listening = new Promise<Addresses>((...settle) => {
      [resolve, reject] = settle;
    });
    const link = connectRpc(
      {
        send: (message) => {
          if (worker.isConnected()) worker.send(message as never);
        },
        onMessage: (listener) => worker.on('message', listener),
      },
      async (message) => {
        const request = message as PrimaryRequest;
        switch (request.ask) {
          case 'file':
            sent = active;
            return sent;
          case 'keysOf':
            return broker.keysOf(request);
          case 'useProof':
          case 'nonceSecret':
            return serveReplayMemory((iss) => engine?.proofMemory(iss), request);
          case 'revocationsFrom':
            return feed.page(link, request.page);
          case 'receiveEvent':
            return receiveForWorker(request.request);
          case 'failed':
            return reject(
              Object.assign(new Error(request.error), { code: request.code, port: request.port }),
            );
          case 'listening':
            member = { worker, link, pulse: watch(worker, link), known: new Map(), exited };
            members.add(member);
            // A reload while it started did not reach it.
            if (sent !== active) void apply(member);
            return resolve(request.addresses);
        }
      },
    );
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    let member: WorkerProcess | undefined;
    let sent: WorkerFile | undefined;
    worker.on('error', (error) => log.error({ err: error }, 'a worker cannot be reached'));
    worker.once('exit', (exitCode: number | null, signal: string | null) => {
      // Its last messages may still be on their way.
      if (worker.isConnected()) worker.once('disconnect', () => link.close());
      else link.close();
      member?.pulse.stop();
      feed.leave(link);
      reject(new Error('the worker ended before it listened'));
      if (member === undefined || !members.delete(member) || ending) return;
      restarts += 1;
      backoffMs =
        clock() - startedAtMs >= LONG_LIFE_MS
          ? FIRST_BACKOFF_MS
          : Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
      log.error({ ...nameOf(worker), exitCode, signal, backoffMs }, 'a worker ended; it is replaced');
      replaceLater();
    });
    return listening;
  }

  function watch(worker: Worker, link: Rpc): Pulse {
    const name = nameOf(worker);
    return watchPulse(() => link.ask({ ask: 'alive' }), {
      silent: () => log.warn(name, 'a worker does not respond'),
      responsive: () => log.info(name, 'a worker responds again'),
      hung() {
        log.error(name, 'a worker has not responded for 30 s; it is killed');
        worker.process.kill('SIGKILL');
      },
    });
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

  /** A worker that does not respond applies the file when it goes on, or is replaced. */
  async function apply(member: WorkerProcess): Promise<void> {
    const { worker, link, pulse } = member;
    const applied = link
      .ask<readonly string[]>({ ask: 'apply', file: active } satisfies WorkerRequest)
      .catch((error: Error) => (members.has(member) ? [error.message] : []))
      .then((errors) => {
        if (errors.length === 0) return;
        log.error({ ...nameOf(worker), errors }, 'a worker refused the configuration; it is replaced');
        worker.kill();
      });
    await pulse
      .unlessSilent(applied)
      .catch(() => log.warn(nameOf(worker), 'a worker has not confirmed the configuration'));
  }

  async function endMember(
    { worker, link, exited }: WorkerProcess,
    graceMs: number,
  ): Promise<'clean' | 'cut'> {
    const outcome = link.ask<'clean' | 'cut'>({ ask: 'end', graceMs }).catch(() => 'cut' as const);
    const kill = setTimeout(() => worker.process.kill('SIGKILL'), graceMs + END_MARGIN_MS);
    await exited;
    clearTimeout(kill);
    return outcome;
  }

  /** What is confirmed counts in the workers, too. */
  async function onceDelivered(result: Promise<AddResult>): Promise<AddResult> {
    await feed.delivered();
    return result;
  }

  async function receiveForWorker(request: EventRequest): Promise<EventReply> {
    const reply = await receiveEvent(request);
    if (reply.outcome === 'accepted') await feed.delivered();
    return reply;
  }

  const confirmedRevocations: RevocationSources = {
    add: (entries, from) => onceDelivered(revocations.add(entries, from)),
    takeBack: (targets) => onceDelivered(revocations.takeBack(targets)),
    report: () => revocations.report(),
  };

  const processes: ServingProcesses = {
    async listen() {
      cluster.setupPrimary({ serialization: 'advanced', ...workerProgram() });
      void engine.current().verifier.start();
      engine.current().events.start();
      // Workers are fed from it.
      await revocations.opened();
      const [addresses] = await Promise.all(Array.from({ length: size }, start));
      return addresses as Addresses;
    },
    async apply(next) {
      const found = await engine.apply(next);
      if (found.some(isError)) return found;
      active = workerFile(engine.current(), next, size);
      for (const member of [...members]) await apply(member);
      return found;
    },
    current: () => engine.current(),
    issuers: () => engine.issuers(),
    reports: async () => withPrimary(await gather<GatewayReport>('report'), engine.report()),
    metrics: async () => [...(await gather<readonly Metric[]>('metrics')), describePrimary(engine.report())],
    async refreshKeys(issuer) {
      await Promise.all([engine.refreshKeys(issuer), engine.current().events.refresh(issuer)]);
    },
    revocations: () => confirmedRevocations,
    beginDrain: () => notifyAll({ ask: 'drain' }),
    async end(graceMs) {
      ending = true;
      feed.stop();
      const outcomes = await Promise.all([...members].map((member) => endMember(member, graceMs)));
      await engine.end(0);
      return outcomes.includes('cut') ? 'cut' : 'clean';
    },
    size: () => size,
    unresponsive: () =>
      [...members].filter(({ pulse }) => !pulse.isResponsive).map(({ worker }) => worker.id),
    restarts: () => restarts,
  };
  return { processes, problems };
}

/** The primary remembers proofs and keeps revocations; the workers count what they use of them. */
function withPrimary(
  [first, ...rest]: readonly GatewayReport[],
  { proofs, revocations: { kept, isUsed } }: GatewayReport,
): readonly GatewayReport[] {
  if (first === undefined) return [];
  const memoryOf = new Map(proofs.map(({ issuer, memory }) => [issuer, memory]));
  const own = first.proofs.map((report) => ({ ...report, memory: memoryOf.get(report.issuer) ?? null }));
  const revocations = { ...first.revocations, kept, isUsed: first.revocations.isUsed || isUsed };
  return [{ ...first, proofs: own, revocations }, ...rest];
}

function describePrimary({ proofs, revocations }: GatewayReport): Metric[] {
  return [...describeReplayMemory(proofs), ...describeRevocations(revocations)];
}

/** The tests have been run; connections are distributed in turn, so each worker gets its share of the limit. */
function workerFile({ config, contents }: Generation, source: GenerationSource, size: number): WorkerFile {
  const { limits } = config.listen;
  const connections = Math.ceil(limits.connections / size);
  const listen = { ...config.listen, limits: { ...limits, connections } };
  return { config: { ...config, tests: [], listen }, folder: source.resolvePath('.'), contents };
}

/** How log lines name a worker: its number, which no other worker of this gateway ever has, and its process id. */
function nameOf({ id, process }: Worker): { readonly worker: number; readonly pid: number | undefined } {
  return { worker: id, pid: process.pid };
}
