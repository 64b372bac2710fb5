import type { Clock } from '../../../core/time/clock.ts';
import { type Scheduler, systemScheduler } from '../../../core/time/scheduler.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import { type AssertionAlgorithm, type AssertionKey, readAssertionKey } from './assertion-key.ts';
import { readKeyFile, writeKeyFile } from './key-file.ts';
import { completeSchedule, dropRetired, type ScheduledKey, signingKey } from './key-schedule.ts';

/** The keys of the gateway, in memory: a request reads no file and makes no key. */
export interface AssertionKeys {
  signing(nowMs: number): AssertionKey;
  /** The public keys that signed lately, sign now, or will sign next: an RFC 7517 key set. */
  published(): string;
}

/** Keeps the keys up to date, by a timer. */
export interface KeyRotation {
  start(options: { readonly log: Logger; readonly scheduler?: Scheduler }): void;
  close(): void;
}

/**
 * `rotate`: makes keys and writes them to the file; one process of a gateway does. `follow`: signs with what the file has, as workers
 * do. `preview`: writes nothing and makes missing keys for the moment, as `check` does.
 */
export type KeyFileAccess = 'rotate' | 'follow' | 'preview';

export interface KeyFileOptions {
  /** Where the keys are kept between starts and shared by processes and gateways. */
  readonly path: string;
  readonly access: KeyFileAccess;
  readonly algorithm: AssertionAlgorithm;
  /** How long a key signs. */
  readonly rotateMs: number;
  readonly clock: Clock;
}

/** How often the file is read for keys of other processes, and how soon a failed write is retried. */
const READ_MS = 60_000;

/** Keys from PEM: the first signs, all are published; the owner of the file rotates them. */
export function createFixedKeys(pem: string): AssertionKeys | undefined {
  const blocks =
    pem.match(/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g) ?? [];
  const keys = blocks.map((block) => readAssertionKey(block));
  const [first] = keys;
  if (first === undefined || keys.includes(undefined)) return undefined;
  const text = renderKeySet(keys as AssertionKey[]);
  return { signing: () => first, published: () => text };
}

/**
 * Opens the file of keys that the gateway makes and rotates. A key is published a whole period before it signs, and for a day after.
 * Where the file cannot be read or written later, the keys in memory sign on: a key that is not in the file never signs.
 *
 * @throws when the file cannot be read or written now.
 */
export function openKeyFile(options: KeyFileOptions): AssertionKeys & { readonly rotation: KeyRotation } {
  const { path: file } = options;
  let keys: readonly ScheduledKey[] = [];
  let text = '';
  let cancel = (): void => {};

  function update(): void {
    keys = updateKeys(keys, options);
    text = renderKeySet(keys.map(({ key }) => key));
  }

  function start({ log, scheduler = systemScheduler }: Parameters<KeyRotation['start']>[0]): void {
    let failure: string | undefined;
    const tick = (): void => {
      cancel = scheduler.after(READ_MS, tick);
      try {
        update();
        if (failure !== undefined) log.info({ file }, 'the assertion keys are up to date again');
        failure = undefined;
      } catch (error) {
        const reason = (error as Error).message;
        if (reason !== failure)
          log.warn({ file, reason }, 'the assertion keys cannot be updated; those in memory sign');
        failure = reason;
      }
    };
    cancel = scheduler.after(READ_MS, tick);
  }

  update();
  return {
    signing: (nowMs) => signingKey(keys, nowMs),
    published: () => text,
    rotation: { start, close: () => cancel() },
  };
}

function updateKeys(
  known: readonly ScheduledKey[],
  { path, access, clock, ...settings }: KeyFileOptions,
): readonly ScheduledKey[] {
  const nowMs = clock();
  const written = readKeyFile(path, access !== 'preview');
  const valid = dropRetired(written ?? known, nowMs);
  if (access === 'follow') {
    if (written === undefined) throw new Error('there is no such file yet');
    return valid;
  }
  const complete = completeSchedule(valid, { ...settings, nowMs });
  const isWritten = written !== undefined && complete.every((key) => written.includes(key));
  return access === 'preview' || isWritten
    ? complete
    : writeKeyFile(path, complete, { isNew: written === undefined });
}

function renderKeySet(keys: readonly AssertionKey[]): string {
  return JSON.stringify({ keys: keys.map(({ publicJwk }) => publicJwk) });
}
