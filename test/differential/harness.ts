import { connect } from 'node:net';
import fc from 'fast-check';
import type { Test } from 'tap';
import { startHarness } from '../support/gateway/gateway-harness.ts';
import { arbitraryCase, bytesOf, type Case } from './cases.ts';
import { mayReach } from './reach-model.ts';
import { type BackendName, type RealBackend, startRealBackend } from './real-backends.ts';

/** Concurrent connections. */
const PARALLEL = 16;
/** Longer than any gateway response: its limit for a silent body is half a second here. */
const LONGEST_MS = 6_000;

export interface Findings {
  readonly cases: number;
  /** Requests that reached backends. */
  readonly reached: number;
  /** Violations, with the case that shows each. */
  readonly bypasses: readonly string[];
}

/** A gateway in front of real backends, one per host. No client has a token. */
export async function openDifferentialHarness(t: Test, names: readonly BackendName[]) {
  const backends: RealBackend[] = [];
  for (const name of names) {
    const backend = await startRealBackend(name);
    t.teardown(() => backend.stop());
    backends.push(backend);
  }
  const harness = await startHarness(t, {
    listen: { limits: { bodyIdle: '500ms' } },
    file: { upstreams: Object.fromEntries(backends.map(({ name, url }) => [name, { url }])) },
    routes: backends.flatMap(({ name }) => [
      { name: `${name}-public`, host: `${name}.example`, path: '/public', upstream: name, access: 'public' },
      {
        name: `${name}-admin`,
        host: `${name}.example`,
        path: '/admin',
        upstream: name,
        access: 'authenticated',
      },
    ]),
  });

  /** Runs cases until the count is reached or the time is over. */
  async function play(options: {
    readonly cases: number;
    readonly seed: number;
    readonly untilMs?: number;
  }): Promise<Findings> {
    const bypasses: string[] = [];
    let played = 0;
    const round = PARALLEL * 50;
    for (let seed = options.seed; played < options.cases; seed++) {
      if (options.untilMs !== undefined && performance.now() > options.untilMs) break;
      const cases = fc.sample(arbitraryCase, { numRuns: Math.min(round, options.cases - played), seed });
      const queue = cases.map((one, at) => ({ one, backend: backends[at % backends.length] as RealBackend }));
      await Promise.all(
        Array.from({ length: PARALLEL }, async () => {
          for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
            const response = await converse(harness.port, bytesOf(next.one, `${next.backend.name}.example`));
            const fault = check(next.one, response);
            if (fault !== undefined)
              bypasses.push(`${next.backend.name}: ${fault}: ${JSON.stringify(next.one)}`);
          }
        }),
      );
      played += cases.length;
    }
    const lines = backends.flatMap((backend) => backend.requestLines());
    bypasses.push(
      ...lines.filter((line) => !mayReach(line)).map((line) => `a backend took ${JSON.stringify(line)}`),
    );
    return { cases: played, reached: lines.length, bypasses };
  }
  return { harness, play };
}

function check({ method, target }: Case, response: string): string | undefined {
  if (/^x-area: (?:admin|other)/im.test(response)) return 'the protected area responded';
  if (/^x-saw-user: *\S/im.test(response)) return 'a backend got a user';
  if (/^x-area: public/im.test(response) && !mayReach(`${method} ${target} HTTP/1.1`))
    return 'the public area responded';
  if (response !== '' && !response.startsWith('HTTP/1.1 ')) return 'not an HTTP/1.1 response';
  if (/^HTTP\/1\.1 500/m.test(response)) return 'an internal failure';
  return undefined;
}

/** Sends the bytes and reads until the gateway closes, which `Connection: close` asks for. */
function converse(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    const socket = connect(port, '127.0.0.1');
    const timer = setTimeout(() => socket.destroy(), LONGEST_MS);
    socket.on('data', (piece) => pieces.push(piece));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(pieces).toString('latin1'));
    });
    socket.write(bytes);
  });
}
