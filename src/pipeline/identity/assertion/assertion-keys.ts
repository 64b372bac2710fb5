import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readTrustedFile } from '../../../config/source/trusted-file.ts';
import {
  type AssertionAlgorithm,
  type AssertionKey,
  exportAssertionKey,
  makeAssertionKey,
  readAssertionKey,
} from './assertion-key.ts';

/** The keys of the gateway, of which one signs at any moment. */
export interface AssertionKeys {
  signing(nowMs: number): AssertionKey;
  /** The public keys that signed lately, sign now, or will sign next: an RFC 7517 key set. */
  published(nowMs: number): string;
}

export interface KeptKeysOptions {
  /** Where the keys are kept between starts, and shared by processes. */
  readonly path: string;
  /** False where the file may be read but not written: then what is missing is made for the moment only. */
  readonly mayWrite: boolean;
  readonly algorithm: AssertionAlgorithm;
  /** How long a key signs. */
  readonly rotateMs: number;
  readonly nowMs: number;
}

interface KeptKey {
  readonly key: AssertionKey;
  /** From this moment on it signs. */
  readonly fromMs: number;
}

/** How long a key stays published after its last signature, for backends that judge late. */
const OVERLAP_MS = 24 * 3_600_000;
/** How long a key of another algorithm is published before it signs; backends remember the set for less. */
const NOTICE_MS = 600_000;
const MAX_BYTES = 1024 ** 2;
/** How often the file is looked at for what other processes wrote. */
const REREAD_MS = 3_600_000;

/** Keys from PEM: the first signs, the others are only published, which is how whoever keeps them rotates. */
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
 * Keys that the gateway makes and rotates. The next one is published a whole period before it signs, and the last one for a day
 * after, so a backend never meets a signature it cannot find the key of. Throws when the file cannot be read or written.
 */
export function createKeptKeys({
  path,
  mayWrite,
  algorithm,
  rotateMs,
  nowMs,
}: KeptKeysOptions): AssertionKeys {
  let kept: readonly KeptKey[] = [];
  let rereadAtMs = 0;

  const isCurrent = ({ fromMs }: KeptKey, now: number) => fromMs <= now;

  /** What has to be there: a key that signs and the one after it, both of the algorithm that the file wants. */
  function complete(keys: readonly KeptKey[], now: number): readonly KeptKey[] {
    const made = (fromMs: number): KeptKey => ({ key: makeAssertionKey(algorithm), fromMs });
    let all = keys.filter((_, at) => (keys[at + 1]?.fromMs ?? Number.POSITIVE_INFINITY) + OVERLAP_MS > now);
    if (!all.some((key) => isCurrent(key, now))) all = [made(now), ...all];
    const last = all.at(-1) as KeptKey;
    if (last.key.alg !== algorithm)
      return [...all.filter((key) => isCurrent(key, now)), made(now + NOTICE_MS)];
    return isCurrent(last, now) ? [...all, made(now + rotateMs)] : all;
  }

  function refresh(now: number): void {
    const written = readKept(path, mayWrite);
    const found = written.length === 0 ? kept : written;
    kept = complete(found, now);
    if (mayWrite && kept.some((key) => !found.includes(key))) {
      kept = writeKept(path, kept, written.length === 0);
    }
    rereadAtMs = now + REREAD_MS;
  }

  function upToDate(now: number): readonly KeptKey[] {
    const isDue = now >= rereadAtMs || isCurrent(kept.at(-1) as KeptKey, now);
    if (!isDue) return kept;
    try {
      refresh(now);
    } catch {
      // The disk is full or gone: the keys in memory go on, and the next try comes with the next look at the file.
      rereadAtMs = now + REREAD_MS;
    }
    return kept;
  }

  refresh(nowMs);
  let rendered: { readonly of: readonly KeptKey[]; readonly text: string } | undefined;
  return {
    signing(now) {
      const keys = upToDate(now);
      return (keys.findLast((key) => isCurrent(key, now)) ?? (keys[0] as KeptKey)).key;
    },
    published(now) {
      const keys = upToDate(now);
      if (rendered?.of !== keys) rendered = { of: keys, text: renderKeySet(keys.map(({ key }) => key)) };
      return rendered.text;
    },
  };
}

function renderKeySet(keys: readonly AssertionKey[]): string {
  return JSON.stringify({ keys: keys.map(({ publicJwk }) => publicJwk) });
}

/** In the order in which they sign; none when there is no file yet. Whoever signs with them must trust the file: others may only look. */
function readKept(path: string, signs: boolean): readonly KeptKey[] {
  let text: string;
  try {
    text = signs ? readTrustedFile(path, MAX_BYTES) : readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const { keys } = JSON.parse(text) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Error('it is not a file of keys');
  const kept = keys.map((jwk: Record<string, unknown>): KeptKey => {
    const key = readAssertionKey(jwk);
    if (key === undefined || typeof jwk.from !== 'number') throw new Error('it is not a file of keys');
    return { key, fromMs: jwk.from };
  });
  return kept.sort((a, b) => a.fromMs - b.fromMs);
}

/** Replaces the file whole. When another process was first to make it, its keys are taken instead. */
function writeKept(path: string, keys: readonly KeptKey[], isNew: boolean): readonly KeptKey[] {
  const text = JSON.stringify({
    keys: keys.map(({ key, fromMs }) => ({ ...exportAssertionKey(key), from: fromMs })),
  });
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, `${text}\n`, { mode: 0o600 });
  if (!isNew) {
    renameSync(temporary, path);
    return keys;
  }
  try {
    linkSync(temporary, path);
    return keys;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return readKept(path, true);
  } finally {
    rmSync(temporary, { force: true });
  }
}
