import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createAdmin } from '../admin/app.ts';
import { createReadiness } from '../admin/readiness.ts';
import type { ReloadReport } from '../admin/status.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Problem } from '../config/problem.ts';
import type { Config } from '../config/schema/config.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createAdminSources } from './admin-sources.ts';
import { countWorkers, createLocalProcess, type ServingProcesses } from './cluster/serving-processes.ts';
import { createWorkerProcesses } from './cluster/worker-processes.ts';
import type { ValidFile } from './generation.ts';
import { createReloader, type ReadFile } from './lifecycle/reload.ts';
import { watchFiles } from './lifecycle/watch-files.ts';
import { urlOf } from './server/listener.ts';
import { createEngine } from './serving/engine.ts';

export interface GatewayOptions extends ValidFile {
  readonly log: Logger;
  readonly clock?: Clock;
  /** Reads the file again, as `loaded` and `config` were read. Without it the gateway never reloads. */
  readonly read?: () => ReadFile;
  /** Validates a file that was read again and is valid in itself; an error keeps it out of force. */
  readonly examine?: (file: ValidFile) => Promise<readonly Problem[]>;
}

export interface Gateway {
  /** Opens both listeners and starts to fetch keys; a dead issuer does not hold it up. Rejects when a port is taken. */
  listen(): Promise<{ readonly url: string; readonly adminUrl: string }>;
  /** Puts the file as it is now active, or says why not. */
  reload(trigger: ReloadReport['trigger']): Promise<ReloadReport>;
  /**
   * Ends: not ready, still accepting for `shutdown.delay`, then no new connections, and `shutdown.grace` for what runs.
   * `cut` says that something had to be broken off. Further calls give the first one's answer.
   */
  drain(): Promise<'clean' | 'cut'>;
}

/** Composes a gateway from a valid file. Gives problems instead when it does not compile. */
export async function createGateway({
  loaded,
  config,
  log,
  clock = systemClock,
  read,
  examine = findNothing,
}: GatewayOptions): Promise<{ readonly gateway?: Gateway; readonly problems: readonly Problem[] }> {
  const file = { loaded, config };
  const size = countWorkers(config);
  const control = { path: resolve(loaded.file), digests: loaded.digests, log, clock, read, examine };
  if (size > 1) {
    const { processes, problems } = await createWorkerProcesses({ file, size, log, clock });
    return processes === undefined
      ? { problems }
      : { gateway: controlProcesses({ processes, ...control }), problems };
  }
  const { engine, problems } = await createEngine({ file, log, clock });
  if (engine === undefined) return { problems };
  return { gateway: controlProcesses({ processes: createLocalProcess(engine), ...control }), problems };
}

interface ControlOptions {
  readonly processes: ServingProcesses;
  /** Absolute path of the configuration file. */
  readonly path: string;
  /** What the files held that the configuration active was read from. */
  readonly digests: LoadedConfig['digests'];
  readonly log: Logger;
  readonly clock: Clock;
  readonly read: (() => ReadFile) | undefined;
  readonly examine: (file: ValidFile) => Promise<readonly Problem[]>;
}

/** Puts the controls around what serves requests: admin listener, readiness, reload and drain. */
function controlProcesses({ processes, path, digests, log, clock, read, examine }: ControlOptions): Gateway {
  const startedAtMs = clock();
  const readiness = createReadiness({ ...processes.current().config.readiness, clock });
  const isReady = (): boolean =>
    readiness.isReady(processes.issuers().map(({ name, keys }) => ({ name, hasKeys: keys > 0 })));
  let draining: Promise<'clean' | 'cut'> | undefined;

  const watching =
    read === undefined ? undefined : watchFiles({ onChange: () => void reloader.reload('file') });
  const follow = (files: readonly string[]): void => watching?.follow(files);
  const reloader = createReloader({
    path,
    read: read ?? refuseToRead,
    activeConfig: () => processes.current().config,
    activeFiles: () => processes.current().files,
    examine,
    apply: async (file) => {
      const problems = await processes.apply(file);
      if (processes.current().config === file.config) adopt(file.config);
      return problems;
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

  function adopt(config: Config): void {
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
        const url = await processes.listen();
        if (read !== undefined) void reloader.begin(digests);
        const addresses = { url, adminUrl: urlOf(admin.server) };
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

const findNothing = async (): Promise<readonly Problem[]> => [];

function refuseToRead(): never {
  throw new Error('this gateway was not made from a file that can be read again');
}
