import t from 'tap';
import { mergeReports } from '../../src/admin/report.ts';
import { ASKED_REPORT, BUSY_REPORT, decision, issuerReport } from '../support/admin/admin-sources.ts';

t.test('reports of workers add up', async (t) => {
  const merged = mergeReports([BUSY_REPORT, BUSY_REPORT]);
  t.match(merged.traffic[0], { route: 'read-orders', requests: 96_426, refusals: { token_expired: 624 } });
  t.equal(merged.history.length, 90);
  t.equal(merged.history[10]?.allowed, 2 * (BUSY_REPORT.history[10]?.allowed ?? 0));
  t.equal(merged.connections, 424);
  t.equal(merged.cache.hits, 94_000);
  t.equal(merged.decisions.length, 10);
  t.match(merged.upstreams, [{ name: 'orders', targets: [{ running: 8 }] }, { name: 'partner' }]);
});

t.test('questions of other proxies add up by the way of asking', async (t) => {
  const other = {
    ...BUSY_REPORT,
    questions: [{ via: 'auth-request', allowed: 8, refused: 2, failed: 1 } as const],
  };
  t.same(mergeReports([ASKED_REPORT, other, BUSY_REPORT]).questions, [
    { via: 'auth-request', allowed: 39_420, refused: 312, failed: 7 },
    { via: 'forward-auth', allowed: 12, refused: 1, failed: 0 },
  ]);
});

t.test('of the keys the worst state counts, of backends the unhealthy one', async (t) => {
  const target = { url: 'http://a', healthy: true, running: 0, connections: 0 };
  const one = {
    ...BUSY_REPORT,
    issuers: [issuerReport('corp')],
    upstreams: [{ name: 'a', targets: [target] }],
  };
  const other = {
    ...BUSY_REPORT,
    issuers: [issuerReport('corp', { state: 'expired' as const })],
    upstreams: [{ name: 'a', targets: [{ ...target, healthy: false }] }],
  };
  for (const merged of [mergeReports([one, other]), mergeReports([other, one])]) {
    t.equal(merged.issuers[0]?.state, 'expired');
    t.equal(merged.upstreams[0]?.targets[0]?.healthy, false);
  }
});

t.test('the newest 200 decisions of all workers are kept', async (t) => {
  const decisions = Array.from({ length: 150 }, (_, n) => decision({ time: new Date(n).toISOString() }));
  const newest = decision({ time: new Date(1e12).toISOString() });
  const merged = mergeReports([
    { ...BUSY_REPORT, decisions },
    { ...BUSY_REPORT, decisions: [newest, ...decisions] },
  ]);
  t.equal(merged.decisions.length, 200);
  t.same(merged.decisions[0], newest);
});

t.test('nothing is made of no report', async (t) => {
  t.match(mergeReports([]), { traffic: [], issuers: [], connections: 0 });
});
