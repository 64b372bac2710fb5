import { once } from 'node:events';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { type AdminSources, createAdmin } from '../../src/admin/app.ts';
import type { PlaceSettings } from '../../src/tokens/revocation/revocation-place.ts';
import { createRevocations } from '../../src/tokens/revocation/revocations.ts';
import { adminSources } from '../support/admin/admin-sources.ts';
import { freezeTime } from '../support/core/frozen-time.ts';
import { unseenIn } from '../support/core/unseen.ts';

const TOKEN = 's3cret';
const SENT = { host: '127.0.0.1:9090', authorization: `Bearer ${TOKEN}` };
const JSON_TYPE = { 'content-type': 'application/json' };

interface Settings extends Partial<AdminSources> {
  readonly maxEntries?: number;
  readonly places?: readonly PlaceSettings[];
}

function start(t: Test, { maxEntries = 20_000, places = [], ...sources }: Settings = {}) {
  const { clock, scheduler } = freezeTime();
  const revocations = createRevocations({ clock, scheduler });
  revocations.follow({ keepMs: 86_400_000, maxEntries, places, isClosed: true });
  const app = createAdmin(
    adminSources({
      revocations: () => revocations,
      issuerNames: () => ['corp', 'partner'],
      nowMs: clock,
      token: () => TOKEN,
      ...sources,
    }),
  );
  t.teardown(async () => {
    await app.close();
    await revocations.close();
  });
  const send = (
    body: unknown,
    {
      method = 'POST',
      headers = { ...SENT, ...JSON_TYPE },
    }: { method?: 'POST' | 'DELETE'; headers?: object } = {},
  ) =>
    app.inject({
      method,
      url: '/revocations',
      headers: headers as Record<string, string>,
      payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    });
  const active = () =>
    revocations.active().map(({ change, source }) => ({ ...(change as { entry: object }).entry, source }));
  return { app, revocations, send, active, now: clock() / 1000 };
}

t.test('an entry, a list, and both taken back', async (t) => {
  const { app, send, active, now } = start(t);
  const one = { issuer: 'corp', subject: 'u' };
  const list = [
    { issuer: 'corp', jti: 'a' },
    { issuer: 'partner', sid: 's', until: now + 60 },
    { issuer: 'partner', subject: 'u', before: now - 5.5 },
  ];
  const added = await send(one);
  t.equal(added.statusCode, 204);
  t.equal(added.body, '');
  t.equal(
    (await send(list, { headers: { ...SENT, 'content-type': 'Application/JSON; charset=utf-8' } }))
      .statusCode,
    204,
  );
  t.match(active(), [
    { issuer: 'corp', kind: 'jti', value: 'a', source: 'admin', at: now },
    { kind: 'subject', value: 'u', before: now, until: undefined },
    { issuer: 'partner', kind: 'sid', value: 's', until: now + 60 },
    { issuer: 'partner', kind: 'subject', before: now - 5 },
  ]);
  const counted = await app.inject({ url: '/revocations', headers: SENT });
  t.match(counted.json(), {
    entries: 4,
    maxEntries: 20_000,
    sources: { file: 0, store: 0, admin: 4, logout: 0, events: 0 },
  });
  t.equal((await send(list, { method: 'DELETE' })).statusCode, 204);
  t.equal(active().length, 1);
  t.equal((await send({ ...one, before: now - 1 }, { method: 'DELETE' })).statusCode, 204);
  t.equal(active().length, 1, 'an entry that reaches further stays');
  t.equal((await send(one, { method: 'DELETE' })).statusCode, 204);
  t.equal(active().length, 0);
  t.equal((await send(one, { method: 'DELETE' })).statusCode, 204, 'it is no longer there, as was asked');
});

t.test('the only issuer need not be named', async (t) => {
  const { send, active } = start(t, { issuerNames: () => ['corp'] });
  t.equal((await send({ jti: 'a' })).statusCode, 204);
  t.match(active(), [{ issuer: 'corp', value: 'a' }]);
  t.equal((await send({ jti: 'a' }, { method: 'DELETE' })).statusCode, 204);
  t.same(active(), []);
});

t.test('who may not', async (t) => {
  const { app, send, active } = start(t);
  const entry = { issuer: 'corp', jti: 'a' };
  const { host } = SENT;
  const rows: readonly (readonly [string, object, number, RegExp?])[] = [
    ['without the token, from the machine itself', { host }, 401, /also from this machine/],
    ['with another token', { host, authorization: 'Bearer s3cre' }, 401],
    ['with the token in another scheme', { host, authorization: `Basic ${TOKEN}` }, 401],
    ['with an empty token', { host, authorization: 'Bearer ' }, 401],
    ['a page of another origin', { host, origin: 'https://evil.example' }, 403, /origins/],
    ['a page without origin', { host, origin: 'null' }, 403, /origins/],
    ['a page of this origin', { host, origin: `http://${host}` }, 401],
    ['a name that was bound to this machine', { host: 'evil.example' }, 403, /attack/],
  ];
  for (const [what, headers, status, detail] of rows) {
    for (const method of ['POST', 'DELETE'] as const) {
      const response = await send(entry, { method, headers: { ...JSON_TYPE, ...headers } });
      t.equal(response.statusCode, status, what);
      if (detail) t.match(response.json().detail, detail, what);
      if (status === 401) t.match(response.headers['www-authenticate'], /^Bearer/, what);
    }
    const counts = await app.inject({ url: '/revocations', headers: headers as Record<string, string> });
    t.ok(counts.statusCode >= 400 || 'origin' in headers, `counts: ${what}`);
    t.notMatch(counts.body, 'entries', `counts: ${what}`);
  }
  t.same(active(), []);
  const far = await app.inject({
    method: 'POST',
    url: '/revocations',
    remoteAddress: '10.0.0.9',
    headers: JSON_TYPE,
    payload: '{}',
  });
  t.equal(far.statusCode, 401);
});

t.test('a file without `admin.token` has nobody who may', async (t) => {
  const { app, send, active } = start(t, { token: () => undefined });
  for (const headers of [{ host: SENT.host }, SENT]) {
    const response = await send({ issuer: 'corp', jti: 'a' }, { headers: { ...headers, ...JSON_TYPE } });
    t.equal(response.statusCode, 403);
    t.match(response.json().detail, /set `admin\.token` in the file/);
    t.equal((await app.inject({ url: '/revocations', headers })).statusCode, 403);
  }
  t.same(active(), []);
});

t.test('bodies that are refused, with why', async (t) => {
  const { send, active, now } = start(t);
  const entry = { issuer: 'corp', jti: 'a' };
  const rows: readonly (readonly [string, unknown, number, RegExp])[] = [
    ['nothing', '', 400, /it is not JSON/],
    ['no JSON', '{"jti": a}', 400, /it is not JSON/],
    ['two values', `${JSON.stringify(entry)}\n${JSON.stringify(entry)}`, 400, /it is not JSON/],
    ['a text', '"jti"', 400, /neither an entry nor a list/],
    ['null', 'null', 400, /neither an entry nor a list/],
    ['an empty list', '[]', 400, /the list is empty/],
    ['a list in a list', [[entry]], 400, /expected a JSON object/],
    ['a null in a list', [null], 400, /expected a JSON object/],
    ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 400, /not UTF-8/],
    ['a member twice', '{"issuer":"corp","jti":"a","jti":"b"}', 400, /same member twice/],
    ['a member twice, escaped', '{"issuer":"corp","jti":"a","j\\u0074i":"b"}', 400, /same member twice/],
    ['a bomb', '['.repeat(100_000), 400, /nested too deeply/],
    ['a number out of range', '{"issuer":"corp","subject":"u","before":1e999}', 400, /out of range/],
    ['an unknown member', { ...entry, token: 'x' }, 400, /`token` is no member/],
    ['a name of objects', '{"__proto__":{"issuer":"corp"},"jti":"a"}', 400, /`__proto__` is no member/],
    ['a constructor', '{"issuer":"corp","constructor":"a"}', 400, /`constructor` is no member/],
    [
      'an issuer of that name',
      { issuer: '__proto__', jti: 'a' },
      400,
      /no such `issuer`; it has corp, partner/,
    ],
    ['an issuer that is a URL', { issuer: 'https://corp', jti: 'a' }, 400, /no such `issuer`/],
    ['no issuer of two', { jti: 'a' }, 400, /name the `issuer`: corp or partner/],
    ['no claim', { issuer: 'corp' }, 400, /name exactly one of/],
    ['two claims', { ...entry, sid: 's' }, 400, /name exactly one of/],
    ['an empty claim', { issuer: 'corp', jti: '' }, 400, /`jti` must be a text/],
    ['a claim that is a number', { issuer: 'corp', subject: 7 }, 400, /`subject` must be a text/],
    ['a claim that is an object', { issuer: 'corp', jti: { a: {} } }, 400, /`jti` must be a text/],
    ['`before` of a session', { issuer: 'corp', sid: 's', before: now }, 400, /for a `subject` alone/],
    ['milliseconds', { issuer: 'corp', subject: 'u', before: now * 1000 }, 400, /looks like milliseconds/],
    ['a negative time', { ...entry, until: -1 }, 400, /`until` must be a number/],
    ['a time as text', { ...entry, until: '2030-01-01' }, 400, /`until` must be a number/],
    ['an end that has passed', { ...entry, until: now }, 400, /`until` has passed/],
    ['its own arrival', { ...entry, at: now + 86_400 }, 400, /`at` is set by the gateway/],
    ['a line that takes back', { ...entry, takenBack: true }, 400, /`takenBack` is no member/],
    ['too many', Array.from({ length: 10_001 }, () => entry), 413, /has 10001 entries.* 10000/],
    ['too many bytes', `{"jti":"${'x'.repeat(4 * 1024 ** 2)}"}`, 413, /4194304 bytes/],
  ];
  for (const [what, body, status, detail] of rows) {
    const response = await send(body);
    t.equal(response.statusCode, status, what);
    t.match(response.headers['content-type'], /^application\/problem\+json/, what);
    t.match(response.json(), { status, detail }, what);
  }
  t.same(active(), []);
});

t.test('types that are refused: a form of another page cannot send JSON', async (t) => {
  const { app, send, active } = start(t);
  const entry = { issuer: 'corp', jti: 'a' };
  const types = [
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain',
    'text/json',
    'application/jsonx',
    'application/json-patch+json',
    'application/problem+json',
    'application',
    '',
  ];
  for (const type of types) {
    for (const method of ['POST', 'DELETE'] as const) {
      const response = await send(entry, { method, headers: { ...SENT, 'content-type': type } });
      t.equal(response.statusCode, 415, type);
      t.match(response.json().detail, /application\/json/, type);
    }
  }
  t.equal((await send(entry, { headers: SENT })).statusCode, 415, 'none');
  const empty = await app.inject({ method: 'POST', url: '/revocations', headers: SENT });
  t.equal(empty.statusCode, 415, 'neither type nor body');
  const put = await app.inject({ method: 'PUT', url: '/revocations', headers: SENT, payload: 'x' });
  t.equal(put.statusCode, 405);
  t.match(put.headers.allow, /GET.*POST.*DELETE/);
  t.same(active(), []);
});

t.test('all or none, and every entry that is wrong is named', async (t) => {
  const { send, active } = start(t);
  const good = { issuer: 'corp', jti: 'good' };
  const one = await send([good, { issuer: 'corp', jti: 'secret-value', before: 1 }, good]);
  t.equal(one.statusCode, 400);
  t.same(one.json().errors, [{ entry: 1, detail: '`before` is for a `subject` alone' }]);
  t.match(one.json().detail, /^1 of 3 entries .*none counts.*entry 1: `before`/);
  t.notMatch(one.body, 'secret-value');
  const many = await send([{}, good, 7, { issuer: 'x', jti: 'a' }, { issuer: 'corp' }]);
  t.same(
    many.json().errors.map(({ entry }: { entry: number }) => entry),
    [0, 2, 3, 4],
  );
  t.match(many.json().detail, /^4 of 5.*entry 3: .*; …\.$/);
  t.same(active(), []);
  const unseen = await send({ 'a\u202e\u001b[31m': 1 });
  t.same(unseenIn(unseen.body), [], 'nothing that controls a terminal');
});

t.test('full: none of a list counts, what is there stays', async (t) => {
  const { app, send, active } = start(t, { maxEntries: 2 });
  t.equal((await send({ issuer: 'corp', jti: 'a' })).statusCode, 204);
  const response = await send([
    { issuer: 'corp', jti: 'b' },
    { issuer: 'corp', jti: 'c' },
  ]);
  t.equal(response.statusCode, 503);
  t.equal(response.headers['retry-after'], '60');
  t.match(response.json().detail, /no room: `revocation\.maxEntries` lets 2 be active\. None/);
  t.match(active(), [{ value: 'a' }]);
  const counts = (await app.inject({ url: '/revocations', headers: SENT })).json();
  t.match(counts, { entries: 1, arrived: { admin: 1 }, refused: { admin: 2 } });
});

t.test('an entry that a place has not kept counts, and is not confirmed', async (t) => {
  for (const [outcome, detail] of [
    [{ failed: 'connection refused' }, /counts at this gateway, but is not in the store: connection refused/],
    ['full', /is not in the store: it has no room/],
  ] as const) {
    const place = {
      opened: Promise.resolve(),
      keep: async () => outcome,
      readAgain() {},
      close: async () => {},
    };
    const { send, active } = start(t, { places: [{ kind: 'store', key: 'x', open: () => place }] });
    for (const method of ['POST', 'DELETE'] as const) {
      const response = await send({ issuer: 'corp', jti: 'a' }, { method });
      t.equal(response.statusCode, 503, method);
      t.equal(response.headers['retry-after'], '5');
      if (method === 'POST') t.match(response.json().detail, detail);
      t.equal(active().length, method === 'POST' ? 1 : 0);
    }
  }
});

t.test('a slow body, and one that never ends', async (t) => {
  const { app, active } = start(t);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as { port: number };
  const head = (more: string) =>
    `POST /revocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n${more}\r\n\r\n`;
  const ask = async (text: string, drip?: string): Promise<string> => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    let reply = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      reply += chunk;
    });
    socket.write(text);
    const timer = drip === undefined ? undefined : setInterval(() => socket.write(drip), 50);
    await once(socket, 'close');
    clearInterval(timer);
    return reply;
  };
  const authorized = `Authorization: Bearer ${TOKEN}`;
  const [slow, endless, strange] = await Promise.all([
    ask(head(`${authorized}\r\nContent-Length: 1000`), ' '),
    ask(head(`${authorized}\r\nTransfer-Encoding: chunked`), `10000\r\n${' '.repeat(65_536)}\r\n`),
    ask(head('Content-Length: 1000\r\nConnection: close'), ' '),
  ]);
  t.notMatch(slow, '204');
  t.match(endless, /^HTTP\/1\.1 413 /);
  t.match(strange, /^HTTP\/1\.1 401 /, 'before its body');
  t.same(active(), []);
});
