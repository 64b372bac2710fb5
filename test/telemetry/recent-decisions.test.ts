import t from 'tap';
import { createRecentDecisions, type JudgedRequest } from '../../src/telemetry/recent-decisions.ts';

const REFUSED: JudgedRequest = {
  requestId: 'r',
  method: 'GET',
  route: 'orders',
  status: 403,
  code: 'insufficient_scope',
  reason: 'the token lacks orders:read',
  issuer: 'corp',
};

t.test('the newest decision comes first and the oldest ones are dropped', async (t) => {
  const recent = createRecentDecisions(3);
  for (const requestId of ['a', 'b', 'c', 'd']) recent.add({ ...REFUSED, requestId }, 0);
  t.same(
    recent.list().map(({ requestId }) => requestId),
    ['d', 'c', 'b'],
  );
});

t.test('a decision shows names and codes and nothing else of the request', async (t) => {
  const recent = createRecentDecisions();
  recent.add({ ...REFUSED, path: '/secret', subject: 'alice' } as JudgedRequest, 0);
  const [decision] = recent.list();
  t.same(Object.keys(decision ?? {}), [
    'time',
    'requestId',
    'method',
    'route',
    'status',
    'code',
    'reason',
    'issuer',
  ]);
  t.match(decision?.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

t.test('an empty memory lists nothing', async (t) => {
  t.same(createRecentDecisions().list(), []);
});
