import { createClient } from '@redis/client';
import type { Test } from 'tap';
import type { RevocationEntry } from '../../../src/tokens/revocation/entry.ts';
import { createRevocations, type Revocations } from '../../../src/tokens/revocation/revocations.ts';
import { openRedisRevocationStore } from '../../../src/tokens/revocation/store/redis-revocation-store.ts';

export interface Line {
  readonly level: 'info' | 'warn' | 'error';
  readonly details: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** The revocations of a gateway, without the gateway. */
export interface StoreUser {
  readonly revocations: Revocations;
  readonly lines: Line[];
  add(...entries: readonly RevocationEntry[]): ReturnType<Revocations['add']>;
  /** Whether an entry counts here. */
  has(entry: RevocationEntry): boolean;
  count(): number;
}

interface StoreUserOptions {
  readonly maxEntries?: number;
  readonly isClosed?: boolean;
  /** How far its wall clock is ahead. */
  readonly aheadMs?: number;
}

const DAY_MS = 24 * 3_600_000;

/** Opens them by a real store; they are closed with the test. */
export async function useStore(t: Test, url: string, options: StoreUserOptions = {}): Promise<StoreUser> {
  const { maxEntries = 100_000, isClosed = true, aheadMs = 0 } = options;
  const lines: Line[] = [];
  const logAt =
    (level: Line['level']) =>
    (details: object, message: string): void =>
      void lines.push({ level, details: details as Line['details'], message });
  const revocations = createRevocations({
    clock: () => Date.now() + aheadMs,
    log: { info: logAt('info'), warn: logAt('warn'), error: logAt('error') },
  });
  revocations.follow({
    keepMs: DAY_MS,
    maxEntries,
    isClosed,
    places: [{ kind: 'store', key: url, open: (context) => openRedisRevocationStore(url, context) }],
  });
  t.teardown(() => revocations.close());
  await revocations.opened();
  return {
    revocations,
    lines,
    add: (...entries) => revocations.add(entries, 'admin'),
    has({ issuer, kind, value, before }) {
      const claims = kind === 'subject' ? { sub: value, iat: before } : { [kind]: value };
      return revocations.refuseRevoked({ ...TOKEN, issuer, claims }) !== undefined;
    },
    count: () => revocations.report().entries,
  };
}

const TOKEN = {
  issuer: 'corp',
  header: {},
  claims: {},
  audiences: undefined,
  scopes: [],
  roles: [],
  rejectedFromMs: Number.POSITIVE_INFINITY,
};

/** Asks the store itself. */
export async function askStore(t: Test, url: string) {
  const client = createClient({ url });
  client.on('error', () => {});
  await client.connect();
  t.teardown(() => client.destroy());
  return client;
}

export function entryOf(jti: string, more: Partial<RevocationEntry> = {}): RevocationEntry {
  const at = Math.floor(Date.now() / 1000);
  return { issuer: 'corp', kind: 'jti', value: jti, at, until: undefined, before: undefined, ...more };
}

/** Milliseconds until something has come true. */
export async function msUntil(holds: () => boolean | Promise<boolean>, limitMs = 20_000): Promise<number> {
  const start = performance.now();
  while (!(await holds())) {
    if (performance.now() - start > limitMs) throw new Error(`did not come true: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - start;
}
