import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { Pool } from 'undici';
import { stringify } from 'yaml';
import { freePorts } from '../backends/ports.ts';
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts';

export interface Replica {
  readonly port: number;
  readonly adminPort: number;
}

/** Gateways as processes of their own, alike but for their ports, for something in front of them. */
export interface Replicas {
  readonly ports: readonly Replica[];
  readonly gateways: readonly GatewayProcess[];
  /** Replaces one as an orchestrator does: it drains, exits, and a new one takes its place. Resolves to exit code and signal. */
  replace(index: number): Promise<readonly [number | null, NodeJS.Signals | null]>;
}

export const REPLICAS = 3;
const isLast = (index: number): boolean => index === REPLICAS - 1;
/** Between two requests of one client. */
const PAUSE_MS = 5;

export interface ReplicaOptions {
  readonly adminToken?: string;
  /** Of the last one; the others have one process. */
  readonly workers?: number;
}

/** Starts three of `text`, which has everything but `listen.port`, `admin` and `workers`; they end with the test. */
export async function startReplicas(
  t: Test,
  text: string,
  { adminToken, workers = 1 }: ReplicaOptions = {},
): Promise<Replicas> {
  const free = await freePorts(2 * REPLICAS);
  const ports = Array.from({ length: REPLICAS }, (_, index) => ({
    port: free[2 * index] as number,
    adminPort: free[2 * index + 1] as number,
  }));
  const start = (index: number): Promise<GatewayProcess> => {
    const { port, adminPort } = ports[index] as Replica;
    const listen = { port, trustedProxies: ['127.0.0.1'] };
    const own = {
      listen,
      admin: { port: adminPort, token: adminToken },
      workers: isLast(index) ? workers : 1,
    };
    return startGatewayProcess(t, `${stringify(own)}${text}`);
  };
  const gateways = await Promise.all(ports.map((_, index) => start(index)));
  return {
    ports,
    gateways,
    async replace(index) {
      const old = gateways[index] as GatewayProcess;
      old.child.kill('SIGTERM');
      const end = await old.ended;
      gateways[index] = await start(index);
      return end;
    },
  };
}

export interface Load {
  /** Statuses other than 200, and errors. */
  readonly failures: readonly unknown[];
  readonly requests: () => number;
  stop(): Promise<void>;
}

/** Clients that ask for `/` over and over, each over a connection that it keeps; bounded, since others use the machine too. */
export async function startLoad(
  t: Test,
  url: string,
  {
    clients = 4,
    headers = {},
  }: { readonly clients?: number; readonly headers?: Record<string, string> } = {},
): Promise<Load> {
  const pool = new Pool(url, { connections: clients });
  t.teardown(() => pool.destroy());
  const failures: unknown[] = [];
  let requests = 0;
  let running = true;
  const ask = async (): Promise<void> => {
    while (running) {
      try {
        const { statusCode, body } = await pool.request({ method: 'GET', path: '/', headers });
        await body.dump();
        if (statusCode !== 200) failures.push(statusCode);
      } catch (error) {
        failures.push(error);
      }
      requests += 1;
      await delay(PAUSE_MS);
    }
  };
  const asking = Array.from({ length: clients }, ask);
  return {
    failures,
    requests: () => requests,
    async stop() {
      running = false;
      await Promise.all(asking);
    },
  };
}
