import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMMANDS } from '../../../src/cli/commands.ts';
import { runCli } from '../../../src/cli/run.ts';

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `sealgate` in this process, as a pipe would see it. */
export async function sealgate(words: readonly string[], stdin = ''): Promise<Finished> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const code = await runCli(words, COMMANDS, {
    stdout: { write: (text) => stdout.push(text) },
    stderr: { write: (text) => stderr.push(text) },
    env: {},
    isTTY: false,
    readStdin: async () => stdin,
  });
  return { code, stdout: stdout.join(''), stderr: stderr.join('') };
}

/** A folder with these files; gone when `teardown` runs. */
export async function folderWith(
  files: Readonly<Record<string, string>>,
  t: { teardown(undo: () => Promise<void>): unknown },
): Promise<(name: string) => string> {
  const folder = await mkdtemp(join(tmpdir(), 'sealgate-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return (name) => join(folder, name);
}
