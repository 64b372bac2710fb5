import t from 'tap';
import { createAdmin } from '../../src/admin/app.ts';
import type { GatewayReport } from '../../src/admin/report.ts';
import { countBySource } from '../../src/tokens/revocation/entry.ts';
import {
  ASKED_FACTS,
  ASKED_REPORT,
  adminSources,
  BUSY_REPORT,
  FACTS,
  issuerReport,
} from '../support/admin/admin-sources.ts';
import { HOSTILE_TEXT, unseenIn } from '../support/core/unseen.ts';

const HOST = { host: '127.0.0.1:9090' };
const BEYOND = { remoteAddress: '10.1.2.3' };

t.test('other machines get health and metrics only', async (t) => {
  const app = createAdmin(adminSources());
  t.teardown(() => app.close());
  for (const url of ['/live', '/ready', '/ready?verbose', '/metrics']) {
    t.equal((await app.inject({ url, ...BEYOND, headers: { host: 'sealgate.svc' } })).statusCode, 200, url);
  }
  for (const url of ['/', '/status', '/status/decisions', '/page.js', '/page.css']) {
    const { statusCode, body } = await app.inject({ url, ...BEYOND });
    t.equal(statusCode, 403, url);
    t.notMatch(body, 'orders', `${url} reveals nothing`);
  }
  t.equal((await app.inject({ url: '/keys/refresh', method: 'POST', ...BEYOND })).statusCode, 403);
});

t.test('beyond this machine the token opens the rest, also after it changed', async (t) => {
  let token = 'first';
  const app = createAdmin(adminSources({ token: () => token }));
  t.teardown(() => app.close());
  const ask = async (sent: string) =>
    (await app.inject({ url: '/status', ...BEYOND, headers: { authorization: `Bearer ${sent}` } }))
      .statusCode;
  t.equal(await ask('first'), 200);
  t.equal(await ask('second'), 401);
  token = 'second';
  t.equal(await ask('first'), 401);
  t.equal(await ask('second'), 200);
  const { headers } = await app.inject({ url: '/status', ...BEYOND });
  t.match(headers['www-authenticate'], /^Bearer realm=/);
});

t.test('readiness shows each issuer when asked to', async (t) => {
  const app = createAdmin(adminSources({ facts: { ...FACTS, ready: false } }));
  t.teardown(() => app.close());
  const plain = await app.inject('/ready');
  t.equal(plain.statusCode, 503);
  t.same(plain.json(), { status: 'not ready' });
  const verbose = await app.inject('/ready?verbose');
  t.equal(verbose.statusCode, 503);
  t.match(verbose.json(), {
    issuers: [
      { name: 'corp', state: 'fresh' },
      { name: 'partner', state: 'stale' },
    ],
  });
  t.equal((await app.inject({ url: '/live', method: 'HEAD' })).statusCode, 200);
});

t.test('another method is refused with those that the path allows, to clients that may know', async (t) => {
  const app = createAdmin(adminSources());
  t.teardown(() => app.close());
  const table = [
    ['GET', '/keys/refresh', 'POST'],
    ['HEAD', '/keys/refresh/corp', 'POST'],
    ['POST', '/live', 'GET, HEAD'],
    ['POST', '/metrics', 'GET, HEAD'],
    ['DELETE', '/', 'GET, HEAD'],
    ['OPTIONS', '/status', 'GET, HEAD'],
  ] as const;
  for (const [method, url, allow] of table) {
    const response = await app.inject({ method, url, headers: HOST });
    t.match(response, { statusCode: 405, headers: { allow } }, `${method} ${url}`);
  }
  t.equal((await app.inject({ url: '/keys/refresh', ...BEYOND })).statusCode, 403);
  t.equal((await app.inject({ method: 'POST', url: '/keys', headers: HOST })).statusCode, 404);
});

t.test('the status shows routes with their traffic, issuers, upstreams and reloads', async (t) => {
  const app = createAdmin(adminSources());
  t.teardown(() => app.close());
  const response = await app.inject({ url: '/status', headers: HOST });
  t.equal(response.statusCode, 200);
  t.equal(response.headers['cache-control'], 'no-store');
  const status = response.json();
  t.match(status, {
    status: 'ready',
    config: { file: '/etc/sealgate/gateway.yaml', appliedAt: '2026-03-04T09:12:01.000Z', current: true },
    unmatched: { requests: 77, refusals: { route_unknown: 77 } },
    issuers: [{ name: 'corp' }, { name: 'partner', lastError: /503/ }],
    reloads: [{ trigger: 'file', result: 'applied' }, { trigger: 'start' }],
  });
  t.match(status.routes[0], { name: 'read-orders', requests: 48_213, refusals: { token_expired: 312 } });
  t.ok(status.routes[0].p50Ms > 1 && status.routes[0].p95Ms > status.routes[0].p50Ms);
  t.match(status.routes[2], { name: 'partner-api', requests: 0, p50Ms: null });
});

t.test('questions of other proxies are shown by the way of asking, where the file has any', async (t) => {
  const asked = createAdmin(adminSources({ report: ASKED_REPORT, facts: ASKED_FACTS }));
  const proxy = createAdmin(adminSources());
  t.teardown(() => Promise.all([asked.close(), proxy.close()]));
  const get = async (app: typeof asked, url: string) => app.inject({ url, headers: HOST });
  t.same((await get(asked, '/status')).json().questions, [
    { via: 'forward-auth', allowed: 12, refused: 1, failed: 0 },
    { via: 'auth-request', allowed: 39_412, refused: 310, failed: 6 },
    { via: 'ext-authz', allowed: 0, refused: 0, failed: 0 },
  ]);
  t.same(
    (await get(asked, '/status/decisions')).json().decisions.map(({ via }: { via: string }) => via),
    ['auth-request', null, 'auth-request', null, 'auth-request'],
  );
  const page = (await get(asked, '/')).body;
  t.match(page, /Questions of other proxies[\s\S]*auth-request[\s\S]*39\.4k[\s\S]*310/);
  t.match(page, 'via auth-request');
  t.match(page, '/partner/… (decisions only)');
  const without = (await get(proxy, '/')).body;
  t.notMatch(without, /Questions of other|via |decisions only/);
  t.notOk('questions' in (await get(proxy, '/status')).json());
});

t.test('revocations are shown where the file lets anything be revoked', async (t) => {
  const none = countBySource();
  const kept = {
    entries: 1_500,
    maxEntries: 2_000,
    sources: { ...none, store: 1_480, admin: 20 },
    arrived: { ...none, store: 1_600, admin: 31 },
    refused: { ...none, events: 7 },
    events: [
      {
        issuer: 'corp',
        kind: 'logout',
        outcomes: { accepted: 12, repeated: 1, ignored: 0, invalid: 3, full: 0, unavailable: 0 },
      },
    ],
    store: { isUp: true, silentSeconds: 0.4, behind: 0, reconnects: 2 },
    wrongLines: 2,
  } as const;
  const pageOf = async (revocations: GatewayReport['revocations']) => {
    const app = createAdmin(adminSources({ report: { ...BUSY_REPORT, revocations } }));
    t.teardown(() => app.close());
    const status = (await app.inject({ url: '/status', headers: HOST })).json();
    return { page: (await app.inject({ url: '/', headers: HOST })).body, status };
  };
  const { page, status } = await pageOf({ isUsed: true, kept, cut: 5 });
  t.same(status.revocations, { ...kept, cut: 5 });
  t.match(page, /Revocations[\s\S]*1,500 of 2,000[\s\S]*requests cut<\/dt><dd>5[\s\S]*current/);
  t.match(page, 'wrong lines of the file');
  t.match(page, /logout tokens[\s\S]*invalid<\/dt><dd>3/);
  t.match(page, /<b>events<\/b>[\s\S]*Refused" class="num">7/);
  t.notMatch(page, '<b>file</b>', 'no source that brought nothing');
  const silent = await pageOf({
    isUsed: true,
    kept: { ...kept, entries: 2_000, store: { ...kept.store, isUp: false, silentSeconds: null } },
    cut: 0,
  });
  t.match(silent.page, /pill bad">full[\s\S]*pill bad">silent[\s\S]*not yet/);
  const unused = await pageOf({ isUsed: false, kept: { ...kept, entries: 0 }, cut: 0 });
  t.notMatch(unused.page, 'Revocations');
  t.notOk('revocations' in unused.status);
});

t.test('a refused file is shown', async (t) => {
  const refused = {
    time: '2026-03-04T10:00:00.000Z',
    trigger: 'signal',
    result: 'refused',
    problems: ['gateway.yaml:3:1: error: unknown key "rotues"'],
  } as const;
  const app = createAdmin(adminSources({ facts: { ...FACTS, reloads: [refused, ...FACTS.reloads] } }));
  t.teardown(() => app.close());
  const { config } = (await app.inject({ url: '/status', headers: HOST })).json();
  t.same(config, {
    file: '/etc/sealgate/gateway.yaml',
    appliedAt: '2026-03-04T09:12:01.000Z',
    current: false,
  });
  const page = (await app.inject({ url: '/', headers: HOST })).body;
  t.match(page, 'The file on disk is refused');
  t.match(page, 'GET HEAD api.example.com/orders/… →', 'a prefix');
  t.match(page, '/status →', 'a path that is taken alone');
  t.match(page, 'unknown key &quot;rotues&quot;');
});

t.test('keys are refreshed for one issuer or for all, and only by POST', async (t) => {
  const asked: (string | undefined)[] = [];
  const app = createAdmin(
    adminSources({
      refreshKeys: async (issuer) => {
        asked.push(issuer);
        if (issuer === 'nobody') return undefined;
        return [
          issuerReport(issuer ?? 'corp', issuer === 'partner' ? { state: 'stale', lastError: 'down' } : {}),
        ];
      },
    }),
  );
  t.teardown(() => app.close());
  const post = (url: string) => app.inject({ url, method: 'POST', headers: HOST });
  t.equal((await post('/keys/refresh')).statusCode, 200);
  t.match((await post('/keys/refresh/corp')).json(), { issuers: [{ name: 'corp', state: 'fresh' }] });
  t.equal((await post('/keys/refresh/partner')).statusCode, 502, 'the fetch failed');
  t.equal((await post('/keys/refresh/nobody')).statusCode, 404);
  t.equal((await app.inject({ url: '/keys/refresh', headers: HOST })).statusCode, 405);
  const form = await app.inject({
    url: '/keys/refresh',
    method: 'POST',
    headers: { ...HOST, 'content-type': 'application/x-www-form-urlencoded' },
    payload: 'a=b',
  });
  t.equal(form.statusCode, 200, 'a body is of no interest');
  t.same(asked, [undefined, 'corp', 'partner', 'nobody', undefined]);
});

t.test('the page escapes what it shows and lets nothing else in', async (t) => {
  const evil = '<script>alert(1)</script>"\'';
  const report = { ...BUSY_REPORT, issuers: [issuerReport('corp', { lastError: evil })] };
  const app = createAdmin(adminSources({ report }));
  t.teardown(() => app.close());
  const { body, headers } = await app.inject({ url: '/', headers: HOST });
  t.notMatch(body, '<script>alert');
  t.match(body, '&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;');
  t.match(headers['content-security-policy'], "default-src 'none'");
  t.match(headers['content-security-policy'], "frame-ancestors 'none'");
  t.notMatch(headers['content-security-policy'], 'unsafe');
  t.notMatch(body, / (?:style|on\w+)=/, 'nothing inline');
  t.notMatch(body, /(?:src|href)="(?:https?:)?\/\//, 'nothing from elsewhere');
});

t.test('responses to unknown paths and to errors have no details', async (t) => {
  const app = createAdmin(
    adminSources({
      status: async () => {
        throw new Error('secret detail');
      },
    }),
  );
  t.teardown(() => app.close());
  t.equal((await app.inject({ url: '/nothing', headers: HOST })).statusCode, 404);
  const broken = await app.inject({ url: '/status', headers: HOST });
  t.equal(broken.statusCode, 500);
  t.notMatch(broken.body, 'secret');
});

t.test(
  'no text on the page or in the status commands a terminal or turns the direction of the rest',
  async (t) => {
    const decision = {
      time: '2026-01-31T12:00:00.000Z',
      requestId: 'id-1',
      method: 'GET',
      route: 'a',
      status: 401,
      code: 'key_unknown',
      reason: HOSTILE_TEXT,
      issuer: null,
    };
    const refused = {
      time: decision.time,
      trigger: 'file',
      result: 'refused',
      problems: [`a\n${HOSTILE_TEXT}`],
    } as const;
    const app = createAdmin({
      ...adminSources({ facts: { ...FACTS, file: HOSTILE_TEXT, reloads: [refused] } }),
      decisions: async () => [decision],
    });
    t.teardown(() => app.close());
    for (const url of ['/', '/status', '/status/decisions']) {
      const { body, headers } = await app.inject({ url, headers: HOST });
      t.same(unseenIn(body), [], url);
      t.equal(Number(headers['content-length']), Buffer.byteLength(body));
    }
    t.match((await app.inject({ url: '/status', headers: HOST })).json(), { config: { file: HOSTILE_TEXT } });
    t.match((await app.inject({ url: '/status/decisions', headers: HOST })).json(), {
      decisions: [decision],
    });
  },
);
