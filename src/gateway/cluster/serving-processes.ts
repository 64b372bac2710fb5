import type { GatewayReport, IssuerReport } from '../../admin/report.ts';
import type { RevocationSources } from '../../admin/revocation-routes.ts';
import type { PathProblem } from '../../config/problem.ts';
import { collectProcessMetrics } from '../../telemetry/exposition.ts';
import type { Metric } from '../../telemetry/metric.ts';
import type { Revocations } from '../../tokens/revocation/revocations.ts';
import { type Addresses, createEngine, type EngineOptions } from '../engine.ts';
import type { Generation, GenerationSource } from '../generation.ts';

/** What serves requests, as the control of a gateway sees it: this process, or workers. */
export interface ServingProcesses {
  /** Opens the listeners; gives their addresses. */
  listen(): Promise<Addresses>;
  apply(source: GenerationSource): Promise<readonly PathProblem[]>;
  /** The active configuration. */
  current(): Generation;
  issuers(): readonly IssuerReport[];
  reports(): Promise<readonly GatewayReport[]>;
  /** One list for each process. */
  metrics(): Promise<readonly (readonly Metric[])[]>;
  refreshKeys(issuer: string | undefined): Promise<void>;
  /** Those of the process that keeps them for all. */
  revocations(): RevocationSources;
  beginDrain(): void;
  end(graceMs: number): Promise<'clean' | 'cut'>;
  size(): number;
  /** Numbers of the workers that do not respond; their last reports are shown. */
  unresponsive(): readonly number[];
  /** Processes that ended and were replaced. */
  restarts(): number;
}

/** What serves a valid configuration, or the problems that keep it from being served. */
export interface CreatedProcesses {
  readonly processes?: ServingProcesses;
  readonly problems: readonly PathProblem[];
}

/** Serves in this process. */
export async function createLocalProcess(
  options: Pick<EngineOptions, 'source' | 'log' | 'clock'>,
): Promise<CreatedProcesses> {
  const { engine, problems } = await createEngine(options);
  if (engine === undefined) return { problems };
  const processes: ServingProcesses = {
    listen: () => engine.listen(),
    apply: (source) => engine.apply(source),
    current: () => engine.current(),
    issuers: () => engine.issuers(),
    reports: async () => [engine.report()],
    metrics: async () => [[...engine.metrics(), ...(await collectProcessMetrics())]],
    async refreshKeys(issuer) {
      await Promise.all([engine.refreshKeys(issuer), engine.current().events.refresh(issuer)]);
    },
    revocations: () => engine.revocations() as Revocations,
    beginDrain: () => engine.beginDrain(),
    end: (graceMs) => engine.end(graceMs),
    size: () => 1,
    unresponsive: () => [],
    restarts: () => 0,
  };
  return { processes, problems };
}
