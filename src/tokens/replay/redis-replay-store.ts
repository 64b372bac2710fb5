import { createHash, randomBytes } from 'node:crypto';
import { createClient } from '@redis/client';
import type { Clock } from '../../core/clock.ts';
import { digestOf, MAX_OF_KEY, type ProofUse, type ReplayOutcome, type ReplayStore } from './replay-store.ts';
import { within } from './within.ts';

const PREFIX = 'sealgate:dpop:';
const MARK_KEY = `${PREFIX}mark`;
const TIMEOUT_MS = 1_000;
/** No request waits for a store that failed less than this ago. */
const PAUSE_MS = 1_000;
const LONGEST_RECONNECT_MS = 2_000;
/** How much longer proofs are stored than this gateway accepts them: the clocks of others differ. */
const MAX_SKEW_MS = 60_000;
const SECRET_LIFE_MS = 2 * 3_600_000;

/**
 * One sorted set for each key, of the digests of its proofs by the moment from which they are forgotten, so that one step removes,
 * counts, looks and stores. By the store's clock alone: gateways whose clocks differ agree. The mark is made once: another one means
 * that the store has lost what it held.
 */
const USE_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[2], ARGV[4], 'NX')
local mark = redis.call('GET', KEYS[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. now)
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return { 'seen', mark } end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return { 'crowded', mark } end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.max(ARGV[2] + 1, redis.call('PTTL', KEYS[1])))
return { 'stored', mark }
`;
const SCRIPT_SHA1 = createHash('sha1').update(USE_SCRIPT).digest('hex');

const OUTCOMES: ReadonlySet<unknown> = new Set(['stored', 'seen', 'crowded'] satisfies ReplayOutcome[]);

export type StoreState = 'up' | 'down' | 'emptied' | 'evicts';

export interface RedisReplayStoreContext {
  readonly clock: Clock;
  /**
   * Called once when the store fails, once when it is back, when it has lost what it held, and at each connection when it may evict
   * what it holds. The error never has the URL's password.
   */
  readonly onState?: ((state: StoreState, error?: Error) => void) | undefined;
}

/**
 * Remembers proofs in Redis or Valkey, for every gateway that names the same store. It holds digests only, never a key, a token or a
 * client's text. Whatever goes wrong there is `down` or `full`, never a first use.
 */
export function createRedisReplayStore(
  url: string,
  { clock, onState = () => {} }: RedisReplayStoreContext,
): ReplayStore {
  const client = createClient({
    url,
    disableOfflineQueue: true,
    socket: {
      connectTimeout: TIMEOUT_MS,
      reconnectStrategy: (attempts) => Math.min(50 * 2 ** Math.min(attempts, 10), LONGEST_RECONNECT_MS),
    },
  });
  const origin = randomBytes(16).toString('base64url');
  let calls = 0;
  const secrets = new Map<number, Buffer>();
  let mark: string | undefined;
  /** Proofs made up to here may have been used before the store lost them. */
  let lostUpToMs = Number.NEGATIVE_INFINITY;
  let isDown = false;
  let pausedUntilMs = 0;
  client.on('error', (error: Error) => failed(error));
  client.on('ready', () => {
    pausedUntilMs = 0;
    // A store that hides its settings is taken at its word.
    client.info('memory').then(
      (info) => {
        if (mayEvict(info)) onState('evicts');
      },
      () => undefined,
    );
  });
  /** Until the first attempt to connect has ended. */
  let connecting: Promise<unknown> | undefined = client
    .connect()
    .catch(failed)
    .finally(() => {
      connecting = undefined;
    });

  async function ask<Reply>(command: () => Promise<Reply>): Promise<Reply | 'full' | 'down'> {
    if (!client.isReady && connecting !== undefined && !isDown) {
      await within(TIMEOUT_MS, connecting).catch(failed);
    }
    if (!client.isReady || performance.now() < pausedUntilMs) return 'down';
    try {
      const reply = await within(TIMEOUT_MS, command());
      worked();
      return reply;
    } catch (error) {
      // Out of memory, and set to evict nothing: it works, but takes no more.
      if ((error as Error).message.startsWith('OOM')) return 'full';
      pausedUntilMs = performance.now() + PAUSE_MS;
      failed(error as Error);
      return 'down';
    }
  }

  function run(use: ProofUse): Promise<unknown> {
    const lifeMs = Math.max(1, Math.ceil(use.lastMs - clock())) + MAX_SKEW_MS;
    // Another one each time: a store that was emptied must not get back the mark that it had.
    calls += 1;
    const candidate = `${origin}.${calls}`;
    const options = {
      keys: [`${PREFIX}${digestOf(use.holder)}`, MARK_KEY],
      arguments: [use.digest, String(lifeMs), String(MAX_OF_KEY), candidate],
    };
    return client.evalSha(SCRIPT_SHA1, options).catch((error: Error) => {
      if (!error.message.startsWith('NOSCRIPT')) throw error;
      return client.eval(USE_SCRIPT, options);
    });
  }

  function follow(found: unknown): void {
    if (typeof found !== 'string' || found === mark) return;
    if (mark !== undefined) {
      lostUpToMs = clock();
      secrets.clear();
      onState('emptied');
    }
    mark = found;
  }

  function failed(error: Error): void {
    if (isDown) return;
    isDown = true;
    onState('down', error);
  }

  function worked(): void {
    if (!isDown) return;
    isDown = false;
    onState('up');
  }

  return {
    async use(use) {
      const reply = await ask(() => run(use));
      if (reply === 'full' || reply === 'down') return reply;
      const [outcome, found] = Array.isArray(reply) ? reply : [];
      follow(found);
      if (!OUTCOMES.has(outcome)) return 'down';
      return outcome === 'stored' && use.issuedMs <= lostUpToMs ? 'down' : (outcome as ReplayOutcome);
    },
    secretOf(epoch) {
      const known = secrets.get(epoch);
      return known ?? fetchSecret(epoch);
    },
    stats: () => undefined,
    close: () => client.destroy(),
  };

  /** The first to ask makes it. */
  async function fetchSecret(epoch: number): Promise<Buffer | undefined> {
    const key = `${PREFIX}nonce:${epoch}`;
    const made = randomBytes(32).toString('base64url');
    const reply = await ask(async () => {
      await client.set(key, made, { condition: 'NX', expiration: { type: 'PX', value: SECRET_LIFE_MS } });
      return client.get(key);
    });
    if (typeof reply !== 'string' || reply === 'full' || reply === 'down') return undefined;
    for (const other of secrets.keys()) if (Math.abs(other - epoch) > 1) secrets.delete(other);
    const secret = Buffer.from(reply, 'base64url');
    if (secret.length !== 32) return undefined;
    secrets.set(epoch, secret);
    return secret;
  }
}

/** A proof that is evicted before its time would be good twice. Volatile keys are all that we have. */
function mayEvict(info: string): boolean {
  const limit = /^maxmemory:(\d+)/m.exec(info)?.[1] ?? '0';
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'noeviction';
  return limit !== '0' && policy !== 'noeviction';
}
