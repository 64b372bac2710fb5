import cluster from 'node:cluster';
import { loadConfig } from '../config/load.ts';
import { ownAddresses } from '../config/own-addresses.ts';
import { formatProblem, isError, type Problem } from '../config/problem.ts';
import type { Config } from '../config/schema/config.ts';
import { runWorker } from '../gateway/cluster/worker.ts';
import { createGateway } from '../gateway/gateway.ts';
import type { ReadFile } from '../gateway/lifecycle/reload.ts';
import { openLogDestination } from '../telemetry/log-destination.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { forTerminal } from '../telemetry/terminal-log.ts';
import type { CommandInput, OptionValues } from './command.ts';
import { withConfigFile } from './config-file.ts';
import type { CommandIo } from './io.ts';

const EXIT_OK = 0;
const EXIT_FAILED = 1;

/** `sealgate start`: serves until SIGTERM or SIGINT. Returns 0 after a clean drain, 1 when it could not start or had to cut connections. */
export async function runStart(input: CommandInput): Promise<number> {
  if (cluster.isWorker) return runStartedWorker(input.io);
  return withConfigFile(input, (file, io) => runGateway(file, input.options, io));
}

async function runGateway(file: string, options: OptionValues, io: CommandIo): Promise<number> {
  const read = (): ReadFile => {
    const loaded = loadConfig({ file, env: io.env });
    return { loaded, config: loaded.config && override(loaded.config, options) };
  };
  const { loaded, config } = read();
  if (config === undefined) return refuseToStart(loaded.problems, io);

  const log = openLog(io, { level: config.log.level, isShared: config.workers !== 1 });
  const { gateway, problems } = await createGateway({ loaded, config, log, read });
  if (gateway === undefined) return refuseToStart(problems, io);

  const signal = firstSignal();
  process.on('SIGHUP', () => void gateway.reload('signal'));
  exitOnUncaughtException(log);
  try {
    await gateway.listen();
  } catch (error) {
    io.stderr.write(`sealgate: cannot listen: ${describeListenError(error, config)}\n`);
    return EXIT_FAILED;
  }
  log.info({ signal: await signal }, 'asked to end');
  return (await gateway.drain()) === 'clean' ? EXIT_OK : EXIT_FAILED;
}

/** Serves as a worker of another `sealgate start`, which sends it its configuration. */
async function runStartedWorker(io: CommandIo): Promise<number> {
  const log = openLog(io, { level: 'info', isShared: true, worker: cluster.worker?.id });
  exitOnUncaughtException(log);
  return (await runWorker(log)) === 'clean' ? EXIT_OK : EXIT_FAILED;
}

interface LogOptions {
  readonly level: Config['log']['level'];
  readonly isShared: boolean;
  /** The number of this worker; undefined in the primary. */
  readonly worker?: number | undefined;
}

function openLog({ isTTY, env }: CommandIo, { level, isShared, worker }: LogOptions): Logger {
  const destination = openLogDestination({ isShared });
  const shown = isTTY ? forTerminal(destination, { color: !env.NO_COLOR }) : destination;
  return createLogger(level, shown, worker);
}

/** Names the key of the file where the error belongs to one of the listeners. */
function describeListenError(error: unknown, config: Config): string {
  const { code, port, message } = error as NodeJS.ErrnoException & { readonly port?: number };
  const why = code === undefined ? undefined : LISTEN_ERRORS[code];
  const addresses = ownAddresses(config);
  const address = addresses.find((one) => one.port === port) ?? addresses[0];
  if (why === undefined || port === undefined || address === undefined) return message;
  const { path, host } = address;
  return why.startsWith('the address')
    ? `${path[0]}.host ${host}: ${why}`
    : `${path.join('.')} ${port} on ${host}: ${why}`;
}

const LISTEN_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there',
  EACCES: 'this user may not listen there; ports below 1024 often need a privilege',
  EADDRNOTAVAIL: 'the address is not one of this machine',
};

function refuseToStart(problems: readonly Problem[], io: CommandIo): number {
  for (const problem of problems) {
    if (problem.severity !== 'note') io.stderr.write(`${formatProblem(problem)}\n`);
  }
  const errors = problems.filter(isError).length;
  io.stderr.write(
    `sealgate: not started: ${errors} ${errors === 1 ? 'error' : 'errors'} in the configuration\n`,
  );
  return EXIT_FAILED;
}

/** Resolves with the first signal to end; a second one ends the process at once. */
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
 * An uncaught exception leaves the process in an unknown state: it is logged and the process ends, so that its supervisor restarts
 * it. Unhandled rejections arrive here too.
 */
function exitOnUncaughtException(log: Logger): void {
  process.on('uncaughtException', (err, origin) => {
    log.fatal({ err, origin }, 'uncaught exception; the process ends');
    process.exit(EXIT_FAILED);
  });
}

/** Replaces values of the file by options of the command line. */
function override(config: Config, options: OptionValues): Config {
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
