import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { whyUnreadable } from '../../config/source/read-file.ts';
import { readTrustedFile } from '../../config/source/trusted-file.ts';
import type { CompiledIssuer } from '../compiled-issuer.ts';
import type { KeyRecord } from './key-generation.ts';

/** The last good keys of one issuer on disk, so that a restart during an outage serves. */
export interface KeySnapshot {
  /** Undefined when there is none, or none to be trusted; `onIgnored` gets the reason. */
  read(): Promise<KeyRecord | undefined>;
  /** Replaces the file atomically, readable by its owner alone. Rejects with why it could not. */
  write(record: KeyRecord): Promise<void>;
}

export interface KeySnapshotOptions {
  readonly path: string;
  readonly issuer: CompiledIssuer;
  /** Called with the reason why an existing file is not used. */
  readonly onIgnored: (reason: string) => void;
}

const MAX_BYTES = 16 * 1024 ** 2;

/** Keeps a snapshot that is bound to the issuer and to where its keys come from: another configuration ignores it. */
export function createKeySnapshot({ path, issuer, onIgnored }: KeySnapshotOptions): KeySnapshot {
  const binding = bindingOf(issuer);
  let writing = Promise.resolve();

  async function replace({ jwks, fetchedAtMs }: KeyRecord): Promise<void> {
    const { issuers, source } = JSON.parse(binding) as Record<string, unknown>;
    const fetchedAt = new Date(fetchedAtMs).toISOString();
    const text = `${JSON.stringify({ issuers, source, fetchedAt, keys: jwks }, undefined, 2)}\n`;
    const draft = `${path}.${randomUUID()}.tmp`;
    try {
      const file = await open(draft, 'wx', 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { force: true });
      throw new Error(`the snapshot cannot be written: ${whyUnreadable(error)}`);
    }
  }

  return {
    async read() {
      let text: string;
      try {
        text = readTrustedFile(path, MAX_BYTES);
      } catch (error) {
        return (error as { code?: unknown }).code === 'ENOENT' ? undefined : ignore(whyUnreadable(error));
      }
      const content = parse(text);
      if (content === undefined) return ignore('it is damaged');
      if (content.binding !== binding) return ignore('it belongs to another issuer or place of keys');
      return content;
    },
    write(record) {
      // In turn, so that the newest is what stays.
      writing = writing.catch(() => {}).then(() => replace(record));
      return writing;
    },
  };

  function ignore(reason: string): undefined {
    onIgnored(reason);
  }
}

/** What a snapshot belongs to, as one comparable text. */
function bindingOf({ issuers, source }: CompiledIssuer): string {
  const place = source.kind === 'url' ? source.url.href : source.kind === 'discovery' ? source.issuer : '';
  return JSON.stringify({ issuers, source: place });
}

function parse(text: string): (KeyRecord & { readonly binding: string }) | undefined {
  try {
    const { issuers, source, fetchedAt, keys } = JSON.parse(text) as Record<string, unknown>;
    const fetchedAtMs = Date.parse(String(fetchedAt));
    if (!Array.isArray(keys) || Number.isNaN(fetchedAtMs)) return undefined;
    return { jwks: keys, fetchedAtMs, binding: JSON.stringify({ issuers, source }) };
  } catch {
    return undefined;
  }
}
