import { existsSync, writeFileSync } from 'node:fs';
import { loadConfig } from '../../config/load.ts';
import { whyUnreadable } from '../../config/source/read-file.ts';
import { compileIssuers } from '../../tokens/issuers/compile-issuers.ts';
import { inspectIssuer } from '../../tokens/issuers/inspect-issuer.ts';
import { runCheck } from '../check/check.ts';
import { offlineChecks } from '../check/offline-checks.ts';
import { DEFAULT_FILES } from '../command.ts';
import type { CommandIo } from '../io.ts';
import { collectReplies, type Given } from './replies.ts';
import { placeSchema } from './schema-line.ts';
import { starterFile } from './starter-file.ts';

export interface InitOptions {
  readonly given: Given;
  readonly file: string;
  /** Whether an existing file is replaced. */
  readonly force: boolean;
}

/** `sealgate init`: writes a first file and checks it. Returns 1 where nothing was written, or what was written does not hold. */
export async function runInit({ given, file, force }: InitOptions, io: CommandIo): Promise<number> {
  const fail = (problem: string): number => {
    io.stderr.write(`sealgate: ${problem}\n`);
    return 1;
  };
  const taken = `${file} exists: write another one with -o, or replace it with --force`;
  // Before the questions: nobody should type replies in vain.
  if (!force && existsSync(file)) return fail(taken);
  const replies = await collectReplies(given, io);
  if (typeof replies === 'string') return fail(replies);
  try {
    const { reference, written } = placeSchema(file);
    writeFileSync(file, starterFile(replies, reference), { flag: force ? 'w' : 'wx' });
    io.stdout.write(`wrote ${file}${written === undefined ? '' : `, and ${written} for editors`}\n`);
  } catch (error) {
    return fail(
      (error as NodeJS.ErrnoException).code === 'EEXIST'
        ? taken
        : `cannot write ${file}: ${whyUnreadable(error)}`,
    );
  }
  const code = await runCheck({ file }, io, offlineChecks());
  if (code !== 0) return code;
  io.stdout.write(`${await describeProvider(file, io)}\n\n${nextCommand(file)}\n`);
  return 0;
}

/** What the provider replied, or why it could not be asked. */
async function describeProvider(file: string, { env }: CommandIo): Promise<string> {
  const { config, resolvePath } = loadConfig({ file, env });
  const [issuer] = config === undefined ? [] : compileIssuers(config, { resolvePath }).issuers;
  if (issuer === undefined) return 'provider: not asked';
  const { keys, jwksUri, findings } = await inspectIssuer(issuer, { env });
  const error = findings.find(({ severity }) => severity === 'error');
  if (error === undefined) {
    const usable = keys.filter(({ state }) => state === 'usable').length;
    return `provider: ${usable} usable ${usable === 1 ? 'key' : 'keys'} at ${jwksUri}`;
  }
  const hint = error.hint === undefined ? '' : `\n    hint: ${error.hint}`;
  return `provider: not checked online: ${error.message}${hint}\n    again: sealgate check --online${fileOption(file)}`;
}

function nextCommand(file: string): string {
  return `Next: sealgate start${fileOption(file)}`;
}

/** Nothing for the file that commands find by themselves. */
function fileOption(file: string): string {
  const [first] = DEFAULT_FILES;
  if (file === first || file === `./${first}`) return '';
  return ` -c ${/^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`}`;
}
