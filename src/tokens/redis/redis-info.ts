import { ErrorReply } from '@redis/client';
import type { RedisClient } from './redis-connection.ts';

/** Of a server that does not name itself: each connection may be to another. */
export const HIDDEN_RUN = 'hidden';

/** Which start of which server this is. */
export async function readRun(client: RedisClient): Promise<string> {
  const info = await readInfo(client, 'server');
  return /^run_id:(\S+)/m.exec(info)?.[1] ?? HIDDEN_RUN;
}

/** Whether the server may evict what it should keep. One that hides its settings is taken at its word. */
export async function mayEvict(client: RedisClient): Promise<boolean> {
  const info = await readInfo(client, 'memory');
  const limit = /^maxmemory:(\d+)/m.exec(info)?.[1] ?? '0';
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'noeviction';
  return limit !== '0' && policy !== 'noeviction';
}

/** Empty where the server hides it. */
function readInfo(client: RedisClient, section: string): Promise<string> {
  return client.info(section).catch((error: Error) => {
    if (error instanceof ErrorReply) return '';
    throw error;
  });
}
