import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CORE, hasProgram } from '../measure/pinned-process.ts';

const SCRIPT = fileURLToPath(new URL('load.lua', import.meta.url));
const FALLBACK = fileURLToPath(new URL('load.mjs', import.meta.url));
const run = promisify(execFile);

export interface Load {
  readonly port: number;
  readonly seconds: number;
  readonly connections: number;
  readonly paths: readonly string[];
  /** Bearer tokens in turn, or what `tokenField` holds; an empty list sends no such field. */
  readonly tokens: readonly string[];
  /** What stands before each token. Default: `Authorization: Bearer `. */
  readonly tokenField?: string | undefined;
  /** Index of the first token. */
  readonly first: number;
  /** Mean pause of a connection between response and next request; 0 for maximum load. */
  readonly pauseMs: number;
  readonly newConnections: boolean;
  /** Header lines and body that make each request a POST. */
  readonly post?: string;
  /** Further header lines of each request. */
  readonly fields?: readonly string[] | undefined;
}

export interface LoadResult {
  readonly requests: number;
  readonly bytes: number;
  readonly micros: number;
  /** Responses with a status of 400 and above. */
  readonly refused: number;
  /** Connections that failed, were cut or timed out. */
  readonly broken: number;
  readonly p50: number;
  readonly p99: number;
}

/** The load generator. autocannon needs more of the load's core, so fast peers look slower. */
export const LOAD_PROGRAM = hasProgram('wrk') ? 'wrk' : 'autocannon';

const files = new Map<readonly string[], string>();

/** Sends requests for a fixed time from the load's core and counts the responses; latencies in microseconds. */
export async function applyLoad(load: Load, folder: string): Promise<LoadResult> {
  const details = [
    listFile(load.paths, folder),
    load.tokens.length === 0 ? '-' : listFile(load.tokens, folder),
    String(load.first),
    String(load.pauseMs),
    load.newConnections ? 'close' : 'keep',
    load.post === undefined ? '-' : postFile(load.post, folder),
    load.fields === undefined ? '-' : listFile(load.fields, folder),
    load.tokenField ?? 'Authorization: Bearer ',
  ];
  const url = `http://127.0.0.1:${load.port}`;
  const argv =
    LOAD_PROGRAM === 'wrk'
      ? [
          'wrk',
          '-t1',
          `-c${load.connections}`,
          `-d${load.seconds}s`,
          '--timeout',
          '10s',
          '-s',
          SCRIPT,
          url,
          '--',
        ]
      : [process.execPath, FALLBACK, String(load.connections), String(load.seconds), url];
  const timeout = (load.seconds + 30) * 1000;
  const { stdout } = await run('taskset', ['-c', CORE.load, ...argv, ...details], { timeout });
  const result = /RESULT (\{.*\})/.exec(stdout)?.[1];
  if (result === undefined) throw new Error(`the load gave no result:\n${stdout}`);
  return JSON.parse(result) as LoadResult;
}

function postFile(post: string, folder: string): string {
  const file = join(folder, 'post.http');
  writeFileSync(file, post);
  return file;
}

function listFile(list: readonly string[], folder: string): string {
  const known = files.get(list);
  if (known !== undefined) return known;
  const file = join(folder, `list-${files.size}.txt`);
  writeFileSync(file, `${list.join('\n')}\n`);
  files.set(list, file);
  return file;
}
