import t from 'tap';
import { guardOverload } from '../../../src/gateway/server/overload.ts';
import { exchangeRaw, rawRequest } from '../../support/clients/raw.ts';
import { startHarness } from '../../support/gateway/gateway-harness.ts';

t.test(
  'two looks in a row over the limit refuse with 503, the first one under it lets in again',
  async (t) => {
    const medians = [2000, 30, 2000, 2000, 2000, 30];
    const guard = guardOverload({
      limitMs: () => 1000,
      delays: { take: () => medians.shift() ?? 0, stop: () => undefined },
    });
    t.teardown(() => guard.stop());
    const codes = medians.slice().map(() => {
      guard.check();
      return guard.refusal()?.cause;
    });
    t.strictSame(codes, [
      undefined,
      undefined,
      undefined,
      'event_loop_behind',
      'event_loop_behind',
      undefined,
    ]);
  },
);

t.test('a gateway whose event loop is blocked sheds requests, and serves again afterwards', async (t) => {
  const harness = await startHarness(t, { listen: { overload: { eventLoopDelay: '100ms' } } });
  const ask = async () => (await exchangeRaw(harness.port, rawRequest('GET /public HTTP/1.1'))).response;
  t.equal((await ask())?.status, 200);
  let isBlocking = true;
  const block = (): void => {
    const until = performance.now() + 250;
    while (performance.now() < until);
    if (isBlocking) setImmediate(block);
  };
  block();
  let shed = await ask();
  for (let attempts = 0; shed?.status === 200 && attempts < 50; attempts++) shed = await ask();
  isBlocking = false;
  t.equal(shed?.code, 'overloaded');
  t.strictSame(shed?.headers['retry-after'], ['1']);
  for (let attempts = 0; (await ask())?.status !== 200; attempts++) {
    if (attempts > 100) throw new Error('it never recovered');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});
