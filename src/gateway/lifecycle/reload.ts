import { isDeepStrictEqual } from 'node:util';
import type { ReloadReport } from '../../admin/status.ts';
import type { LoadedConfig } from '../../config/load.ts';
import { formatProblem, isError, type Problem } from '../../config/problem.ts';
import type { Config } from '../../config/schema/config.ts';
import { takeFailedReads } from '../../config/source/read-file.ts';
import type { Clock } from '../../core/time/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { fingerprint, isReadable, UNREADABLE } from './fingerprint.ts';
import { findRestartOnlyChanges } from './restart-only-settings.ts';

/** The file as it is on disk now; `config` is undefined when it has errors. */
export interface ReadFile {
  readonly loaded: LoadedConfig;
  readonly config: Config | undefined;
}

/** A file without errors, with the options of the command line laid over its values. */
export interface ValidFile extends ReadFile {
  readonly config: Config;
}

export interface ReloaderOptions {
  /** Absolute path of the configuration file. */
  readonly path: string;
  readonly read: () => ReadFile;
  readonly activeConfig: () => Config;
  /** The other files that the active configuration was made of. */
  readonly activeFiles: () => readonly string[];
  /** Compiles a valid file, runs its tests and makes it active, unless there is an error. */
  readonly apply: (file: ValidFile) => Promise<readonly Problem[]>;
  readonly log: Logger;
  readonly clock: Clock;
  /** Called after each attempt: these files decide what the next one finds. */
  readonly onFiles: (paths: readonly string[]) => void;
  /** The first pause before reading is retried; it doubles from there. Default: 1 s. */
  readonly retryMs?: number;
}

export interface Reloader {
  /**
   * Notes that the files on disk are active, or reloads them if they have changed since they were read. Call once, after the start.
   */
  begin(read: LoadedConfig['digests']): Promise<void>;
  /** Reads the file, checks it and makes it active, one attempt after another. Never rejects. */
  reload(trigger: ReloadReport['trigger']): Promise<ReloadReport>;
  /** The last ones, newest first; the start is the first. */
  reports(): readonly ReloadReport[];
  counts(): Readonly<Record<ReloadReport['result'], number>>;
  appliedAtMs(): number;
  /** False while the file on disk was refused. */
  isCurrent(): boolean;
  /** Stops retrying. */
  close(): void;
}

const REPORTS_KEPT = 20;
const RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

/** Makes new versions of the file active. A bad one changes nothing and is reported in log, metric and status. */
export function createReloader(options: ReloaderOptions): Reloader {
  const { path, clock, log, retryMs = RETRY_MS } = options;
  const counts = { applied: 0, unchanged: 0, refused: 0 };
  const reports: ReloadReport[] = [
    { time: isoTime(clock()), trigger: 'start', result: 'applied', problems: [] },
  ];
  let appliedAtMs = clock();
  /** What the files held at the last attempt; undefined before the first. */
  let checked: ReadonlyMap<string, string> | undefined;
  /** Why another attempt may succeed although no file changes; undefined when there is no such reason. */
  let obstacle: 'transient' | 'unreadable' | undefined;
  let retryTimer: NodeJS.Timeout | undefined;
  let nextRetryMs = retryMs;
  let closed = false;
  let latest: Promise<unknown> = Promise.resolve();
  let queued: Promise<ReloadReport> | undefined;
  let queuedTrigger: ReloadReport['trigger'] = 'file';

  async function attempt(trigger: ReloadReport['trigger']): Promise<ReloadReport> {
    // A caller gets the problems each time, also of a file that did not change.
    const mustRead = obstacle === 'transient' || (isRequested(trigger) && isRefused());
    if (checked !== undefined && !mustRead && isDeepStrictEqual(await fingerprint(checked.keys()), checked)) {
      return note(trigger, 'unchanged');
    }
    // Taken before the files are read, so that the next attempt finds what changes meanwhile.
    const before = await fingerprint([path, ...options.activeFiles(), ...(checked?.keys() ?? [])]);
    takeFailedReads();
    const { loaded, config } = await readUntorn(options.read);
    const problems = await check(loaded, config);
    const failed = takeFailedReads();
    const errors = problems.filter(isError);
    // A file that could not be read may be one that only the new configuration names: it is waited for as well.
    const missed = new Map(errors.length === 0 ? [] : failed.paths.map((file) => [file, UNREADABLE]));
    const files = new Set([path, ...loaded.files, ...options.activeFiles(), ...missed.keys()]);
    const further = await fingerprint([...files].filter((file) => !before.has(file)));
    const held = [...further, ...loaded.digests, ...before, ...missed];
    checked = new Map(held.filter(([file]) => files.has(file)));
    options.onFiles([...files]);
    obstacle = failed.isTransient ? 'transient' : isReadable(checked) ? undefined : 'unreadable';
    return errors.length === 0
      ? note(trigger, 'applied')
      : note(trigger, 'refused', errors.map(formatProblem));
  }

  async function check(loaded: LoadedConfig, config: Config | undefined): Promise<readonly Problem[]> {
    if (config === undefined) return loaded.problems;
    const restartOnly = loaded.report(findRestartOnlyChanges(options.activeConfig(), config));
    if (restartOnly.length > 0) return restartOnly;
    return options.apply({ loaded, config });
  }

  function note(
    trigger: ReloadReport['trigger'],
    result: ReloadReport['result'],
    problems: readonly string[] = [],
  ): ReloadReport {
    const report: ReloadReport = { time: isoTime(clock()), trigger, result, problems };
    counts[result] += 1;
    if (result === 'applied') appliedAtMs = clock();
    // A file that was only touched must not push real reports out.
    if (result !== 'unchanged')
      reports.splice(0, reports.length, report, ...reports.slice(0, REPORTS_KEPT - 1));
    LOG[result](log, report);
    return report;
  }

  async function attemptSafely(trigger: ReloadReport['trigger']): Promise<ReloadReport> {
    try {
      return await attempt(trigger);
    } catch (error) {
      log.error({ err: error }, 'the reload failed');
      obstacle = 'transient';
      return note(trigger, 'refused', ['the reload failed; see the log']);
    }
  }

  function isRefused(): boolean {
    return reports[0]?.result === 'refused';
  }

  /** There may be no event when a descriptor becomes free, or when a file appears whose folder was missing. */
  function retryLater(): void {
    if (closed || obstacle === undefined || !isRefused()) {
      nextRetryMs = retryMs;
      return;
    }
    retryTimer = setTimeout(() => void reload('retry'), nextRetryMs).unref();
    nextRetryMs = Math.min(nextRetryMs * 2, LONGEST_RETRY_MS);
  }

  function reload(trigger: ReloadReport['trigger']): Promise<ReloadReport> {
    // Callers share the attempt that waits for its turn: it reads what is there then.
    if (queued === undefined || isRequested(trigger)) queuedTrigger = trigger;
    queued ??= latest.then(() => {
      queued = undefined;
      clearTimeout(retryTimer);
      const running = attemptSafely(queuedTrigger);
      latest = running.then(retryLater);
      return running;
    });
    return queued;
  }

  return {
    async begin(read) {
      const files = [path, ...options.activeFiles()];
      options.onFiles(files);
      const now = await fingerprint(files);
      if ([...read].every(([file, digest]) => now.get(file) === digest)) checked = now;
      else await reload('file');
    },
    reload,
    reports: () => reports,
    counts: () => counts,
    appliedAtMs: () => appliedAtMs,
    isCurrent: () => !isRefused(),
    close() {
      closed = true;
      clearTimeout(retryTimer);
    },
  };
}

/** Several files may change together: what changed while they were read is read again, but not forever. */
async function readUntorn(read: () => ReadFile): Promise<ReadFile> {
  for (let left = 3; ; left -= 1) {
    const file = read();
    const { digests } = file.loaded;
    if (left === 0 || isDeepStrictEqual(await fingerprint(digests.keys()), digests)) return file;
  }
}

function isRequested(trigger: ReloadReport['trigger']): boolean {
  return trigger === 'signal' || trigger === 'request';
}

const LOG = {
  applied: (log, { trigger }) => log.info({ trigger }, 'configuration applied'),
  unchanged: (log, { trigger }) =>
    log[isRequested(trigger) ? 'info' : 'debug']({ trigger }, 'configuration unchanged'),
  refused: (log, { trigger, problems }) =>
    log.error({ trigger, problems }, 'configuration refused; the one before stays active'),
} as const satisfies Record<ReloadReport['result'], (log: Logger, report: ReloadReport) => void>;

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
