import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import type { Config } from '../../../src/config/schema/config.ts';
import { readFileBounded } from '../../../src/config/source/read-file.ts';
import type { Clock } from '../../../src/core/time/clock.ts';
import { createGateway, type GatewayOptions } from '../../../src/gateway/gateway.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';

export interface LogLine extends Readonly<Record<string, unknown>> {
  readonly msg: string;
}

export interface TestGateway {
  readonly url: string;
  readonly adminUrl: string;
  /** Where other proxies ask, if they can. */
  readonly decisionsUrl: string | undefined;
  /** Where Envoy asks over gRPC, if it can. */
  readonly grpcUrl: string | undefined;
  /** What it logged so far, parsed. */
  readonly lines: readonly LogLine[];
  /** The first line that fits, now or later. */
  waitForLine(fits: (line: LogLine) => boolean): Promise<LogLine>;
  /** Drains it; `cut` means that something was broken off. */
  close(): Promise<'clean' | 'cut'>;
}

export interface TestGatewayOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  /** Where it listens; default: any free port. */
  readonly port?: number | undefined;
  /** Whether to wait until it is ready, which it is not while an issuer is dead. Default true. */
  readonly untilReady?: boolean;
}

/** Starts the real gateway from the text of a file on free loopback ports. Throws with all problems of a bad text. */
export async function startGateway(text: string, options: TestGatewayOptions = {}): Promise<TestGateway> {
  const file = resolve('gateway.yaml');
  const loaded = loadConfig({
    file,
    env: options.env ?? {},
    readFile: (path, maxBytes) => (path === file ? Buffer.from(text) : readFileBounded(path, maxBytes)),
  });
  const { config } = loaded;
  const { gateway, lines, waitForLine } = await createTestGateway({
    loaded,
    config: config && {
      ...config,
      listen: { ...config.listen, port: options.port ?? 0 },
      admin: { ...config.admin, port: 0 },
    },
    ...(options.clock && { clock: options.clock }),
  });
  const { url, adminUrl, decisionsUrl, grpcUrl } = await gateway.listen();
  if (options.untilReady !== false) await waitUntilReady(adminUrl);
  return { url, adminUrl, decisionsUrl, grpcUrl, lines, waitForLine, close: () => gateway.drain() };
}

interface CreateOptions extends Omit<GatewayOptions, 'log' | 'config'> {
  readonly config: Config | undefined;
  readonly level?: Config['log']['level'];
  /** Called with each line. */
  readonly onLine?: (line: LogLine) => void;
}

/** Creates a gateway that keeps what it logs; throws if its file has problems. */
export async function createTestGateway({
  config,
  level = 'debug',
  onLine = () => {},
  ...options
}: CreateOptions) {
  if (config === undefined) throw new Error(options.loaded.problems.map(formatProblem).join('\n'));
  const lines: LogLine[] = [];
  const watchers = new Set([onLine]);
  const log = createLogger(level, {
    write(text) {
      const line = JSON.parse(text) as LogLine;
      lines.push(line);
      for (const watch of watchers) watch(line);
    },
  });
  const { gateway, problems } = await createGateway({ ...options, config, log });
  if (gateway === undefined) throw new Error(problems.map(formatProblem).join('\n'));
  /** The first line from now on that fits. */
  const nextLine = (fits: (line: LogLine) => boolean): Promise<LogLine> =>
    new Promise((found) => {
      const watch = (line: LogLine): void => {
        if (!fits(line)) return;
        watchers.delete(watch);
        found(line);
      };
      watchers.add(watch);
    });
  const waitForLine = async (fits: (line: LogLine) => boolean): Promise<LogLine> =>
    lines.find(fits) ?? nextLine(fits);
  return { gateway, lines, nextLine, waitForLine };
}

export async function waitUntilReady(adminUrl: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (performance.now() < deadline) {
    const response = await fetch(`${adminUrl}/ready`);
    await response.body?.cancel();
    if (response.ok) return;
    await delay(5);
  }
  throw new Error('the gateway did not get ready');
}
