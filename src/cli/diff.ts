import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { loadConfig } from '../config/load.ts';
import { formatProblem, isError } from '../config/problem.ts';
import { whyUnreadable } from '../config/source/read-file.ts';
import { type Diff, diffFiles } from '../diff/diff.ts';
import { replay } from '../diff/replay.ts';
import { InvalidFiles, type ValidFile } from '../diff/side.ts';
import type { CommandIo } from './io.ts';
import { colorsFor } from './io.ts';
import { diffToJson } from './output/diff-json.ts';
import { diffToMarkdown } from './output/diff-markdown.ts';
import { type ComparedFiles, describeDiff } from './output/diff-text.ts';

export interface DiffOptions {
  readonly older: string;
  readonly newer: string;
  readonly format: 'text' | 'json' | 'markdown';
  /** A file of access lines; `-` reads standard input. */
  readonly replay?: string | undefined;
}

const EXIT_CODES: Readonly<Record<Diff['result'], number>> = { equal: 0, narrower: 4, wider: 5 };
const EXIT_INVALID = 1;

/** `sealgate diff`: who gains and who loses what by the newer of two files. Returns the exit code. */
export async function runDiff(
  { older, newer, format, replay: log }: DiffOptions,
  io: CommandIo,
): Promise<number> {
  const files = [older, newer].map((file) =>
    loadConfig({ file, env: io.env, missingVariables: 'placeholder' }),
  );
  const errors = files.flatMap(({ problems }) => problems.filter(isError));
  if (errors.length > 0 || !files.every(isValid)) {
    io.stderr.write(`${errors.map(formatProblem).join('\n')}\n`);
    return EXIT_INVALID;
  }
  let diff: Diff;
  try {
    diff = await diffFiles(files as unknown as [ValidFile, ValidFile], io.env);
  } catch (error) {
    if (!(error instanceof InvalidFiles)) throw error;
    io.stderr.write(`${error.message}\n`);
    return EXIT_INVALID;
  }
  try {
    const replayed = log === undefined ? undefined : await replay(linesOf(log, io), diff);
    io.stdout.write(`${write({ diff, replayed }, format, io)}\n`);
    return EXIT_CODES[diff.result];
  } catch (error) {
    if (log === undefined || (error as NodeJS.ErrnoException).syscall === undefined) throw error;
    io.stderr.write(`cannot read ${log}: ${whyUnreadable(error)}\n`);
    return EXIT_INVALID;
  } finally {
    for (const side of diff.sides) side.close();
  }
}

/** Those of a file are read as they are needed: logs are long. */
async function* linesOf(log: string, io: CommandIo): AsyncIterable<string> {
  if (log === '-') yield* ((await io.readStdin?.()) ?? '').split('\n');
  else yield* createInterface({ input: createReadStream(log) });
}

function isValid(file: ReturnType<typeof loadConfig>): file is ValidFile {
  return file.config !== undefined;
}

function write(compared: ComparedFiles, format: DiffOptions['format'], io: CommandIo): string {
  if (format === 'json') return JSON.stringify(diffToJson(compared), null, 2);
  return (format === 'markdown' ? diffToMarkdown(compared) : describeDiff(compared, colorsFor(io))).join(
    '\n',
  );
}
