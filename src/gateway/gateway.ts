import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { createAdmin } from '../admin/app.ts';
import { createReadiness } from '../admin/readiness.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Problem } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { createTunnels } from '../proxy/tunnels.ts';
import { createAccessLog } from '../telemetry/access-log.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createKeyStorePool } from '../tokens/key-store-pool.ts';
import { createApp } from './app.ts';
import { compileGeneration, type Lasting } from './generation.ts';
import { openLimitStore } from './limit-store.ts';
import { createListener } from './listener.ts';
import { createServing } from './serve.ts';

export interface GatewayOptions {
  readonly loaded: LoadedConfig;
  readonly config: Config;
  readonly log: Logger;
  readonly clock?: Clock;
}

export interface Gateway {
  /** Opens both listeners and starts to fetch keys; a dead issuer does not hold it up. Rejects when a port is taken. */
  listen(): Promise<{ readonly url: string; readonly adminUrl: string }>;
  /**
   * Ends: not ready, still accepting for `shutdown.delay`, then no new connections, and `shutdown.grace` for what runs.
   * `cut` says that something had to be broken off. Further calls give the first one's answer.
   */
  drain(): Promise<'clean' | 'cut'>;
}

/** What readiness waits for, when the file does not say (contract §6). */
const READINESS_WAIT_MS = 10_000;

/** Composes a gateway from a valid file. The only place that knows every part. Gives problems instead when it does not compile. */
export async function createGateway({
  loaded,
  config,
  log,
  clock = systemClock,
}: GatewayOptions): Promise<{ readonly gateway?: Gateway; readonly problems: readonly Problem[] }> {
  const lasting: Lasting = {
    clock,
    keyStores: createKeyStorePool({ clock, log }),
    limitStore: await openLimitStore(config.rateLimitStore, { clock, log }),
  };
  const { generation, problems } = await compileGeneration({ loaded, config, lasting });
  if (generation === undefined) return { problems };
  const { verifier, upstreams } = generation;

  const readiness = createReadiness({ waitMs: READINESS_WAIT_MS, required: [], clock });
  let draining: Promise<'clean' | 'cut'> | undefined;
  const tunnels = createTunnels();
  const serving = createServing({
    current: () => generation,
    isDraining: () => draining !== undefined,
    tunnels,
    log,
    record: createAccessLog(log),
  });
  const app = await createApp(
    (request) => createListener(config.listen.limits, { ...serving, request }),
    serving,
  );
  const admin = createAdmin({
    isReady: () =>
      readiness.isReady(verifier.status().map(({ name, keys }) => ({ name, hasKeys: keys > 0 }))),
    issuers: () => verifier.status(),
  });

  async function drain(): Promise<'clean' | 'cut'> {
    readiness.drain();
    const { delay: delayMs, grace } = config.shutdown;
    log.info({ delayMs, graceMs: grace }, 'draining');
    await delay(delayMs);
    tunnels.drain();
    const outcome = await closeWithin(app, grace);
    await admin.close();
    verifier.close();
    await lasting.limitStore.close();
    await Promise.all([...upstreams.values()].map((upstream) => upstream.destroy()));
    log.info({ outcome }, 'ended');
    return outcome;
  }

  const gateway: Gateway = {
    async listen() {
      await admin.listen({ host: config.admin.host, port: config.admin.port });
      try {
        await app.listen({ host: config.listen.host, port: config.listen.port });
      } catch (error) {
        await admin.close();
        throw error;
      }
      void verifier.start();
      const addresses = { url: urlOf(app), adminUrl: urlOf(admin) };
      log.info(addresses, 'listening');
      return addresses;
    },
    drain: () => {
      draining ??= drain();
      return draining;
    },
  };
  return { gateway, problems };
}

/** Stops accepting and waits for what runs; breaks it off after `graceMs`. */
async function closeWithin(app: FastifyInstance, graceMs: number): Promise<'clean' | 'cut'> {
  let outcome: 'clean' | 'cut' = 'clean';
  const cut = setTimeout(() => {
    outcome = 'cut';
    app.server.closeAllConnections();
  }, graceMs);
  await app.close();
  clearTimeout(cut);
  return outcome;
}

function urlOf(app: FastifyInstance): string {
  const { address, family, port } = app.server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
