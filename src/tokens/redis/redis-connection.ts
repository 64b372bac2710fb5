import { createClient } from '@redis/client';
import { within } from '../../core/time/within.ts';

export type RedisClient = ReturnType<typeof makeClient>;

export interface RedisConnectionOptions {
  /** How long a connection may take, from its first packet to the end of `greet`. */
  readonly timeoutMs: number;
  /** Between attempts. */
  readonly longestPauseMs?: number;
  /** What has to work before a new connection is used. */
  readonly greet?: (client: RedisClient) => Promise<void>;
  readonly onReady?: () => void;
  /** At each failure. The error never has the URL's password. */
  readonly onFailed: (error: Error) => void;
}

/** One connection to a Redis or Valkey, made again whenever it fails. */
export interface RedisConnection {
  /** Undefined while there is none that works. */
  readonly client: RedisClient | undefined;
  /** Until the first attempt to connect has ended. */
  readonly firstAttempt: Promise<void>;
  /** Leaves a connection that does not reply: nothing else shows that the other end is gone. */
  leave(client: RedisClient, error: Error): void;
  close(): void;
}

const SHORTEST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;

export function openRedisConnection(
  url: string,
  { timeoutMs, longestPauseMs = LONGEST_PAUSE_MS, greet, onReady, onFailed }: RedisConnectionOptions,
): RedisConnection {
  let opened: RedisClient | undefined;
  let ready: RedisClient | undefined;
  let failures = 0;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;

  async function open(): Promise<void> {
    const client = makeClient(url, timeoutMs);
    opened = client;
    client.on('error', (error: Error) => leave(client, error));
    try {
      await within(
        timeoutMs,
        client.connect().then(() => greet?.(client)),
      );
    } catch (error) {
      leave(client, error as Error);
    }
    if (opened !== client) return;
    failures = 0;
    ready = client;
    onReady?.();
  }

  function leave(client: RedisClient, error: Error): void {
    if (opened !== client) return;
    opened = undefined;
    ready = undefined;
    client.destroy();
    onFailed(error);
    if (isClosed) return;
    const pauseMs = Math.min(SHORTEST_PAUSE_MS * 2 ** Math.min(failures, 10), longestPauseMs);
    failures += 1;
    timer = setTimeout(() => void open(), pauseMs);
    timer.unref();
  }

  const firstAttempt = open();
  return {
    get client() {
      return ready;
    },
    firstAttempt,
    leave,
    close() {
      isClosed = true;
      clearTimeout(timer);
      const client = opened;
      opened = undefined;
      ready = undefined;
      client?.destroy();
    },
  };
}

function makeClient(url: string, timeoutMs: number) {
  return createClient({
    url,
    disableOfflineQueue: true,
    // The client's own attempts wait without end for a server that accepts and stays silent.
    socket: { connectTimeout: timeoutMs, reconnectStrategy: false },
  });
}
