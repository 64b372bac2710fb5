import { isDeepStrictEqual } from 'node:util';
import type { ReloadReport } from '../admin/status.ts';
import type { LoadedConfig } from '../config/load.ts';
import { formatProblem, isError, type Problem } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { fingerprint } from './fingerprint.ts';
import { findFixedChanges } from './fixed-keys.ts';
import type { ValidFile } from './valid-file.ts';

/** The file as it is on disk now; `config` is undefined when it has errors. */
export interface ReadFile {
  readonly loaded: LoadedConfig;
  readonly config: Config | undefined;
}

export interface ReloaderOptions {
  /** Absolute path of the configuration file. */
  readonly path: string;
  readonly read: () => ReadFile;
  readonly inForce: () => Config;
  /** The other files that the configuration in force was made of. */
  readonly filesInForce: () => readonly string[];
  /** Judges a valid file further, before it is put in force. */
  readonly examine: (file: ValidFile) => Promise<readonly Problem[]>;
  readonly apply: (file: ValidFile) => Promise<readonly Problem[]>;
  readonly log: Logger;
  readonly clock: Clock;
  /** After each attempt: these files decide what the next one finds. */
  readonly onFiles: (paths: readonly string[]) => void;
}

export interface Reloader {
  /**
   * Takes what is on disk for what is in force, unless it has changed since it was read; then it is reloaded. Call once, after the start.
   */
  begin(read: LoadedConfig['digests']): Promise<void>;
  /** Checks the file, compiles it and puts it in force, one attempt after another. Never rejects. */
  reload(trigger: ReloadReport['trigger']): Promise<ReloadReport>;
  /** The last ones, newest first; the start is the first. */
  reports(): readonly ReloadReport[];
  counts(): Readonly<Record<ReloadReport['result'], number>>;
  appliedAtMs(): number;
  /** False while the file on disk was refused. */
  isCurrent(): boolean;
}

const REPORTS_KEPT = 20;

/** Puts new versions of the file in force. A bad one changes nothing and says so in log, metric and status. */
export function createReloader(options: ReloaderOptions): Reloader {
  const { path, clock, log } = options;
  const counts = { applied: 0, unchanged: 0, refused: 0 };
  const reports: ReloadReport[] = [
    { time: isoTime(clock()), trigger: 'start', result: 'applied', problems: [] },
  ];
  let appliedAtMs = clock();
  /** What the files held at the last attempt; undefined before the first. */
  let judged: ReadonlyMap<string, string> | undefined;
  let latest: Promise<unknown> = Promise.resolve();
  let queued: Promise<ReloadReport> | undefined;

  async function attempt(trigger: ReloadReport['trigger']): Promise<ReloadReport> {
    if (judged !== undefined && isDeepStrictEqual(await fingerprint(judged.keys()), judged)) {
      return note(trigger, 'unchanged');
    }
    // Before they are read: what changes while they are read differs from this, and is found by the next attempt.
    const before = await fingerprint([path, ...options.filesInForce(), ...(judged?.keys() ?? [])]);
    const { loaded, config } = options.read();
    const problems = await judge(loaded, config);
    const files = new Set([path, ...loaded.files, ...options.filesInForce()]);
    const further = await fingerprint([...files].filter((file) => !before.has(file)));
    judged = new Map([...before, ...further].filter(([file]) => files.has(file)));
    options.onFiles([...files]);
    const errors = problems.filter(isError);
    return errors.length === 0
      ? note(trigger, 'applied')
      : note(trigger, 'refused', errors.map(formatProblem));
  }

  async function judge(loaded: LoadedConfig, config: Config | undefined): Promise<readonly Problem[]> {
    if (config === undefined) return loaded.problems;
    const fixed = loaded.report(findFixedChanges(options.inForce(), config));
    if (fixed.length > 0) return fixed;
    const found = await options.examine({ loaded, config });
    return found.some(isError) ? found : options.apply({ loaded, config });
  }

  function note(
    trigger: ReloadReport['trigger'],
    result: ReloadReport['result'],
    problems: readonly string[] = [],
  ): ReloadReport {
    const report: ReloadReport = { time: isoTime(clock()), trigger, result, problems };
    counts[result] += 1;
    if (result === 'applied') appliedAtMs = clock();
    // A file that was touched again is no news, and must not push real ones out.
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
      return note(trigger, 'refused', ['the reload failed; see the log']);
    }
  }

  function reload(trigger: ReloadReport['trigger']): Promise<ReloadReport> {
    // Whoever asks while another waits for its turn gets the same answer: it will read what is there then.
    queued ??= latest.then(() => {
      queued = undefined;
      const running = attemptSafely(trigger);
      latest = running;
      return running;
    });
    return queued;
  }

  return {
    async begin(read) {
      const files = [path, ...options.filesInForce()];
      options.onFiles(files);
      const now = await fingerprint(files);
      if ([...read].every(([file, digest]) => now.get(file) === digest)) judged = now;
      else await reload('file');
    },
    reload,
    reports: () => reports,
    counts: () => counts,
    appliedAtMs: () => appliedAtMs,
    isCurrent: () => reports[0]?.result !== 'refused',
  };
}

const LOG = {
  applied: (log, { trigger }) => log.info({ trigger }, 'configuration applied'),
  unchanged: (log, { trigger }) =>
    log[trigger === 'file' ? 'debug' : 'info']({ trigger }, 'configuration unchanged'),
  refused: (log, { trigger, problems }) =>
    log.error({ trigger, problems }, 'configuration refused; the one before stays in force'),
} as const satisfies Record<ReloadReport['result'], (log: Logger, report: ReloadReport) => void>;

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
