import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createAdmin } from '../admin/app.ts';
import { createReadiness } from '../admin/readiness.ts';
import type { ReloadReport } from '../admin/status.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Problem } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createAdminSources } from './admin-sources.ts';
import { countWorkers } from './count-workers.ts';
import { createEngine } from './engine.ts';
import { createLocalFleet, type Fleet } from './fleet.ts';
import { createReloader, type ReadFile } from './reload.ts';
import { urlOf } from './url-of.ts';
import type { ValidFile } from './valid-file.ts';
import { watchFiles } from './watch-files.ts';
import { createWorkerFleet } from './worker-fleet.ts';

export interface GatewayOptions extends ValidFile {
  readonly log: Logger;
  readonly clock?: Clock;
  /** Reads the file again, as `loaded` and `config` were read. Without it the gateway never reloads. */
  readonly read?: () => ReadFile;
  /** Judges a file that was read again and is valid in itself; an error keeps it out of force. */
  readonly examine?: (file: ValidFile) => Promise<readonly Problem[]>;
}

export interface Gateway {
  /** Opens both listeners and starts to fetch keys; a dead issuer does not hold it up. Rejects when a port is taken. */
  listen(): Promise<{ readonly url: string; readonly adminUrl: string }>;
  /** Puts the file as it is now in force, or says why not. */
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
    const { fleet, problems } = await createWorkerFleet({ file, size, log, clock });
    return fleet === undefined ? { problems } : { gateway: controlFleet({ fleet, ...control }), problems };
  }
  const { engine, problems } = await createEngine({ file, log, clock });
  if (engine === undefined) return { problems };
  return { gateway: controlFleet({ fleet: createLocalFleet(engine), ...control }), problems };
}

interface ControlOptions {
  readonly fleet: Fleet;
  /** Absolute path of the configuration file. */
  readonly path: string;
  /** What the files held that the configuration in force was read from. */
  readonly digests: LoadedConfig['digests'];
  readonly log: Logger;
  readonly clock: Clock;
  readonly read: (() => ReadFile) | undefined;
  readonly examine: (file: ValidFile) => Promise<readonly Problem[]>;
}

/** Puts the controls around what serves requests: admin listener, readiness, reload and drain. */
function controlFleet({ fleet, path, digests, log, clock, read, examine }: ControlOptions): Gateway {
  const startedAtMs = clock();
  const readiness = createReadiness({ ...fleet.current().config.readiness, clock });
  const isReady = (): boolean =>
    readiness.isReady(fleet.issuers().map(({ name, keys }) => ({ name, hasKeys: keys > 0 })));
  let draining: Promise<'clean' | 'cut'> | undefined;

  const watching =
    read === undefined ? undefined : watchFiles({ onChange: () => void reloader.reload('file') });
  const follow = (files: readonly string[]): void => watching?.follow(files);
  const reloader = createReloader({
    path,
    read: read ?? refuseToRead,
    inForce: () => fleet.current().config,
    filesInForce: () => fleet.current().files,
    examine,
    apply: async (file) => {
      const problems = await fleet.apply(file);
      if (fleet.current().config === file.config) adopt(file.config);
      return problems;
    },
    onFiles: follow,
    log,
    clock,
  });
  const admin = createAdmin(
    createAdminSources({
      fleet,
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
    fleet.beginDrain();
    const { delay: delayMs, grace } = fleet.current().config.shutdown;
    log.info({ delayMs, graceMs: grace }, 'draining');
    await delay(delayMs);
    const outcome = await fleet.end(grace);
    await admin.close();
    log.info({ outcome }, 'ended');
    return outcome;
  }

  return {
    async listen() {
      const { host, port } = fleet.current().config.admin;
      await admin.listen({ host, port });
      try {
        const url = await fleet.listen();
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
