import cluster from 'node:cluster';
import { loadConfig } from '../config/load.ts';
import { formatProblem, isError, type Problem } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import { createGateway } from '../gateway/gateway.ts';
import type { ReadFile } from '../gateway/reload.ts';
import type { ValidFile } from '../gateway/valid-file.ts';
import { runWorker } from '../gateway/worker.ts';
import { openLogDestination } from '../telemetry/log-destination.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { forTerminal } from '../telemetry/terminal-log.ts';
import { type CommandInput, configFile } from './command.ts';
import type { CommandIo } from './io.ts';

const EXIT_OK = 0;
const EXIT_FAILED = 1;

/** `sealgate start`: serves until SIGTERM or SIGINT. Gives 0 after a clean drain, 1 when it could not start or had to cut. */
export async function runStart(input: CommandInput): Promise<number> {
  const { io } = input;
  const read = (): ReadFile => {
    const loaded = loadConfig({ file: configFile(input), env: io.env });
    return { loaded, config: loaded.config && override(loaded.config, input) };
  };
  const { loaded, config } = read();
  if (config === undefined) return refuseToStart(loaded.problems, io);

  const destination = openLogDestination({ isShared: cluster.isWorker || config.workers !== 1 });
  const log = createLogger(
    config.log.level,
    io.isTTY ? forTerminal(destination, { color: !io.env.NO_COLOR }) : destination,
  );
  if (cluster.isWorker) {
    dieOfWhatNobodyCaught(log);
    return (await runWorker({ file: { loaded, config }, read, log })) === 'clean' ? EXIT_OK : EXIT_FAILED;
  }
  const failures = await findFailures({ loaded, config });
  if (failures.length > 0) return refuseToStart(failures, io);
  const { gateway, problems } = await createGateway({ loaded, config, log, read, examine: findFailures });
  if (gateway === undefined) return refuseToStart(problems, io);

  const signal = firstSignal();
  process.on('SIGHUP', () => void gateway.reload('signal'));
  dieOfWhatNobodyCaught(log);
  try {
    await gateway.listen();
  } catch (error) {
    io.stderr.write(`sealgate: cannot listen: ${(error as Error).message}\n`);
    return EXIT_FAILED;
  }
  log.info({ signal: await signal }, 'asked to end');
  return (await gateway.drain()) === 'clean' ? EXIT_OK : EXIT_FAILED;
}

/** What the file's own tests find; most files have none, and pay nothing for them. */
async function findFailures({ loaded, config }: ValidFile): Promise<readonly Problem[]> {
  if (config.tests.length === 0) return [];
  const { findFailingTests } = await import('./failing-tests.ts');
  return findFailingTests({ ...loaded, config });
}

function refuseToStart(problems: readonly Problem[], io: CommandIo): number {
  for (const problem of problems) io.stderr.write(`${formatProblem(problem)}\n`);
  const errors = problems.filter(isError).length;
  io.stderr.write(
    `sealgate: not started: ${errors} ${errors === 1 ? 'error' : 'errors'} in the configuration\n`,
  );
  return EXIT_FAILED;
}

/** Resolves with the first signal that asks to end; a second one ends at once. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (asked) process.exit(EXIT_FAILED);
      asked = true;
      resolve(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

/**
 * An exception that nobody caught leaves the process in a state that nobody knows: it is logged, and the process ends, for
 * whoever started it to start it anew. Rejected promises that nobody caught arrive here, too.
 */
function dieOfWhatNobodyCaught(log: Logger): void {
  process.on('uncaughtException', (err, origin) => {
    log.fatal({ err, origin }, 'uncaught exception; the process ends');
    process.exit(EXIT_FAILED);
  });
}

/** Lays the options of the command line over the values of the file. */
function override(config: Config, { options }: CommandInput): Config {
  const text = (name: string): string | undefined => options[name] as string | undefined;
  const port = (name: string): number | undefined =>
    text(name) === undefined ? undefined : Number(text(name));
  return {
    ...config,
    listen: {
      ...config.listen,
      host: text('host') ?? config.listen.host,
      port: port('port') ?? config.listen.port,
    },
    admin: {
      ...config.admin,
      host: text('admin-host') ?? config.admin.host,
      port: port('admin-port') ?? config.admin.port,
    },
    log: {
      ...config.log,
      level: (text('log-level') as Config['log']['level'] | undefined) ?? config.log.level,
    },
  };
}
