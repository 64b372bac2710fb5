import t from 'tap';
import { isRefusal } from '../../src/core/refusals.ts';
import { type BalanceOptions, createBalance, createSingle, type Pick } from '../../src/proxy/balance.ts';
import { Ejection } from '../../src/proxy/ejection.ts';
import { Target } from '../../src/proxy/target.ts';

const POLICY = { failures: 2, baseMs: 1_000, maxMs: 5_000 };

function setUp(count: number, options: Partial<BalanceOptions> = {}) {
  let nowMs = 0;
  const targets = Array.from(
    { length: count },
    (_, at) =>
      new Target({
        label: `t${at}`,
        sender: { send: () => {}, connections: 0, close: async () => {}, destroy: async () => {} },
        prefix: '',
        ejection: new Ejection(POLICY),
        now: () => nowMs,
      }),
  );
  const balance = { balance: 'roundRobin', maxRunning: undefined, ...options, targets } as const;
  const pick = count === 1 ? createSingle(balance) : createBalance(balance);
  return {
    targets,
    pick,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

/** The labels of the next choices, each settled at once. */
function choices(pick: Pick, count: number): string[] {
  return Array.from({ length: count }, () => {
    const target = pick();
    if (isRefusal(target)) return target.code;
    target.settle('answered');
    return target.label;
  });
}

t.test('round robin goes round', async (t) => {
  const { pick } = setUp(3);
  t.same(choices(pick, 6), ['t0', 't1', 't2', 't0', 't1', 't2']);
});

t.test('least connections prefers the idlest and shares among equals', async (t) => {
  const { pick, targets } = setUp(3, { balance: 'leastConnections' });
  t.same(new Set(choices(pick, 6)).size, 3);
  const [first, second] = targets as [Target, Target];
  first.running = 2;
  second.running = 1;
  t.same(choices(pick, 3), ['t2', 't2', 't2']);
});

t.test('an unhealthy address is never chosen, and none at all is a refusal', async (t) => {
  for (const count of [1, 2]) {
    const { pick, targets } = setUp(count);
    if (count > 1) {
      (targets[0] as Target).healthy = false;
      t.same(new Set(choices(pick, 4)), new Set(['t1']));
    }
    for (const target of targets) target.healthy = false;
    t.same(choices(pick, 1), ['upstream_unhealthy']);
    (targets[0] as Target).healthy = true;
    t.same(choices(pick, 1), ['t0']);
  }
});

t.test('an address at its limit is passed over, and all at their limit is a refusal', async (t) => {
  for (const count of [1, 2]) {
    const { pick } = setUp(count, { maxRunning: 1 });
    const held = Array.from({ length: count }, () => pick());
    t.notOk(held.some(isRefusal));
    t.same(choices(pick, 1), ['overloaded']);
    (held[0] as Target).settle('unknown');
    t.same(choices(pick, 1), ['t0']);
  }
});

t.test('an address that keeps failing is left out, longer each time, and comes back', async (t) => {
  const { pick, targets, pass } = setUp(2);
  const fail = (): void => {
    (targets[0] as Target).running++;
    (targets[0] as Target).settle('failed');
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
    t.notOk(ejection.isOut(nowMs));
  }
});

t.test('when every address is left out all are tried again', async (t) => {
  const { pick, targets } = setUp(2);
  for (const target of targets) {
    for (let i = 0; i < 2; i++) {
      target.running++;
      target.settle('failed');
    }
  }
  t.notOk(isRefusal(pick()));
});

t.test('a further try goes to another address while there is one', async (t) => {
  const { pick, targets } = setUp(2);
  for (let i = 0; i < 4; i++) t.equal(pick([targets[0] as Target]), targets[1]);
  t.notOk(isRefusal(pick(targets)));
});
