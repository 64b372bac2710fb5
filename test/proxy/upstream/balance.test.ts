import t from 'tap';
import { isRefusal } from '../../../src/core/refusals.ts';
import {
  type BalanceOptions,
  createBalance,
  type PickEndpoint,
} from '../../../src/proxy/upstream/balance.ts';
import { Ejection } from '../../../src/proxy/upstream/ejection.ts';
import { UpstreamEndpoint } from '../../../src/proxy/upstream/upstream-endpoint.ts';

const POLICY = { failures: 2, baseMs: 1_000, maxMs: 5_000 };

function setUp(count: number, options: Partial<BalanceOptions> = {}) {
  let nowMs = 0;
  const endpoints = Array.from(
    { length: count },
    (_, at) =>
      new UpstreamEndpoint({
        label: `t${at}`,
        dispatcher: { send: () => {}, connections: 0, close: async () => {}, destroy: async () => {} },
        prefix: '',
        ejection: new Ejection(POLICY),
        now: () => nowMs,
      }),
  );
  const balance = { balance: 'roundRobin', maxRunning: undefined, ...options, endpoints } as const;
  const pick = createBalance(balance);
  return {
    endpoints,
    pick,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

/** The labels of the next choices, each settled at once. */
function choices(pick: PickEndpoint, count: number): string[] {
  return Array.from({ length: count }, () => {
    const target = pick();
    if (isRefusal(target)) return target.code;
    target.settle('responded');
    return target.label;
  });
}

t.test('round robin goes round', async (t) => {
  const { pick } = setUp(3);
  t.same(choices(pick, 6), ['t0', 't1', 't2', 't0', 't1', 't2']);
});

t.test('least connections prefers the idlest and shares among equals', async (t) => {
  const { pick, endpoints } = setUp(3, { balance: 'leastConnections' });
  t.same(new Set(choices(pick, 6)).size, 3);
  const [first, second] = endpoints as [UpstreamEndpoint, UpstreamEndpoint];
  first.running = 2;
  second.running = 1;
  t.same(choices(pick, 3), ['t2', 't2', 't2']);
});

t.test('an unhealthy address is never chosen, and none at all is a refusal', async (t) => {
  for (const count of [1, 2]) {
    const { pick, endpoints } = setUp(count);
    if (count > 1) {
      (endpoints[0] as UpstreamEndpoint).healthy = false;
      t.same(new Set(choices(pick, 4)), new Set(['t1']));
    }
    for (const target of endpoints) target.healthy = false;
    t.same(choices(pick, 1), ['upstream_unhealthy']);
    (endpoints[0] as UpstreamEndpoint).healthy = true;
    t.same(choices(pick, 1), ['t0']);
  }
});

t.test('an address at its limit is passed over, and all at their limit is a refusal', async (t) => {
  for (const count of [1, 2]) {
    const { pick } = setUp(count, { maxRunning: 1 });
    const held = Array.from({ length: count }, () => pick());
    t.notOk(held.some(isRefusal));
    t.same(choices(pick, 1), ['overloaded']);
    (held[0] as UpstreamEndpoint).settle('unknown');
    t.same(choices(pick, 1), ['t0']);
  }
});

t.test('an address that keeps failing is left out, longer each time, and comes back', async (t) => {
  const { pick, endpoints, pass } = setUp(2);
  const fail = (): void => {
    (endpoints[0] as UpstreamEndpoint).running++;
    (endpoints[0] as UpstreamEndpoint).settle('failed');
  };
  fail();
  t.same(new Set(choices(pick, 4)), new Set(['t0', 't1']), 'one failure is none, and a success forgets it');
  fail();
  fail();
  t.same(new Set(choices(pick, 4)), new Set(['t1']));
  pass(1_000);
  fail();
  t.same(new Set(choices(pick, 4)), new Set(['t1']), 'the next time one failure suffices');
  pass(1_999);
  t.same(new Set(choices(pick, 4)), new Set(['t1']), 'twice as long');
  pass(1);
  t.same(new Set(choices(pick, 4)), new Set(['t0', 't1']));
  fail();
  t.same(new Set(choices(pick, 4)), new Set(['t0', 't1']), 'after a success it starts anew');
});

t.test('the time out is bounded', async (t) => {
  const ejection = new Ejection(POLICY);
  let nowMs = 0;
  for (let i = 0; i < 20; i++) {
    ejection.failed(nowMs);
    ejection.failed(nowMs);
    nowMs += 5_000;
    t.notOk(ejection.isEjected(nowMs));
  }
});

t.test('when every address is left out all are tried again', async (t) => {
  const { pick, endpoints } = setUp(2);
  for (const target of endpoints) {
    for (let i = 0; i < 2; i++) {
      target.running++;
      target.settle('failed');
    }
  }
  t.notOk(isRefusal(pick()));
});

t.test('a retry goes to another address while there is one', async (t) => {
  const { pick, endpoints } = setUp(2);
  for (let i = 0; i < 4; i++) t.equal(pick([endpoints[0] as UpstreamEndpoint]), endpoints[1]);
  t.notOk(isRefusal(pick(endpoints)));
});
