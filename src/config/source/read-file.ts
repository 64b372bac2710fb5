import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';

/** Reads a whole file, or throws; more than `maxBytes` is an error. */
export type ReadFile = (path: string, maxBytes: number) => Uint8Array;

/** Counts bytes instead of trusting the size that the file system reports: devices and pipes have none. */
export const readFileBounded: ReadFile = (path, maxBytes) => {
  try {
    return readBounded(path, maxBytes);
  } catch (error) {
    noteFailedRead(path, error);
    throw error;
  }
};

/** Errors that do not mean the file is absent: the process or machine lacks resources, or the storage does not respond. */
const TRANSIENT: ReadonlySet<string> = new Set([
  'EAGAIN',
  'EBUSY',
  'EINTR',
  'EIO',
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'ESTALE',
  'ETIMEDOUT',
]);

/** Codes of the errors, by path. */
const failedReads = new Map<string, string>();

/** Remembers that a file could not be read, for `takeFailedReads`; `readFileBounded` does so too. */
export function noteFailedRead(path: string, error: unknown): void {
  failedReads.set(path, codeOf(error) ?? '');
}

/** What could not be read since the last call, and whether any of the errors may pass. */
export function takeFailedReads(): { readonly paths: readonly string[]; readonly isTransient: boolean } {
  const paths = [...failedReads.keys()];
  const isTransient = [...failedReads.values()].some((code) => TRANSIENT.has(code));
  failedReads.clear();
  return { paths, isTransient };
}

function readBounded(path: string, maxBytes: number): Uint8Array {
  const buffer = Buffer.allocUnsafe(maxBytes + 1);
  const descriptor = openSync(path, 'r');
  try {
    let length = 0;
    for (;;) {
      const count = readSync(descriptor, buffer, length, buffer.length - length, null);
      if (count === 0) return Buffer.from(buffer.subarray(0, length));
      length += count;
      if (length > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
    }
  } finally {
    closeSync(descriptor);
  }
}

/** A short text that is equal for equal contents. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url');
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'no permission to read it',
  EPERM: 'no permission to read it',
  EISDIR: 'it is a folder',
  ENOTDIR: 'part of its path is not a folder',
  ELOOP: 'its symbolic links go in a circle',
  EMFILE: 'this process may not open any more files',
  ENFILE: 'this machine may not open any more files',
  ENXIO: 'it cannot be opened for reading',
};

/** Why reading failed, in words, without the path that Node puts into its messages. */
export function whyUnreadable(error: unknown): string {
  const code = codeOf(error);
  if (code !== undefined) return REASONS[code] ?? code;
  return error instanceof Error ? error.message : 'it cannot be read';
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Decodes UTF-8 strictly; undefined when it is not valid. A byte order mark is dropped. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
