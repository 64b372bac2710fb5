import { existsSync } from 'node:fs';
import { formatProblem } from '../config/problem.ts';
import { type CommandInput, DEFAULT_FILES } from './command.ts';
import { readEnvFile } from './env-file.ts';
import type { CommandIo } from './io.ts';

/** Runs a command with the configuration file, and with the variables of `--env-file` over the environment; 1 where either cannot be read. */
export async function withConfigFile(
  input: CommandInput,
  run: (file: string, io: CommandIo) => Promise<number>,
): Promise<number> {
  return withFileName(input, (file) => withEnvFile(input, (io) => run(file, io)));
}

/** Runs a command with the variables of `--env-file` over the environment; 1 where it cannot be read. */
export async function withEnvFile(
  { options, io }: CommandInput,
  run: (io: CommandIo) => Promise<number>,
): Promise<number> {
  const read = readEnvFile(options['env-file'] as string | undefined);
  if (!('problem' in read)) return run({ ...io, env: { ...io.env, ...read.variables } });
  io.stderr.write(`${formatProblem(read.problem)}\n`);
  return 1;
}

/** Runs a command with the file that `-c` names, else `SEALGATE_CONFIG`, else the default; 1 where none or two exist. */
export async function withFileName(
  { options, io }: CommandInput,
  run: (file: string) => Promise<number>,
): Promise<number> {
  const named = (options.config as string | undefined) ?? (io.env.SEALGATE_CONFIG || undefined);
  if (named !== undefined) return run(named);
  const [file, other] = DEFAULT_FILES.filter((name) => existsSync(name));
  if (file !== undefined && other === undefined) return run(file);
  const found =
    file === undefined
      ? `neither ${DEFAULT_FILES.join(' nor ')} is`
      : `both ${DEFAULT_FILES.join(' and ')} are`;
  io.stderr.write(`sealgate: which configuration file? ${found} here: name it with -c or SEALGATE_CONFIG\n`);
  return 1;
}
