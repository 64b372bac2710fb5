import type { UpstreamConfig } from '../config/schema.ts';
import { addressesOf } from './compile-upstreams.ts';
import { type Endpoint, openConnection } from './connector.ts';
import { readTlsFiles } from './upstream-tls.ts';

/** Opens a connection to every address of a backend and closes it: undefined when all came up, certificates and all; else why one did not. Sends nothing. */
export async function probeUpstream(
  upstream: UpstreamConfig,
  resolvePath: (path: string) => string,
): Promise<string | undefined> {
  const { tls } = readTlsFiles(upstream.tls, { path: [], resolvePath });
  const addresses = addressesOf(upstream, tls, resolvePath);
  const failures = await Promise.all(addresses.map(({ endpoint }) => probe(endpoint)));
  return failures.find((failure) => failure !== undefined);
}

function probe(endpoint: Endpoint): Promise<string | undefined> {
  return new Promise((resolve) => {
    openConnection(endpoint, (error, socket) => {
      socket?.destroy();
      resolve(error === null ? undefined : describe(error));
    });
  });
}

function describe(error: Error): string {
  const first = error instanceof AggregateError ? (error.errors[0] as Error | undefined) : undefined;
  return error.message || first?.message || 'failed';
}
