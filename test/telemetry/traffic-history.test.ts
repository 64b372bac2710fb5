import t from 'tap';
import { createTrafficHistory, SLICE_MS } from '../../src/telemetry/traffic-history.ts';

const NOW = 1_700_000_005_000;

t.test('traffic is listed by slice, oldest first, with empty slices between', async (t) => {
  const history = createTrafficHistory();
  history.add({ code: 'allow', status: 200 }, NOW - 2 * SLICE_MS);
  history.add({ code: 'token_expired', status: 401 }, NOW);
  history.add({ code: 'allow', status: 502 }, NOW);
  const slices = history.slices(NOW);
  t.equal(slices.length, 90);
  t.match(slices.at(-3), { allowed: 1, refused: 0, failed: 0 });
  t.match(slices.at(-2), { allowed: 0, refused: 0, failed: 0 });
  t.match(slices.at(-1), { allowed: 0, refused: 1, failed: 1, startMs: 1_700_000_000_000 });
});

t.test('what is older than a quarter of an hour is gone, also where no request came since', async (t) => {
  const history = createTrafficHistory();
  history.add({ code: 'allow', status: 200 }, NOW);
  const later = NOW + 90 * SLICE_MS;
  t.ok(history.slices(later).every(({ allowed }) => allowed === 0));
  history.add({ code: 'allow', status: 200 }, later);
  t.equal(history.slices(later).at(-1)?.allowed, 1);
});
