import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { Pool } from 'undici';
import { liveText, startLiveGateway } from '../../support/gateway/live-gateway.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const RELOADS = 200;
const CLIENTS = 4;
/** What two hundred configurations may leave behind: noise of the heap, not one configuration each. */
const GROWTH_BYTES = 3 * 1024 ** 2;

const manyRoutes = (version: number) =>
  liveText({
    // The lines that a test keeps would count as growth.
    top: 'log: { level: warn }',
    routes: Array.from(
      { length: 20 },
      (_, n) => `  - { name: r${n}, path: /r${n}/v${version}, upstream: backend, access: authenticated }`,
    ).join('\n'),
  });

function countResources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

t.test(
  `${RELOADS} reloads under load fail no request and leave nothing behind`,
  { timeout: 60_000 },
  async (t) => {
    const live = await startLiveGateway(t, manyRoutes(0));
    const clients = new Pool(live.url, { connections: CLIENTS });
    t.teardown(() => clients.close());
    const headers = { authorization: `Bearer ${live.token()}` };
    let running = true;
    let requests = 0;
    const failures: unknown[] = [];

    const ask = async (): Promise<void> => {
      while (running) {
        try {
          const { statusCode, body } = await clients.request({ method: 'GET', path: '/a', headers });
          await body.dump();
          requests += 1;
          if (statusCode !== 200) failures.push(statusCode);
        } catch (error) {
          failures.push(error);
        }
      }
    };
    const asking = Array.from({ length: CLIENTS }, ask);

    const reload = async (version: number): Promise<void> => {
      live.write(manyRoutes(version));
      // The watching may have been quicker; then there is nothing left to apply.
      const { result, problems } = await live.gateway.reload('signal');
      if (result === 'refused') failures.push(problems);
    };
    for (let version = 1; version <= 20; version += 1) await reload(version);
    live.upstream.reset();
    collectGarbage();
    const heapBefore = process.memoryUsage().heapUsed;
    const resourcesBefore = countResources();
    const fetchesBefore = live.issuer.fetches();

    for (let version = 21; version <= 20 + RELOADS; version += 1) await reload(version);
    running = false;
    await Promise.all(asking);
    live.upstream.reset();
    collectGarbage();
    const grownBytes = process.memoryUsage().heapUsed - heapBefore;

    t.same(failures, [], `${requests} requests`);
    t.ok(requests > RELOADS, `${requests} requests`);
    t.equal(live.issuer.fetches(), fetchesBefore, 'keys stayed warm');
    t.ok(grownBytes < GROWTH_BYTES, `the heap grew by ${Math.round(grownBytes / 1024)} KiB`);
    const resources = countResources();
    for (const kind of ['Timeout', 'TCPSocketWrap', 'TCPServerWrap', 'FSEventWrap']) {
      t.ok((resources[kind] ?? 0) <= (resourcesBefore[kind] ?? 0) + 2, `${kind}: ${resources[kind] ?? 0}`);
    }
    t.ok(live.upstream.connections() <= CLIENTS, 'the backend kept its connections');
    const metrics = await (await live.admin('/metrics')).text();
    t.notMatch(metrics, 'route="r0"', 'no series of routes without traffic');
    // A file that is replaced while it is read is read once more, so there may be a few more.
    const applied = Number(/reloads_total\{result="applied"\} (\d+)/.exec(metrics)?.[1]);
    t.ok(applied >= 20 + RELOADS, `${applied} were applied`);
  },
);
