import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { encodeCheck } from '../../test/support/decisions/check-client.ts';
import { CORE } from '../measure/pinned-process.ts';
import type { LoadResult } from './load.ts';

const PROGRAM = fileURLToPath(new URL('checks.mjs', import.meta.url));
const run = promisify(execFile);

/** Checks over gRPC, by a client that is not ours. */
export interface CheckLoad {
  readonly port: number;
  readonly host: string;
  readonly target: string;
  readonly token: string;
  readonly seconds: number;
  readonly channels: number;
  /** Calls of a channel at a time. */
  readonly calls: number;
  /** Undefined for maximum load. */
  readonly perSecond: number | undefined;
  readonly folder: string;
}

/** Asks about one request for a fixed time from the load's core. */
export async function loadChecks(load: CheckLoad): Promise<LoadResult> {
  const { port, host, target, token, seconds, channels, calls, perSecond = 0, folder } = load;
  const message = join(folder, 'check.bin');
  const headers = { accept: '*/*', authorization: `Bearer ${token}` };
  writeFileSync(message, encodeCheck({ host, path: target, source: '203.0.113.7', headers }));
  const details = [port, channels, calls, seconds, perSecond, message].map(String);
  const { stdout } = await run('taskset', ['-c', CORE.load, process.execPath, PROGRAM, ...details], {
    timeout: (seconds + 30) * 1000,
  });
  const result = /RESULT (\{.*\})/.exec(stdout)?.[1];
  if (result === undefined) throw new Error(`the Checks gave no result:\n${stdout}`);
  return JSON.parse(result) as LoadResult;
}
