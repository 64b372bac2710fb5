import { constants } from 'node:fs';
import { access, type FileHandle, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PathProblem } from '../../../config/problem.ts';
import type { Config } from '../../../config/schema/config.ts';
import { whyUnreadable } from '../../../config/source/read-file.ts';
import type { Clock } from '../../../core/time/clock.ts';
import type { RevocationEntry } from '../entry.ts';
import { createRevocationIndex } from '../revocation-index.ts';
import { isMissing, openRegular, READ, whyUnwritable } from './open-file.ts';
import { readWholeFile, type WholeReading } from './read-whole-file.ts';

export interface CheckFileOptions {
  readonly resolvePath: (path: string) => string;
  readonly clock: Clock;
}

const PLACE = ['revocation', 'file'];
const MAX_SHOWN = 10;

/** Why a file may not serve with its `revocation.file`, and what else is worth knowing about it. Writes nothing. */
export async function checkRevocationFile(
  config: Pick<Config, 'revocation' | 'issuers'>,
  { resolvePath, clock }: CheckFileOptions,
): Promise<readonly PathProblem[]> {
  const { file } = config.revocation;
  if (file === undefined) return [];
  const path = resolvePath(file);
  let handle: FileHandle;
  try {
    handle = await openRegular(path, READ);
  } catch (error) {
    if (isMissing(error)) return checkFolder(dirname(path));
    return [problem('error', `cannot read \`${file}\`: ${whyUnreadable(error)}`)];
  }
  try {
    return [...(await checkLines(handle, { config, file, clock })), ...(await checkWritable(path))];
  } catch (error) {
    return [problem('error', `cannot read \`${file}\`: ${whyUnreadable(error)}`)];
  } finally {
    await handle.close();
  }
}

function problem(severity: PathProblem['severity'], message: string, hint?: string): PathProblem {
  return { severity, path: PLACE, message, ...(hint !== undefined && { hint }) };
}

/** A missing file is made with the first entry. */
async function checkFolder(folder: string): Promise<readonly PathProblem[]> {
  try {
    if (!(await stat(folder)).isDirectory()) return [problem('error', 'part of its path is not a folder')];
  } catch (error) {
    if (!isMissing(error)) return [problem('error', `its folder cannot be read: ${whyUnreadable(error)}`)];
    return [
      problem('error', 'its folder does not exist', 'make the folder; the file is made with the first entry'),
    ];
  }
  return checkWritable(folder);
}

async function checkWritable(path: string): Promise<readonly PathProblem[]> {
  try {
    await access(path, constants.W_OK);
    return [];
  } catch (error) {
    const message = `this user cannot write it (${whyUnwritable(error)}): its entries count, but none can be added or taken back while the gateway runs`;
    return [problem('note', message)];
  }
}

interface CheckLinesOptions {
  readonly config: Pick<Config, 'revocation' | 'issuers'>;
  readonly file: string;
  readonly clock: Clock;
}

async function checkLines(
  handle: FileHandle,
  { config, file, clock }: CheckLinesOptions,
): Promise<readonly PathProblem[]> {
  const { revocation, issuers } = config;
  const problems: PathProblem[] = [];
  const now = (): number => Math.floor(clock() / 1000);
  const { size: to } = await handle.stat();
  const keepSeconds = Math.ceil(revocation.keep / 1000);
  const strangers = { entries: 0 };
  let wrong = 0;
  let active = 0;
  const reading: WholeReading = {
    to,
    now,
    onFlaw({ column, reason }, line) {
      wrong += 1;
      if (wrong <= MAX_SHOWN) problems.push(problem('error', `${file}:${line}:${column}: ${reason}`));
    },
    onTorn(line) {
      problems.push(problem('warning', `${file}:${line}:1: the last line is not whole, and does not count`));
    },
    onEntries(entries) {
      for (const { issuer, until, at } of entries) {
        if ((until ?? at + keepSeconds) <= now()) continue;
        active += 1;
        if (!Object.hasOwn(issuers, issuer)) strangers.entries += 1;
      }
    },
  };
  await readWholeFile(handle, reading);
  if (wrong > MAX_SHOWN) problems.push(problem('error', `${file}: and ${wrong - MAX_SHOWN} more lines`));
  if (strangers.entries > 0) {
    const message = `${file}: ${strangers.entries} active ${strangers.entries === 1 ? 'entry names an issuer' : 'entries name issuers'} that this file does not have, and ${strangers.entries === 1 ? 'refuses' : 'refuse'} no token`;
    problems.push(problem('warning', message, 'an entry names an issuer by its key under `issuers`'));
  }
  if (active > revocation.maxEntries) {
    const count = await countActive(handle, { reading, keepMs: revocation.keep, clock });
    if (count > revocation.maxEntries) {
      const message = `${file} has ${count} active entries, more than \`maxEntries\` (${revocation.maxEntries}): the rest would not count`;
      problems.push(problem('error', message, `set \`revocation.maxEntries\` to at least ${count}`));
    }
  }
  return problems;
}

/** Lines may be about the same tokens; to know that takes the memory of an index. */
async function countActive(
  handle: FileHandle,
  {
    reading,
    keepMs,
    clock,
  }: { readonly reading: WholeReading; readonly keepMs: number; readonly clock: Clock },
): Promise<number> {
  const index = createRevocationIndex({
    keepMs,
    maxEntries: Number.POSITIVE_INFINITY,
    clock,
    monotonicMs: clock,
  });
  const { onTorn: _, ...rest } = reading;
  const onEntries = (entries: readonly RevocationEntry[]): void => {
    for (const entry of entries) index.add(entry, 'file');
  };
  await readWholeFile(handle, { ...rest, onFlaw: () => {}, onEntries });
  return index.size;
}
