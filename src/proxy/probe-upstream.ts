import { readFileBounded } from '../config/read-file.ts';
import type { UpstreamConfig } from '../config/schema.ts';
import { openConnection } from './connector.ts';

const CONNECT_TIMEOUT_MS = 2_000;
const MAX_PEM_BYTES = 1024 * 1024;

/** Opens a connection to a backend and closes it: undefined when it came up, certificate and all; else why not. Sends nothing. */
export function probeUpstream(
  { url: written, tls, timeouts }: Pick<UpstreamConfig, 'url' | 'tls' | 'timeouts'>,
  resolvePath: (path: string) => string,
): Promise<string | undefined> {
  const url = new URL(written);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const read = (file: string | undefined) =>
    file === undefined
      ? undefined
      : Buffer.from(readFileBounded(resolvePath(file), MAX_PEM_BYTES)).toString('latin1');
  const isTls = url.protocol === 'https:';
  const endpoint = {
    host,
    port: Number(url.port) || (isTls ? 443 : 80),
    connectTimeoutMs: timeouts.connect ?? CONNECT_TIMEOUT_MS,
    tls: isTls
      ? { ca: read(tls?.ca), cert: read(tls?.cert), key: read(tls?.key), serverName: tls?.serverName ?? host }
      : undefined,
  };
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
