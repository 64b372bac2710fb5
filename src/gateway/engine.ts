import type { FastifyInstance } from 'fastify';
import type { GatewayReport, IssuerReport } from '../admin/report.ts';
import type { PathProblem } from '../config/problem.ts';
import { createRefCount } from '../core/ref-count.ts';
import { refuse } from '../core/refusals.ts';
import type { Clock } from '../core/time/clock.ts';
import { type Scheduler, systemScheduler } from '../core/time/scheduler.ts';
import { createProviderPool } from '../oauth/provider-pool.ts';
import type { Upstream } from '../proxy/upstream/upstream.ts';
import { createTunnels } from '../proxy/websocket/tunnels.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metric } from '../telemetry/metric.ts';
import { findTracing } from '../telemetry/tracing.ts';
import { createProofPool, type ProofPoolOptions } from '../tokens/dpop/proof-pool.ts';
import { createCallGate } from '../tokens/endpoints/call-gate.ts';
import { createEndpointPool } from '../tokens/endpoints/endpoint-pool.ts';
import { createEventReceiver } from '../tokens/events/event-receiver.ts';
import { createExchangerPool } from '../tokens/exchange/exchanger-pool.ts';
import { createKeyStorePool, type KeyStorePoolOptions } from '../tokens/keys/key-store-pool.ts';
import type { ReplayStore } from '../tokens/replay/replay-store.ts';
import {
  createRevocations,
  type ProcessRevocations,
  type Revocations,
} from '../tokens/revocation/revocations.ts';
import { createDecisionListeners, type DecisionAddresses } from './decisions/decision-listeners.ts';
import { compileGeneration, type Generation, type GenerationSource, type SharedState } from './generation.ts';
import { openLimitStore } from './open-limit-store.ts';
import { describeGateway } from './reports/gateway-metrics.ts';
import { reportGateway, reportIssuers, toReadiness } from './reports/gateway-report.ts';
import { createObservation } from './reports/observation.ts';
import { createApp } from './server/app.ts';
import type { ClientConnection } from './server/client-connection.ts';
import { createClientConnections } from './server/client-connections.ts';
import { drainServer } from './server/drain-server.ts';
import { createListener, urlOf } from './server/listener.ts';
import { applyLimits } from './server/listener-limits.ts';
import { renewListenerTls } from './server/listener-tls.ts';
import { guardOverload } from './server/overload.ts';
import { createRevocationCut } from './serving/cut-revoked.ts';
import { createMessageMemory } from './serving/message-memory.ts';
import { createServing, type ServeContext } from './serving/serve.ts';
import { MOST_EVENTS, type ReceiveEvent } from './serving/serve-event.ts';
import { createTransactions } from './serving/transactions.ts';

/** The part of a gateway that serves requests: one per process that listens. */
export interface Engine {
  /** Opens the listeners and starts to fetch keys; rejects when a port is taken. */
  listen(): Promise<Addresses>;
  /** Compiles a configuration and serves by it from the next request on; changes nothing when it gives an error. */
  apply(source: GenerationSource): Promise<readonly PathProblem[]>;
  current(): Generation;
  report(): GatewayReport;
  issuers(): IssuerReport[];
  metrics(): Metric[];
  refreshKeys(issuer: string | undefined): Promise<void>;
  /** What this process remembers of the proofs for tokens with this `iss`; undefined where it remembers none. */
  proofMemory(iss: string): ReplayStore | undefined;
  /** Undefined where another process keeps them. */
  revocations(): Revocations | undefined;
  /** Receives a logout token or security event. */
  readonly receiveEvent: ReceiveEvent;
  /** From now on responses ask clients to close. */
  beginDrain(): void;
  /** Stops accepting, lets what runs finish, and breaks off what is left after `graceMs`. */
  end(graceMs: number): Promise<'clean' | 'cut'>;
}

/** Where the gateway listens. */
export interface Addresses extends Partial<DecisionAddresses> {
  readonly url: string;
}

export interface EngineOptions {
  readonly source: GenerationSource;
  readonly log: Logger;
  readonly clock: Clock;
  /** Default: the timers of Node. */
  readonly scheduler?: Scheduler | undefined;
  /** Where keys come from and who hears of them, other than by default. */
  readonly keys?: Pick<KeyStorePoolOptions, 'load' | 'onLoaded'>;
  /** Which of several processes this is; undefined if it is the only one. */
  readonly worker?: number | undefined;
  /** Where proofs are remembered, other than in this process. */
  readonly proofs?: Pick<ProofPoolOptions, 'remote'>;
  /** What another process knows of revocations. Default: this process keeps them itself. */
  readonly revocations?: ProcessRevocations | undefined;
  /** Receives logout tokens and security events for that process. */
  readonly receiveEvent?: ReceiveEvent | undefined;
}

/** After its connection has closed, a request has this long to report its end itself, with details. */
const LAST_EVENTS_MS = 1_000;
const SHUTTING_DOWN = refuse('shutting_down', 'shutdown.grace ended before the request did');

/** How long requests of a replaced configuration may hold on to what only it has: backends and issuers that left the file. */
const RETIREMENT_LIMIT_MS = 300_000;

/** Makes the engine of a valid configuration; gives problems instead when it does not compile. */
export async function createEngine({
  source,
  log,
  clock,
  scheduler = systemScheduler,
  keys,
  worker,
  proofs,
  revocations: known,
  receiveEvent: passOn,
}: EngineOptions): Promise<{ readonly engine?: Engine; readonly problems: readonly PathProblem[] }> {
  const endpoints = createEndpointPool({ log, scheduler });
  const owned = known === undefined ? createRevocations({ clock, scheduler, log }) : undefined;
  const revocations = known ?? (owned as Revocations);
  const shared: SharedState = {
    clock,
    keyStores: createKeyStorePool({ clock, log, ...keys }),
    providers: createProviderPool({ log }),
    endpoints,
    exchangers: createExchangerPool({ endpoints, clock }),
    isWorker: worker !== undefined,
    proofs: createProofPool({ clock, log, remote: proofs?.remote }),
    limitStore: await openLimitStore(source.config.rateLimitStore, { clock, log }),
    revocations,
    assertionKeys: worker === undefined ? 'rotate' : 'follow',
  };
  const first = await compileGeneration({ source, shared });
  if (first.generation === undefined) {
    await revocations.close();
    return { problems: first.problems };
  }

  let current = first.generation;
  current.proofs.activate();
  current.keyRotation?.start({ log });
  revocations.follow(current.revocation);
  owned?.events.follow(current.events.sources);
  const receiveEvent = passOn ?? receiveHere();
  let isDraining = false;
  let running: FastifyInstance | undefined;
  const observation = createObservation({
    log,
    clock,
    allowedShare: () => current.config.log.sampling.allowed,
    worker,
  });
  const upstreams = createRefCount<Upstream>((upstream) => void upstream.close());
  upstreams.take(current.upstreams.values());

  const transactions = createTransactions(observation);
  const cut = createRevocationCut({ transactions, revocations, scheduler });
  revocations.onChanges(cut.changed);
  const tunnels = createTunnels();
  const overload = guardOverload({ limitMs: () => current.config.listen.overload.eventLoopDelay });
  const serveContext: ServeContext = {
    current: () => current,
    isDraining: () => isDraining,
    overload,
    tunnels,
    transactions,
    messages: createMessageMemory(),
    eventCalls: createCallGate(MOST_EVENTS, 1 / 2),
    receiveEvent,
    scheduler,
    tracing: await findTracing(),
    log,
  };
  const connections = createClientConnections({
    idleMs: () => current.config.listen.limits.bodyIdle,
    stalled(connections) {
      for (const transaction of transactions)
        if (connections.has(transaction.connection)) transaction.stalled();
    },
    closed(connection) {
      // A request ends with its connection at the latest.
      if (connection.running > 0) setTimeout(endRunning, LAST_EVENTS_MS, connection).unref();
    },
  });
  const app = await createApp((pass) =>
    createListener(current.config.listen.limits, {
      connections,
      events: createServing(serveContext, pass),
      tls: current.tls,
    }),
  );

  const settings = current.config.decisions;
  const listeners =
    settings === undefined
      ? undefined
      : createDecisionListeners(serveContext, {
          connections,
          clock,
          issuers: () => reportIssuers(current).map(toReadiness),
          settings,
        });

  function endRunning(connection: ClientConnection): void {
    if (connection.running === 0) return;
    for (const transaction of transactions) if (transaction.connection === connection) transaction.end();
  }

  function receiveHere(): ReceiveEvent {
    const receiver = createEventReceiver({ revocations: owned as Revocations, clock, scheduler, log });
    return (request) => receiver.receive(request, current.events);
  }

  function watch({ upstreams }: Generation): void {
    for (const upstream of upstreams.values()) {
      upstream.watch(
        (change) => log[change.healthy ? 'info' : 'warn'](change, 'the health of a backend changed'),
        (failure) => log.debug(failure, 'a connection to a backend failed'),
      );
    }
  }

  function activate(next: Generation): void {
    const before = current;
    upstreams.take(next.upstreams.values());
    current = next;
    next.proofs.activate();
    revocations.follow(next.revocation);
    owned?.events.follow(next.events.sources);
    before.keyRotation?.close();
    next.keyRotation?.start({ log });
    if (running !== undefined) watch(next);
    observation.requests.retainRoutes(new Set(next.config.routes.map(({ name }) => name)));
    applyLimits(app.server, next.config.listen.limits);
    renewListenerTls(app.server, next.tls);
    listeners?.follow(next);
    before.inFlight.retire(RETIREMENT_LIMIT_MS, () => {
      before.close();
      upstreams.release(before.upstreams.values());
    });
  }

  const report = (): GatewayReport =>
    reportGateway({
      generation: current,
      observation,
      proofs: shared.proofs,
      revocations: owned?.report(),
      cut: cut.count(),
      connections: connections.size,
      nowMs: clock(),
    });

  const engine: Engine = {
    async listen() {
      const { host, port } = current.config.listen;
      void current.start();
      await revocations.opened();
      try {
        const asked = await listeners?.listen();
        await app.listen({ host, port });
        running = app;
        watch(current);
        return { url: urlOf(app.server, current.tls === undefined ? 'http' : 'https'), ...asked };
      } catch (error) {
        const closed = listeners?.close();
        // What has connected meanwhile would keep them open.
        for (const connection of connections) connection.destroy();
        await closed;
        current.close();
        current.keyRotation?.close();
        throw error;
      }
    },
    async apply(next) {
      const compiled = await compileGeneration({
        source: next,
        shared,
        previousUpstreams: current.upstreams,
      });
      if (compiled.generation === undefined) return compiled.problems;
      // The keys of a new issuer come before the first request that needs them; known ones are warm.
      await compiled.generation.start();
      activate(compiled.generation);
      return compiled.problems;
    },
    current: () => current,
    report,
    issuers: () => reportIssuers(current),
    metrics: () => [...observation.requests.metrics(), ...describeGateway(report(), current.config)],
    refreshKeys: (issuer) => current.verifier.refresh(issuer),
    proofMemory: (iss) => shared.proofs.memoryOf(iss),
    revocations: () => owned,
    receiveEvent,
    beginDrain() {
      isDraining = true;
    },
    async end(graceMs) {
      isDraining = true;
      tunnels.drain();
      const refuseRunning = (): void => {
        for (const transaction of transactions) transaction.refused(SHUTTING_DOWN);
      };
      const closeListeners = (): Promise<unknown> => Promise.all([running?.close(), listeners?.close()]);
      const outcome =
        running === undefined
          ? 'clean'
          : await drainServer(closeListeners, graceMs, { connections, running: transactions, refuseRunning });
      for (const transaction of transactions) transaction.end();
      overload.stop();
      current.close();
      current.keyRotation?.close();
      cut.stop();
      await revocations.close();
      await shared.limitStore.close();
      await Promise.all(upstreams.all().map((upstream) => upstream.destroy()));
      return outcome;
    },
  };
  return { engine, problems: first.problems };
}
