import type { AdminSources } from '../admin/app.ts';
import { mergeReports } from '../admin/report.ts';
import { describeStatus } from '../admin/status.ts';
import type { Clock } from '../core/time/clock.ts';
import { renderMetrics } from '../telemetry/exposition.ts';
import type { ServingProcesses } from './cluster/serving-processes.ts';
import type { Reloader } from './lifecycle/reload.ts';
import { describeControl } from './reports/gateway-metrics.ts';
import { describeRoutes, waysOfAsking } from './reports/gateway-report.ts';

export interface AdminSourcesOptions {
  readonly processes: ServingProcesses;
  readonly reloader: Reloader;
  readonly isReady: () => boolean;
  readonly isDraining: () => boolean;
  readonly path: string;
  readonly startedAtMs: number;
  readonly clock: Clock;
}

/** Gathers what the admin listener shows from the processes that serve and from the control around them. */
export function createAdminSources(options: AdminSourcesOptions): AdminSources {
  const { processes, reloader, isReady, isDraining, path, startedAtMs, clock } = options;
  return {
    isReady,
    issuers: () => processes.issuers(),
    async status() {
      const facts = {
        file: path,
        startedAtMs,
        ready: isReady(),
        draining: isDraining(),
        workers: processes.size(),
        routes: describeRoutes(processes.current()),
        ways: waysOfAsking(processes.current()),
        reloads: reloader.reports(),
      };
      const report = mergeReports(await processes.reports());
      const unresponsiveWorkers = processes.unresponsive();
      return describeStatus({ facts: { ...facts, unresponsiveWorkers }, report, nowMs: clock() });
    },
    decisions: async () => mergeReports(await processes.reports()).decisions,
    async metrics() {
      const [first = [], ...others] = await processes.metrics();
      const control = describeControl({
        ready: isReady(),
        reloads: reloader.counts(),
        current: reloader.isCurrent(),
        appliedAtMs: reloader.appliedAtMs(),
        workers: processes.size(),
        unresponsiveWorkers: processes.unresponsive().length,
        workerRestarts: processes.restarts(),
      });
      return renderMetrics([[...control, ...first], ...others]);
    },
    async refreshKeys(issuer) {
      const known = processes.issuers().some(({ name }) => name === issuer);
      if (issuer !== undefined && !known) return undefined;
      await processes.refreshKeys(issuer);
      return processes.issuers().filter(({ name }) => issuer === undefined || name === issuer);
    },
    revocations: () => processes.revocations(),
    issuerNames: () => Object.keys(processes.current().config.issuers),
    nowMs: clock,
    token: () => processes.current().config.admin.token,
  };
}
