import { availableParallelism } from 'node:os';
import type { GatewayReport, IssuerReport } from '../../admin/report.ts';
import type { Problem } from '../../config/problem.ts';
import type { Config } from '../../config/schema/config.ts';
import { collectProcessMetrics } from '../../telemetry/exposition.ts';
import type { Metric } from '../../telemetry/metric.ts';
import type { Generation, ValidFile } from '../generation.ts';
import type { Engine } from '../serving/engine.ts';

/** What serves requests, as the control of a gateway sees it: this very process, or workers. */
export interface ServingProcesses {
  /** Opens the listener; gives its URL. */
  listen(): Promise<string>;
  apply(file: ValidFile): Promise<readonly Problem[]>;
  /** The configuration active. */
  current(): Generation;
  issuers(): readonly IssuerReport[];
  reports(): Promise<readonly GatewayReport[]>;
  /** One list for each process. */
  metrics(): Promise<readonly (readonly Metric[])[]>;
  refreshKeys(issuer: string | undefined): Promise<void>;
  beginDrain(): void;
  end(graceMs: number): Promise<'clean' | 'cut'>;
  size(): number;
  /** Numbers of the workers that do not respond; what they last reported stands for them. */
  unresponsive(): readonly number[];
  /** Processes that ended and were replaced. */
  restarts(): number;
}

/** Serves in this process. */
export function createLocalProcess(engine: Engine): ServingProcesses {
  return {
    listen: () => engine.listen(),
    apply: (file) => engine.apply(file),
    current: () => engine.current(),
    issuers: () => engine.issuers(),
    reports: async () => [engine.report()],
    metrics: async () => [[...engine.metrics(), ...(await collectProcessMetrics())]],
    refreshKeys: (issuer) => engine.refreshKeys(issuer),
    beginDrain: () => engine.beginDrain(),
    end: (graceMs) => engine.end(graceMs),
    size: () => 1,
    unresponsive: () => [],
    restarts: () => 0,
  };
}

/** How many processes serve requests; `auto` is one per core that this process may use. */
export function countWorkers({ workers }: Config): number {
  return workers === 'auto' ? availableParallelism() : workers;
}
