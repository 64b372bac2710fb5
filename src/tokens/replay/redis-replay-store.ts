import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../../core/time/clock.ts';
import { NoReplyError, within } from '../../core/time/within.ts';
import { openRedisConnection, type RedisClient } from '../redis/redis-connection.ts';
import { HIDDEN_RUN, mayEvict, readRun } from '../redis/redis-info.ts';
import { digestOf, MAX_OF_KEY, type ProofUse, type ReplayOutcome, type ReplayStore } from './replay-store.ts';

const PREFIX = 'sealgate:dpop:';
const MARK_KEY = `${PREFIX}mark`;
const TIMEOUT_MS = 1_000;
/** With all that is read before a connection is used. */
const CONNECT_TIMEOUT_MS = 3_000;
/** No request waits for a store that failed less than this ago. */
const PAUSE_MS = 1_000;
/** Anybody can make up nonces: secrets are read again for them this often at most. */
const REREAD_MS = 1_000;
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
  /** How far in the future proofs may have been made that are accepted. */
  readonly toleranceMs: () => number;
  /**
   * Called once when the store fails, once when it is back, when it may have lost what it held, and at each connection when it may evict
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
  { clock, toleranceMs, onState = () => {} }: RedisReplayStoreContext,
): ReplayStore {
  const origin = randomBytes(16).toString('base64url');
  let calls = 0;
  const secrets = new Map<number, Buffer>();
  let mark: string | undefined;
  let server: string | undefined;
  /** Proofs made up to here may have been used before the store lost them. */
  let lostUpToMs = Number.NEGATIVE_INFINITY;
  let latestMs = Number.NEGATIVE_INFINITY;
  let isDown = false;
  let pausedUntilMs = 0;
  let rereadAtMs = Number.NEGATIVE_INFINITY;
  let rereading: Promise<Buffer | undefined> | undefined;
  const connection = openRedisConnection(url, {
    timeoutMs: CONNECT_TIMEOUT_MS,
    greet,
    onFailed: failed,
    onReady() {
      pausedUntilMs = 0;
    },
  });

  /** Before a connection is used, so that no proof is taken for new by a store that has lost what this process knows of. */
  async function greet(client: RedisClient): Promise<void> {
    const found = { server: await readRun(client), mark: await readMark(client) };
    // A proof that is evicted before its time would be good twice. Volatile keys are all that we have.
    const evicts = await mayEvict(client);
    // Nothing is awaited from here on: who reads in the log that the store is back finds it so.
    worked();
    // Started again, it has what was saved at some moment, and the mark with it; a replica in its place may have less.
    const isOther = server !== undefined && (found.server !== server || found.server === HIDDEN_RUN);
    server = found.server;
    follow(found.mark, isOther);
    if (evicts) onState('evicts');
  }

  /** The first to connect makes it. */
  async function readMark(client: RedisClient): Promise<string | null> {
    const found = await client.get(MARK_KEY);
    if (found !== null) return found;
    await client.set(MARK_KEY, nextMark(), { condition: 'NX' });
    return client.get(MARK_KEY);
  }

  /** Another one each time: a store that was emptied must not get back the mark that it had. */
  function nextMark(): string {
    calls += 1;
    return `${origin}.${calls}`;
  }

  async function ask<Reply>(
    command: (client: RedisClient) => Promise<Reply>,
  ): Promise<Reply | 'full' | 'down'> {
    if (connection.client === undefined && !isDown) {
      await within(TIMEOUT_MS, connection.firstAttempt).catch(() => undefined);
    }
    const { client } = connection;
    if (client === undefined || performance.now() < pausedUntilMs) return 'down';
    try {
      const reply = await within(TIMEOUT_MS, command(client));
      worked();
      return reply;
    } catch (error) {
      // Out of memory, and set to evict nothing: it works, but takes no more.
      if ((error as Error).message.startsWith('OOM')) return 'full';
      pausedUntilMs = performance.now() + PAUSE_MS;
      failed(error as Error);
      if (error instanceof NoReplyError) connection.leave(client, error);
      return 'down';
    }
  }

  function run(client: RedisClient, use: ProofUse): Promise<unknown> {
    const lifeMs = Math.max(1, Math.ceil(use.lastMs - clock())) + MAX_SKEW_MS;
    const options = {
      keys: [`${PREFIX}${digestOf(use.holder)}`, MARK_KEY],
      arguments: [use.digest, String(lifeMs), String(MAX_OF_KEY), nextMark()],
    };
    return client.evalSha(SCRIPT_SHA1, options).catch((error: Error) => {
      if (!error.message.startsWith('NOSCRIPT')) throw error;
      return client.eval(USE_SCRIPT, options);
    });
  }

  function follow(found: unknown, isOther = false): void {
    if (typeof found !== 'string') return;
    if (isOther || (mark !== undefined && found !== mark)) {
      // Until now proofs were accepted that state a later moment.
      lostUpToMs = Math.max(lostUpToMs, clock() + toleranceMs());
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
      latestMs = Math.max(latestMs, clock());
      const reply = await ask((client) => run(client, use));
      if (reply === 'full' || reply === 'down') return reply;
      const [outcome, found] = Array.isArray(reply) ? reply : [];
      follow(found);
      if (!OUTCOMES.has(outcome)) return 'down';
      if (outcome !== 'stored') return outcome as ReplayOutcome;
      // The latter once the clock is set back: the store has forgotten what was too old by it before.
      return use.issuedMs <= lostUpToMs || use.lastMs + MAX_SKEW_MS < latestMs ? 'down' : 'stored';
    },
    secretOf: (epoch) => secrets.get(epoch) ?? fetchSecret(epoch),
    secretAgain(epoch) {
      if (rereading !== undefined) return rereading.then(() => secrets.get(epoch));
      if (performance.now() < rereadAtMs + REREAD_MS) return secrets.get(epoch);
      rereadAtMs = performance.now();
      rereading = fetchSecret(epoch).finally(() => {
        rereading = undefined;
      });
      return rereading;
    },
    stats: () => undefined,
    close: () => connection.close(),
  };

  /** The first to ask makes it. */
  async function fetchSecret(epoch: number): Promise<Buffer | undefined> {
    const key = `${PREFIX}nonce:${epoch}`;
    const made = randomBytes(32).toString('base64url');
    const reply = await ask((client) =>
      Promise.all([
        client.set(key, made, { condition: 'NX', expiration: { type: 'PX', value: SECRET_LIFE_MS } }),
        client.get(key),
        readMark(client),
      ]),
    );
    if (reply === 'full' || reply === 'down') return undefined;
    const [, text, found] = reply;
    follow(found);
    for (const other of secrets.keys()) if (Math.abs(other - epoch) > 1) secrets.delete(other);
    const secret = Buffer.from(text ?? '', 'base64url');
    if (secret.length !== 32) return undefined;
    secrets.set(epoch, secret);
    return secret;
  }
}
