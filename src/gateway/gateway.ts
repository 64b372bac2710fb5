import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createAdmin } from '../admin/app.ts';
import { createReadiness } from '../admin/readiness.ts';
import type { ReloadReport } from '../admin/status.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Problem } from '../config/problem.ts';
import { type Clock, systemClock } from '../core/time/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createAdminSources } from './admin-sources.ts';
import { createLocalProcess, type ServingProcesses } from './cluster/serving-processes.ts';
import { createWorkerProcesses } from './cluster/worker-processes.ts';
import { countWorkers } from './count-workers.ts';
import type { Addresses } from './engine.ts';
import type { GenerationSource } from './generation.ts';
import { createReloader, type ReadFile, type ValidFile } from './lifecycle/reload.ts';
import { watchFiles } from './lifecycle/watch-files.ts';
import { toReadiness } from './reports/gateway-report.ts';
import { urlOf } from './server/listener.ts';

export interface GatewayOptions extends ValidFile {
  readonly log: Logger;
  readonly clock?: Clock;
  /** Reads the file again, as `loaded` and `config` were read. Without it the gateway never reloads. */
  readonly read?: () => ReadFile;
}

export interface Gateway {
  /** Opens all listeners and starts to fetch keys; a dead issuer does not hold it up. Rejects when a port is taken. */
  listen(): Promise<Addresses & { readonly adminUrl: string }>;
  /** Makes the file as it is now active, or reports why not. */
  reload(trigger: ReloadReport['trigger']): Promise<ReloadReport>;
  /**
   * Ends: not ready, still accepting for `shutdown.delay`, then no new connections, and `shutdown.grace` for what runs.
   * `cut` means that something had to be broken off. Further calls give the same result.
   */
  drain(): Promise<'clean' | 'cut'>;
}

/** Composes a gateway from a valid file. Gives problems instead when it does not compile or fails its own tests. */
export async function createGateway({
  loaded,
  config,
  log,
  clock = systemClock,
  read,
}: GatewayOptions): Promise<{ readonly gateway?: Gateway; readonly problems: readonly Problem[] }> {
  const source = sourceOf({ loaded, config });
  const size = countWorkers(config);
  const { processes, problems } =
    size > 1
      ? await createWorkerProcesses({ source, size, log, clock })
      : await createLocalProcess({ source, log, clock });
  return {
    ...(processes && { gateway: controlProcesses({ processes, loaded, log, clock, read }) }),
    problems: loaded.report(problems),
  };
}

function sourceOf({ loaded, config }: ValidFile): GenerationSource {
  return { config, resolvePath: loaded.resolvePath };
}

interface ControlOptions {
  readonly processes: ServingProcesses;
  /** The file of the active configuration. */
  readonly loaded: LoadedConfig;
  readonly log: Logger;
  readonly clock: Clock;
  readonly read: (() => ReadFile) | undefined;
}

/** Adds the controls to what serves requests: admin listener, readiness, reload and drain. */
function controlProcesses({ processes, loaded, log, clock, read }: ControlOptions): Gateway {
  const path = resolve(loaded.file);
  let substituted = loaded.files;
  const startedAtMs = clock();
  const readiness = createReadiness({ ...processes.current().config.readiness, clock });
  // Who is ready has all its listeners open.
  let isListening = false;
  const isReady = (): boolean => isListening && readiness.isReady(processes.issuers().map(toReadiness));
  let draining: Promise<'clean' | 'cut'> | undefined;

  const watching =
    read === undefined ? undefined : watchFiles({ onChange: () => void reloader.reload('file') });
  const follow = (files: readonly string[]): void => watching?.follow(files);
  const reloader = createReloader({
    path,
    read: read ?? refuseToRead,
    activeConfig: () => processes.current().config,
    activeFiles: () => [...substituted, ...processes.current().files],
    apply: async (file) => {
      const problems = await processes.apply(sourceOf(file));
      if (processes.current().config === file.config) adopt(file);
      return file.loaded.report(problems);
    },
    onFiles: follow,
    log,
    clock,
  });
  const admin = createAdmin(
    createAdminSources({
      processes,
      reloader,
      isReady,
      isDraining: () => draining !== undefined,
      path,
      startedAtMs,
      clock,
    }),
  );

  function adopt({ loaded, config }: ValidFile): void {
    substituted = loaded.files;
    log.level = config.log.level;
    readiness.follow(config.readiness);
  }

  async function drain(): Promise<'clean' | 'cut'> {
    watching?.close();
    reloader.close();
    readiness.drain();
    processes.beginDrain();
    const { delay: delayMs, grace } = processes.current().config.shutdown;
    log.info({ delayMs, graceMs: grace }, 'draining');
    await delay(delayMs);
    const outcome = await processes.end(grace);
    await admin.close();
    log.info({ outcome }, 'ended');
    return outcome;
  }

  return {
    async listen() {
      const { host, port } = processes.current().config.admin;
      await admin.listen({ host, port });
      try {
        const opened = await processes.listen();
        isListening = true;
        if (read !== undefined) void reloader.begin(loaded.digests);
        const addresses = { ...opened, adminUrl: urlOf(admin.server) };
        log.info(addresses, 'listening');
        return addresses;
      } catch (error) {
        await admin.close();
        watching?.close();
        throw error;
      }
    },
    reload: (trigger) => reloader.reload(trigger),
    drain: () => {
      draining ??= drain();
      return draining;
    },
  };
}

function refuseToRead(): never {
  throw new Error('this gateway was not made from a file that can be read again');
}
