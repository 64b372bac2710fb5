import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import { readFileBounded } from '../../../src/config/source/read-file.ts';
import type { Clock } from '../../../src/core/clock.ts';
import { createGateway } from '../../../src/gateway/gateway.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';

export type LogLine = Readonly<Record<string, unknown>>;

export interface TestGateway {
  readonly url: string;
  readonly adminUrl: string;
  /** What it logged so far, parsed. */
  readonly lines: readonly LogLine[];
  /** The first line that fits, now or later. */
  waitForLine(fits: (line: LogLine) => boolean): Promise<LogLine>;
  /** Drains it; resolves to whether something had to be broken off. */
  close(): Promise<'clean' | 'cut'>;
}

export interface TestGatewayOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
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
  if (loaded.config === undefined) throw new Error(loaded.problems.map(formatProblem).join('\n'));
  const config = {
    ...loaded.config,
    listen: { ...loaded.config.listen, port: 0 },
    admin: { ...loaded.config.admin, port: 0 },
  };

  const lines: LogLine[] = [];
  const watchers = new Set<(line: LogLine) => void>();
  const log = createLogger('debug', {
    write: (text) => {
      const line = JSON.parse(text) as LogLine;
      lines.push(line);
      for (const watch of watchers) watch(line);
    },
  });
  const { gateway, problems } = await createGateway({
    loaded,
    config,
    log,
    ...(options.clock && { clock: options.clock }),
  });
  if (gateway === undefined) throw new Error(problems.map(formatProblem).join('\n'));

  const { url, adminUrl } = await gateway.listen();
  if (options.untilReady !== false) await waitUntilReady(adminUrl);
  return {
    url,
    adminUrl,
    lines,
    waitForLine: (fits) =>
      new Promise((found) => {
        const earlier = lines.find(fits);
        if (earlier) return found(earlier);
        const watch = (line: LogLine) => {
          if (!fits(line)) return;
          watchers.delete(watch);
          found(line);
        };
        watchers.add(watch);
      }),
    close: () => gateway.drain(),
  };
}

async function waitUntilReady(adminUrl: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (performance.now() < deadline) {
    const response = await fetch(`${adminUrl}/ready`);
    await response.body?.cancel();
    if (response.ok) return;
    await delay(5);
  }
  throw new Error('the gateway did not get ready');
}
