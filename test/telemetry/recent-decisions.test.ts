import t from 'tap';
import { createRecentDecisions, type DecidedRequest } from '../../src/telemetry/recent-decisions.ts';

const REFUSED: DecidedRequest = {
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
    recent.list(false).map(({ requestId }) => requestId),
    ['d', 'c', 'b'],
  );
});

t.test('a decision shows names and codes and nothing else of the request', async (t) => {
  const recent = createRecentDecisions();
  recent.add({ ...REFUSED, path: '/secret', subject: 'alice' } as DecidedRequest, 0);
  const [decision] = recent.list(false);
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

t.test('where other proxies may ask, each decision shows how it was asked for', async (t) => {
  const recent = createRecentDecisions();
  recent.add({ ...REFUSED, via: 'ext-authz' }, 0);
  recent.add(REFUSED, 0);
  t.same(
    recent.list(true).map(({ via }) => via),
    [null, 'ext-authz'],
  );
});

t.test('an empty memory lists nothing', async (t) => {
  t.same(createRecentDecisions().list(false), []);
});

t.test(
  'under load each code keeps a hundred decisions of a second, so that none drowns the others',
  async (t) => {
    const recent = createRecentDecisions();
    for (let at = 0; at < 5_000; at += 1) recent.add({ ...REFUSED, code: 'token_missing' }, 1_000);
    recent.add(REFUSED, 1_999);
    for (let at = 0; at < 30; at += 1) recent.add({ ...REFUSED, code: 'token_missing' }, 2_000);
    const codes = recent.list(false).map(({ code }) => code);
    t.equal(codes.length, 131);
    t.equal(codes[30], 'insufficient_scope');
  },
);
