import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** A port of the loopback that nobody else gets before its release. */
export interface ReservedPort {
  readonly port: number;
  release(): Promise<void>;
}

/** Reserves the preferred port if it is free, else another; 0 means any. */
export async function reservePort(preferred: number): Promise<ReservedPort> {
  return (await tryPort(preferred)) ?? (await tryPort(0)) ?? { port: 0, release: async () => {} };
}

/** The preferred loopback port if it is free, else another; 0 means any. It may be taken right after. */
export async function findFreePort(preferred: number): Promise<number> {
  const { port, release } = await reservePort(preferred);
  await release();
  return port;
}

async function tryPort(port: number): Promise<ReservedPort | undefined> {
  const probe = createServer().listen(port, '127.0.0.1');
  try {
    await once(probe, 'listening');
  } catch {
    return undefined;
  }
  return {
    port: (probe.address() as AddressInfo).port,
    async release() {
      probe.close();
      await once(probe, 'close');
    },
  };
}
