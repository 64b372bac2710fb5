import type { AdminSources } from '../admin/app.ts';
import { mergeReports } from '../admin/report.ts';
import { describeStatus } from '../admin/status.ts';
import type { Clock } from '../core/clock.ts';
import { renderMetrics } from '../telemetry/exposition.ts';
import type { Fleet } from './fleet.ts';
import { describeControl } from './gateway-metrics.ts';
import { describeRoutes } from './gateway-report.ts';
import type { Reloader } from './reload.ts';

export interface AdminSourcesOptions {
  readonly fleet: Fleet;
  readonly reloader: Reloader;
  readonly isReady: () => boolean;
  readonly isDraining: () => boolean;
  readonly path: string;
  readonly startedAtMs: number;
  readonly clock: Clock;
}

/** Gathers what the admin listener shows from the processes that serve and from the control around them. */
export function createAdminSources(options: AdminSourcesOptions): AdminSources {
  const { fleet, reloader, isReady, isDraining, path, startedAtMs, clock } = options;
  return {
    isReady,
    issuers: () => fleet.issuers(),
    async status() {
      const facts = {
        file: path,
        startedAtMs,
        ready: isReady(),
        draining: isDraining(),
        workers: fleet.size(),
        routes: describeRoutes(fleet.current()),
        reloads: reloader.reports(),
      };
      const report = mergeReports(await fleet.reports());
      const unresponsiveWorkers = fleet.unresponsive();
      return describeStatus({ facts: { ...facts, unresponsiveWorkers }, report, nowMs: clock() });
    },
    decisions: async () => mergeReports(await fleet.reports()).decisions,
    async metrics() {
      const [first = [], ...others] = await fleet.metrics();
      const control = describeControl({
        ready: isReady(),
        reloads: reloader.counts(),
        current: reloader.isCurrent(),
        appliedAtMs: reloader.appliedAtMs(),
        workers: fleet.size(),
        unresponsiveWorkers: fleet.unresponsive().length,
        workerRestarts: fleet.restarts(),
      });
      return renderMetrics([[...control, ...first], ...others]);
    },
    async refreshKeys(issuer) {
      const known = fleet.issuers().some(({ name }) => name === issuer);
      if (issuer !== undefined && !known) return undefined;
      await fleet.refreshKeys(issuer);
      return fleet.issuers().filter(({ name }) => issuer === undefined || name === issuer);
    },
    token: () => fleet.current().config.admin.token,
  };
}
