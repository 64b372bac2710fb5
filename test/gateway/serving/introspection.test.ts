import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { until } from '../../support/core/frozen-time.ts';
import type { LogLine } from '../../support/gateway/gateway.ts';
import { type LiveGatewayOptions, startLiveGateway } from '../../support/gateway/live-gateway.ts';
import {
  HOSTILE_RESPONSES,
  openEndpoint,
  type Respond,
  sendJson,
} from '../../support/tokens/scripted-endpoint.ts';

const SECRET = 'gateway-secret-1';

const active: Respond = (_, response) =>
  sendJson(response, { active: true, aud: 'orders', sub: 'alice', scope: 'read', client_id: 'app' });

interface Shape extends LiveGatewayOptions {
  readonly introspection?: string;
  readonly issuer?: string;
  readonly routes?: string;
}

/** A gateway in front of a backend, and the introspection endpoint that it asks. */
async function startIntrospecting(t: Test, respond: Respond = active, shape: Shape = {}) {
  const endpoint = await openEndpoint(respond);
  t.teardown(() => endpoint.close());
  const textOf = ({ introspection = '', issuer = '', routes = '' }: Shape = shape) => `
listen: { port: 0, trustedProxies: [127.0.0.1] }
admin: { port: 0 }
issuers:
  legacy:
    issuer: ${endpoint.origin}
    audiences: [orders]
    jwks: none
    ${issuer}
    introspection:
      url: ${endpoint.url}
      auth: { clientId: gateway, clientSecret: '\${file:secret}' }
      ${introspection}
  corp: { issuer: ISSUER, audiences: [orders] }
upstreams: { backend: { url: BACKEND } }
routes:
  - { name: a, path: /a, upstream: backend, access: { issuers: [legacy, corp] } }
  - { name: b, path: /b, upstream: backend, access: { issuers: [legacy], audiences: [other] } }
  - { name: c, path: /c, upstream: backend, access: { issuers: [legacy], scopes: [write] } }
  - { name: d, path: /d, upstream: backend, access: { issuers: [corp] } }
  ${routes}
`;
  const live = await startLiveGateway(t, textOf(), {
    ...shape,
    prepare: (folder) => writeFileSync(join(folder, 'secret'), `${SECRET}\n`),
  });
  const get = async (path: string, token: string, client = '192.0.2.1') => {
    const response = await fetch(`${live.url}${path}`, {
      headers: { authorization: `Bearer ${token}`, 'x-forwarded-for': client },
    });
    const body = (await response.json().catch(() => ({}))) as { code?: string };
    return { status: response.status, code: body.code ?? 'allow', headers: response.headers };
  };
  return { ...live, endpoint, textOf, get };
}

/** What requests were refused for, by the log. */
function causesOf(lines: readonly LogLine[]): ReadonlySet<unknown> {
  return new Set(lines.map(({ cause }) => cause));
}

t.test('an opaque token is asked about once, and every rule is applied each time', async (t) => {
  const { get, endpoint, upstream, token } = await startIntrospecting(t);
  t.equal((await get('/a', 'opaque')).status, 200);
  t.match(upstream.requests.at(-1)?.headers, {
    'x-user-id': 'alice',
    'x-user-issuer': endpoint.origin,
    'x-user-scopes': 'read',
  });
  t.match(await get('/b', 'opaque'), { status: 401, code: 'audience_mismatch' });
  t.match(await get('/c', 'opaque'), { status: 403, code: 'insufficient_scope' });
  t.match(await get('/d', 'opaque'), { status: 401, code: 'token_malformed' });
  t.equal((await get('/a', token({ aud: 'orders' }))).status, 200, 'JWTs pass as ever');
  t.equal(endpoint.requests.length, 1);
  t.same(Object.fromEntries(endpoint.requests[0]?.form ?? []), {
    token: 'opaque',
    token_type_hint: 'access_token',
  });
  const basic = Buffer.from(`gateway:${SECRET.replaceAll('-', '%2D')}`).toString('base64');
  t.equal(endpoint.requests[0]?.headers.authorization, `Basic ${basic}`);
});

t.test('refusals have their code, status and challenge', async (t) => {
  const { get, endpoint, upstream, lines } = await startIntrospecting(t);
  const rows: readonly [Respond, status: number, code: string][] = [
    [(_, to) => sendJson(to, { active: false }), 401, 'token_inactive'],
    [(_, to) => sendJson(to, { active: 'true', aud: 'orders' }), 401, 'token_inactive'],
    [
      (_, to) => sendJson(to, { active: true, aud: 'orders', iss: 'https://evil.example' }),
      401,
      'issuer_unknown',
    ],
    [(_, to) => sendJson(to, { active: true }), 401, 'claim_missing'],
    [(_, to) => sendJson(to, { active: true, aud: 'else' }), 401, 'audience_mismatch'],
    [(_, to) => sendJson(to, { active: true, aud: 'orders', cnf: { unheard: 'x' } }), 401, 'token_bound'],
    [(_, to) => sendJson(to, { error: 'invalid_client' }, 401), 503, 'introspection_unavailable'],
    [(_, to) => sendJson(to, { active: true }, 500), 503, 'introspection_unavailable'],
  ];
  for (const [index, [respond, status, code]] of rows.entries()) {
    endpoint.respond = respond;
    const got = await get('/a', `token-${index}`);
    t.match(got, { status, code });
    const challenge = got.headers.get('www-authenticate');
    if (status === 401) t.match(challenge, /^Bearer .*error="invalid_token"/);
    else t.equal(challenge, null);
    t.equal(got.headers.get('retry-after'), status === 503 ? '1' : null);
  }
  t.equal(upstream.requests.length, 0);
  t.ok(causesOf(lines).has('introspection_credentials'));
});

t.test('hostile endpoints make their tokens fail, and nothing else', async (t) => {
  const { get, endpoint, token, upstream, lines } = await startIntrospecting(t, active, {
    introspection: 'timeout: 300ms',
  });
  t.equal((await get('/a', 'known')).status, 200);
  for (const [name, respond] of Object.entries(HOSTILE_RESPONSES)) {
    endpoint.respond = (_, response) => respond(response);
    t.match(
      await get('/a', `token-${name.replaceAll(/\W/g, '')}`),
      { status: 503, code: 'introspection_unavailable' },
      name,
    );
  }
  t.equal((await get('/a', 'known')).status, 200, 'what is known serves');
  t.equal((await get('/a', token({ aud: 'orders' }))).status, 200);
  await endpoint.down();
  t.match(await get('/a', 'unknown'), { status: 503, code: 'introspection_unavailable' });
  t.equal((await get('/a', 'known')).status, 200);
  await endpoint.up();
  endpoint.respond = active;
  t.equal((await get('/a', 'unknown')).status, 200);
  t.equal(upstream.requests.length, 5);
  for (const cause of ['introspection_timeout', 'introspection_unreachable', 'introspection_invalid']) {
    t.ok(causesOf(lines).has(cause), cause);
  }
  t.notMatch(JSON.stringify(lines), new RegExp(`${SECRET}|known"|token-|Sign in`));
});

t.test('one slow question serves all who ask it, and clients share what runs at a time', async (t) => {
  const waiting: (() => void)[] = [];
  const { get, endpoint, lines } = await startIntrospecting(
    t,
    (request, response) => waiting.push(() => active(request, response)),
    { introspection: 'concurrency: 16\n      timeout: 20s' },
  );
  const same = Array.from({ length: 10 }, () => get('/a', 'same'));
  await until(() => waiting.length === 1);
  const second = get('/a', 'second');
  await until(() => waiting.length === 2);
  t.match(await get('/a', 'third'), { status: 503, code: 'overloaded' }, 'an eighth of 16');
  const others = Array.from({ length: 14 }, (_, at) => get('/a', `other-${at}`, `192.0.2.${10 + at}`));
  await until(() => waiting.length === 16);
  const full = await get('/a', 'one-more', '192.0.2.99');
  t.match(full, { status: 503, code: 'overloaded' });
  t.equal(full.headers.get('retry-after'), '1');
  t.equal(endpoint.running.most, 16);
  t.ok(causesOf(lines).has('introspection_full'));
  for (const respond of waiting.splice(0)) respond();
  for (const { status } of await Promise.all([...same, second, ...others])) t.equal(status, 200);
  t.equal(endpoint.requests.length, 16);
  t.equal((await get('/a', 'same', '192.0.2.99')).status, 200, 'room again');
});

t.test('a reload loses no question that runs, and a new secret is used from then on', async (t) => {
  const waiting: (() => void)[] = [];
  const live = await startIntrospecting(
    t,
    (request, response) => waiting.push(() => active(request, response)),
    {
      introspection: 'concurrency: 8\n      timeout: 20s',
    },
  );
  const { get, endpoint } = live;
  const running = get('/a', 'running');
  await until(() => waiting.length === 1);
  const applied = live.nextLine('configuration applied');
  writeFileSync(join(live.folder, 'secret'), 'another');
  live.write(live.textOf({ introspection: 'concurrency: 8\n      timeout: 19s' }));
  await applied;
  t.match(await get('/a', 'more'), { code: 'overloaded' }, 'the limit counts across reloads');
  waiting.shift()?.();
  t.equal((await running).status, 200);
  const again = get('/a', 'running');
  await until(() => waiting.length === 1);
  waiting.shift()?.();
  t.equal((await again).status, 200);
  const basic = Buffer.from('gateway:another').toString('base64');
  t.equal(endpoint.requests.at(-1)?.headers.authorization, `Basic ${basic}`);
});

t.test('keys, status, page and metrics know of it', async (t) => {
  const live = await startIntrospecting(t);
  await live.get('/a', 'opaque');
  await live.get('/a', 'opaque');
  live.endpoint.respond = (_, response) => sendJson(response, {}, 500);
  await live.get('/a', 'other');
  const status = (await (await live.admin('/status')).json()) as Record<string, unknown>;
  t.match(status, {
    issuers: [
      { name: 'legacy', state: 'introspected', keys: 0 },
      { name: 'corp', state: 'fresh' },
    ],
    endpoints: [
      {
        endpoint: 'introspection',
        name: 'legacy',
        calls: { ok: 1, rejected: 1 },
        lastError: 'responded with 500',
        cache: { hits: 1, misses: 2, entries: 1 },
      },
    ],
  });
  const metrics = await (await live.admin('/metrics')).text();
  const labels = 'endpoint="introspection",name="legacy"';
  for (const line of [
    `sealgate_endpoint_requests_total{${labels},outcome="ok"} 1`,
    `sealgate_endpoint_requests_total{${labels},outcome="rejected"} 1`,
    `sealgate_endpoint_request_duration_seconds_count{${labels}} 2`,
    `sealgate_endpoint_requests_in_flight{${labels}} 0`,
    `sealgate_endpoint_cache_hits_total{${labels}} 1`,
    `sealgate_endpoint_cache_entries{${labels}} 1`,
    'sealgate_issuer_state{issuer="legacy",state="introspected"} 1',
  ]) {
    t.ok(metrics.includes(line), line);
  }
  t.notMatch(
    metrics,
    /sealgate_issuer_keys\{issuer="legacy"\}/,
    'nobody is alarmed by an issuer without keys',
  );
  const page = await (await live.admin('/')).text();
  t.match(page, /Endpoints of providers[\s\S]*legacy[\s\S]*responded with 500/);
  t.match(await (await live.admin('/ready?verbose')).text(), /legacy/);
});

t.test('without introspection nothing of it is shown', async (t) => {
  const live = await startLiveGateway(
    t,
    'listen: { port: 0 }\nadmin: { port: 0 }\nissuers: { corp: { issuer: ISSUER, audiences: [api] } }\nupstreams: { backend: { url: BACKEND } }\nroutes: [{ name: a, path: /a, upstream: backend, access: authenticated }]',
  );
  t.notMatch(await (await live.admin('/metrics')).text(), /sealgate_endpoint/);
  t.notMatch(await (await live.admin('/status')).text(), /endpoints/);
});
