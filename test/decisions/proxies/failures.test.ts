import t, { type Test } from 'tap';
import {
  type AskingHarness,
  bearer,
  fileWith,
  harnessOf,
  reloadWith,
  startAsking,
  startBesides,
} from './asking-harness.ts';
import { throughEach } from './programs.ts';

/** Longer than the example files wait for the gateway (2 s), shorter than any default. */
const IN_TIME_MS = 8_000;

/** Every request is refused with this status in time, whether it needs a token or not. */
async function checkClosed(
  t: Test,
  { sendRefused }: Pick<AskingHarness, 'sendRefused'>,
  status: number,
): Promise<void> {
  const started = performance.now();
  const responses = await Promise.all([
    sendRefused('GET /orders HTTP/1.1', [bearer()]),
    sendRefused('GET /orders HTTP/1.1', [bearer(), 'X-User-Id: evil']),
    sendRefused('GET /public HTTP/1.1'),
    sendRefused('POST /orders HTTP/1.1', [bearer({ scope: 'orders:write' }), 'Content-Length: 4'], 'body'),
  ]);
  t.strictSame(
    responses.map((response) => response.status),
    responses.map(() => status),
  );
  t.ok(performance.now() - started < IN_TIME_MS, 'in time');
  for (const { headers } of responses) t.notMatch(JSON.stringify(headers), /x-user-id|ada/);
}

throughEach(t, 'a gateway that is slow, then down', async (t, proxy) => {
  const harness = await startAsking(t, proxy);
  t.equal((await harness.send('GET /orders HTTP/1.1', [bearer()])).status, 200);
  const { child } = harness.gateway;
  await t.test('it stands still', async (t) => {
    child.kill('SIGSTOP');
    await checkClosed(t, harness, proxy.unavailable.slow);
  });
  await t.test('it is gone', async (t) => {
    child.kill('SIGKILL');
    await harness.gateway.ended;
    await checkClosed(t, harness, proxy.unavailable.down);
  });
});

throughEach(t, 'a gateway that was never there', async (t, proxy) => {
  const besides = await startBesides(t, proxy);
  await checkClosed(t, harnessOf(besides), proxy.unavailable.down);
});

throughEach(t, 'a reload under traffic', async (t, proxy) => {
  const harness = await startAsking(t, proxy);
  const statuses = new Map<number, number>();
  let isRunning = true;
  const clients = Array.from({ length: 4 }, async () => {
    while (isRunning) {
      const { status } = await harness.send('GET /orders HTTP/1.1', [bearer()]);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  });
  const file = (scope: string) => fileWith(harness.ports).replace('[orders:read]', `[${scope}]`);
  for (const scope of ['orders:audit', 'orders:read', 'orders:audit']) {
    await reloadWith(harness, file(scope));
    // The active file decides each request that begins now.
    const { status } = await harness.send('GET /orders HTTP/1.1', [bearer()]);
    t.equal(status, scope === 'orders:read' ? 200 : 403, scope);
  }
  isRunning = false;
  await Promise.all(clients);
  t.strictSame([...statuses.keys()].sort(), [200, 403], 'no request failed');
});
