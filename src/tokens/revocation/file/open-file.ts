import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { whyUnreadable } from '../../../config/source/read-file.ts';

// Undefined on Windows. Opening a pipe would wait for its other end.
const NO_BLOCK: number = constants.O_NONBLOCK ?? 0;

export const READ = constants.O_RDONLY | NO_BLOCK;
export const APPEND = constants.O_RDWR | constants.O_APPEND | NO_BLOCK;
export const CREATE = APPEND | constants.O_CREAT | constants.O_EXCL;

/** Opens a regular file, or throws. */
export async function openRegular(path: string, flags: number): Promise<FileHandle> {
  const handle = await open(path, flags, 0o600);
  try {
    const stats = await handle.stat();
    if (stats.isFile()) return handle;
    throw new Error(stats.isDirectory() ? 'it is a folder' : 'it is not a regular file');
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Whether there is no such file. */
export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

const WRITE_REASONS: Readonly<Record<string, string>> = {
  EACCES: 'no permission to write it',
  EPERM: 'no permission to write it',
  EROFS: 'it is on a file system that is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of the disk is used up',
  EIO: 'the disk failed',
  ENOENT: 'its folder does not exist',
};

/** Why writing failed, in words, without a path. */
export function whyUnwritable(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return (code === undefined ? undefined : WRITE_REASONS[code]) ?? whyUnreadable(error);
}
