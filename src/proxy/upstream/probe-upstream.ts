import type { UpstreamConfig } from '../../config/schema/config.ts';
import type { Refusal } from '../../core/refusals.ts';
import { type ConnectOptions, openConnection } from '../connector.ts';
import { failureOf } from '../errors.ts';
import { addressesOf } from './compile-upstreams.ts';
import { readTlsFiles } from './upstream-tls.ts';

/** An address of a backend that no connection came up with. */
export interface FailedProbe {
  readonly origin: string;
  /** What a request would be refused with. */
  readonly refusal: Refusal;
}

/** Opens a connection to every address of a backend and closes it: those that failed, certificates and all. Sends nothing. */
export async function probeUpstream(
  upstream: UpstreamConfig,
  resolvePath: (path: string) => string,
): Promise<readonly FailedProbe[]> {
  const { tls } = readTlsFiles(upstream.tls, { path: [], resolvePath });
  const addresses = addressesOf(upstream, tls, resolvePath);
  const probes = await Promise.all(
    addresses.map(async ({ url, connect }) => {
      const refusal = await probe(connect);
      return refusal === undefined ? [] : [{ origin: url.origin, refusal }];
    }),
  );
  return probes.flat();
}

function probe(connect: ConnectOptions): Promise<Refusal | undefined> {
  return new Promise((resolve) => {
    openConnection(connect, (error, socket) => {
      socket?.destroy();
      resolve(error === null ? undefined : failureOf(error, true));
    });
  });
}
