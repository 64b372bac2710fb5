import { createHash } from 'node:crypto';
import { type Scheduler, systemScheduler } from '../../core/time/scheduler.ts';
import { createKeyTransport } from '../keys/fetch/key-transport.ts';
import { type CallGate, createCallGate } from './call-gate.ts';
import { type CallCounter, type CallStats, createCallCounter } from './call-stats.ts';
import type { ClientCredentials } from './client-credentials.ts';
import { type CallLog, createEndpointLog, type EndpointLog } from './endpoint-log.ts';
import { createProviderEndpoint, type EndpointSettings, type ProviderEndpoint } from './provider-endpoint.ts';

/**
 * Keeps endpoints of providers across reloads of the file: connections and found places stay warm, counts go on, and no more calls run
 * at a time than the file allows while an old and a new configuration serve side by side. One per process.
 */
export interface EndpointPool {
  /** Gives the endpoint in use where nothing about it has changed. Pair with `release`. */
  acquire(settings: EndpointSettings): ProviderEndpoint;
  /** Closes the endpoint after its last user; calls that run end by themselves. */
  release(endpoint: ProviderEndpoint): void;
  /** Limits the calls of one endpoint, the same ones across reloads, whatever its settings. `part` is that of one client address. */
  gate(owner: EndpointOwner, most: number, part?: number): CallGate;
  stats(owner: EndpointOwner): CallStats;
  readonly scheduler: Scheduler;
}

export type EndpointOwner = Pick<EndpointSettings, 'endpoint' | 'name'>;

export interface EndpointPoolOptions {
  readonly scheduler?: Scheduler;
  readonly random?: () => number;
  readonly log?: CallLog;
  /** Where HTTPS_PROXY and NO_PROXY are read from. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

interface Shared {
  readonly key: string;
  readonly endpoint: ProviderEndpoint;
  readonly closeTransport: () => void;
  users: number;
}

/** Calls are frequent. Shorter than the five seconds after which Node's servers close an idle connection. */
const KEEP_ALIVE_MS = 4_000;

/** Makes an empty pool; each generation of the configuration acquires its endpoints from it. */
export function createEndpointPool(options: EndpointPoolOptions = {}): EndpointPool {
  const { scheduler = systemScheduler, random = Math.random, env = process.env } = options;
  const pool = new Map<string, Shared>();
  const counters = new Map<string, CallCounter>();
  const gates = new Map<string, CallGate>();
  /** Kept too, so that an endpoint that failed is seen to respond again, also where new settings are why. */
  const logs = new Map<string, EndpointLog>();

  const nameOf = ({ endpoint, name }: EndpointOwner): string => `${endpoint} ${name}`;

  function counterOf(owner: EndpointOwner): CallCounter {
    const counter = counters.get(nameOf(owner)) ?? createCallCounter(owner.endpoint, owner.name);
    counters.set(nameOf(owner), counter);
    return counter;
  }

  function logOf(owner: EndpointOwner): EndpointLog {
    const log = logs.get(nameOf(owner)) ?? createEndpointLog(options.log, owner);
    logs.set(nameOf(owner), log);
    return log;
  }

  function open(settings: EndpointSettings, key: string): Shared {
    const { ca, credentials } = settings;
    const client = credentials.kind === 'tls' ? { cert: credentials.cert, key: credentials.key } : undefined;
    const dispatcher = createKeyTransport({ ca, env, client, keepAliveMs: KEEP_ALIVE_MS });
    const endpoint = createProviderEndpoint({
      settings,
      dispatcher,
      scheduler,
      random,
      counter: counterOf(settings),
      log: logOf(settings),
    });
    // Lets calls that are running end.
    return { key, endpoint, closeTransport: () => void dispatcher.close(), users: 0 };
  }

  return {
    scheduler,
    acquire(settings) {
      const key = digestOf(settings);
      const shared = pool.get(key) ?? open(settings, key);
      pool.set(key, shared);
      shared.users += 1;
      return shared.endpoint;
    },
    release(endpoint) {
      const shared = [...pool.values()].find((candidate) => candidate.endpoint === endpoint);
      if (shared === undefined) return;
      shared.users -= 1;
      if (shared.users > 0) return;
      pool.delete(shared.key);
      endpoint.close();
      shared.closeTransport();
    },
    gate(owner, most, part) {
      const gate = gates.get(nameOf(owner)) ?? createCallGate(most, part);
      gates.set(nameOf(owner), gate);
      gate.resize(most);
      return gate;
    },
    stats: (owner) => counterOf(owner).stats(),
  };
}

/** A digest, since the settings hold secrets. */
function digestOf({ credentials, ...settings }: EndpointSettings): string {
  return createHash('sha256')
    .update(JSON.stringify([settings, identityOf(credentials)]))
    .digest('base64url');
}

/** A key object has nothing to show in JSON. */
function identityOf(credentials: ClientCredentials): unknown {
  if (credentials.kind !== 'key') return credentials;
  const { key, ...names } = credentials.key;
  return [credentials.clientId, names, key.export({ type: 'pkcs8', format: 'der' }).toString('base64')];
}
