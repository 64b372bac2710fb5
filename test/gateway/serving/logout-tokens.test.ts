import { connect } from 'node:net';
import t from 'tap';
import {
  CLIENT_ID,
  KEYS,
  LOGOUT_EVENT,
  SESSION_REVOKED,
  startEventGateway,
} from '../../support/gateway/event-gateway.ts';
import { encode, mint, mintText } from '../../support/tokens/mint.ts';

/* Logout tokens of OpenID Connect Back-Channel Logout 1.0, over real sockets. */

const gateway = await startEventGateway(t, 'listen: { limits: { bodyIdle: 1s } }');
const { now, call, callWith, logOut, logoutToken, logoutClaims, iss } = gateway;

async function statusOf(response: Response): Promise<number> {
  await response.text();
  return response.status;
}

t.test('what a logout token ends', async (t) => {
  const at = now();
  const rows: readonly (readonly [string, object, object, object])[] = [
    [
      'the subject alone: its tokens up to `iat`',
      { sub: 'bob', iat: at },
      { sub: 'bob', sid: 's1', iat: at },
      { sub: 'bob', iat: at + 1 },
    ],
    [
      'subject and session: that session',
      { sub: 'carol', sid: 'c1' },
      { sub: 'carol', sid: 'c1', iat: at + 1 },
      { sub: 'carol', sid: 'c2' },
    ],
    [
      'the session alone',
      { sub: undefined, sid: 'd1' },
      { sub: 'dave', sid: 'd1' },
      { sub: 'dave', sid: 'd2' },
    ],
    [
      'a fraction of a second',
      { sub: 'erin', iat: at - 4.5 },
      { sub: 'erin', iat: at - 4 },
      { sub: 'erin', iat: at - 3 },
    ],
  ];
  for (const [what, claims, ended, unharmed] of rows) {
    t.equal(await call({ ...ended }), 200, `before ${what}`);
    const response = await logOut(logoutToken({ ...claims }));
    t.equal(response.status, 200, what);
    t.equal(response.headers.get('cache-control'), 'no-store');
    t.equal(await response.text(), '');
    t.equal(await call({ ...ended }), 401, what);
    t.equal(await call({ ...unharmed }), 200, `not beyond ${what}`);
  }
});

t.test('the types that providers send', async (t) => {
  for (const typ of ['logout+jwt', 'application/logout+jwt', 'Logout+JWT', 'JWT', 'jwt', undefined])
    t.equal(await statusOf(await logOut(logoutToken({ sub: `typ ${typ}` }, { typ }))), 200, String(typ));
});

t.test('the form as providers send it', async (t) => {
  const type = 'application/x-www-form-urlencoded';
  for (const [body, contentType] of [
    [`logout_token=${logoutToken({ sub: 'f1' })}`, type],
    [`state=x&logout_token=${logoutToken({ sub: 'f2' })}&more`, `${type}; charset=UTF-8`],
    [`logout%5Ftoken=${logoutToken({ sub: 'f3' })}`, type.toUpperCase()],
  ] as const)
    t.equal(
      await statusOf(await logOut('', { body, headers: { 'content-type': contentType } })),
      200,
      body.slice(0, 20),
    );
});

t.test('audiences of several, and sub in another case', async (t) => {
  t.equal(await statusOf(await logOut(logoutToken({ sub: 'm', aud: ['other', CLIENT_ID] }))), 200);
  t.equal(await call({ sub: 'M' }), 200, 'a subject is compared byte for byte');
});

/** Forged, broken and mistaken ones. None may revoke anything. */
function forged(): readonly (readonly [string, string])[] {
  const header = JSON.stringify({ alg: 'ES256', typ: 'logout+jwt', kid: KEYS.issuer.kid });
  const text = (changes: object = {}): string => JSON.stringify(logoutClaims({ sub: 'victim', ...changes }));
  const twice = (name: string, value: unknown): string =>
    `{${JSON.stringify(name)}:${JSON.stringify(value)},${text().slice(1)}`;
  const token = (changes: object, header: object = { typ: 'logout+jwt' }): string =>
    logoutToken({ sub: 'victim', ...changes }, { ...header });
  const unsigned = (alg: string): string =>
    `${encode(JSON.stringify({ alg, typ: 'logout+jwt' }))}.${encode(text())}.`;
  const event = { [LOGOUT_EVENT]: {} };
  return [
    ['nothing', ''],
    ['no JWT', 'logout'],
    ['two parts', token({}).split('.').slice(0, 2).join('.')],
    ['a fourth part', `${token({})}.e30`],
    ['alg none', unsigned('none')],
    ['alg nOnE', unsigned('nOnE')],
    [
      'alg HS256',
      `${encode(JSON.stringify({ alg: 'HS256', typ: 'logout+jwt' }))}.${encode(text())}.${encode('mac')}`,
    ],
    [
      'an algorithm that is not listed',
      mint({ ...KEYS.issuer, alg: 'ES384' }, JSON.parse(text()), { typ: 'logout+jwt' }),
    ],
    ['the key of somebody else', logoutToken({ sub: 'victim' }, { typ: 'logout+jwt' }, KEYS.foreign)],
    [
      'the key of somebody else, by the name of ours',
      logoutToken({ sub: 'victim' }, { typ: 'logout+jwt', kid: KEYS.issuer.kid }, KEYS.foreign),
    ],
    ['the key of the transmitter', logoutToken({ sub: 'victim' }, { typ: 'logout+jwt' }, KEYS.transmitter)],
    [
      'a key in the header',
      logoutToken(
        { sub: 'victim' },
        { typ: 'logout+jwt', kid: undefined, jwk: KEYS.foreign.jwk },
        KEYS.foreign,
      ),
    ],
    ['an extension that must be understood', token({}, { typ: 'logout+jwt', crit: ['x'], x: 1 })],
    ['the type of an access token', token({}, { typ: 'at+jwt' })],
    ['the type of a security event', token({}, { typ: 'secevent+jwt' })],
    ['an empty type', token({}, { typ: '' })],
    ['a type that is no text', token({}, { typ: 1 })],
    ['a type twice', mintText(KEYS.issuer, `{"typ":"secevent+jwt",${header.slice(1)}`, text())],
    ['no iss', token({ iss: undefined })],
    ['the iss of somebody else', token({ iss: 'https://evil.example' })],
    ['an iss with a slash more', token({ iss: `${iss}/` })],
    ['a list of iss', token({ iss: [iss] })],
    ['iss twice', mintText(KEYS.issuer, header, twice('iss', iss))],
    ['no aud', token({ aud: undefined })],
    ['the aud of access tokens', token({ aud: 'api' })],
    ['an aud that begins like ours', token({ aud: `${CLIENT_ID}-2` })],
    ['an empty list of aud', token({ aud: [] })],
    ['a list with something else in it', token({ aud: [CLIENT_ID, 1] })],
    ['an aud that is an object', token({ aud: { [CLIENT_ID]: 1 } })],
    ['aud twice', mintText(KEYS.issuer, header, twice('aud', 'api'))],
    ['no exp', token({ exp: undefined })],
    ['expired', token({ exp: now() - 31 })],
    ['an exp that is a text', token({ exp: String(now() + 60) })],
    ['an exp in milliseconds', token({ exp: Date.now() * 1000 })],
    ['no iat', token({ iat: undefined })],
    ['an iat in the future', token({ iat: now() + 90 })],
    ['an iat in milliseconds', token({ iat: Date.now() })],
    ['an iat that is a text', token({ iat: String(now()) })],
    ['an iat before 1970', token({ iat: -1 })],
    ['an nbf in the future', token({ nbf: now() + 90 })],
    ['no jti', token({ jti: undefined })],
    ['an empty jti', token({ jti: '' })],
    ['a jti that is a number', token({ jti: 7 })],
    ['no events', token({ events: undefined })],
    ['events as a list', token({ events: [LOGOUT_EVENT] })],
    ['events as a text', token({ events: LOGOUT_EVENT })],
    ['events as null', token({ events: null })],
    ['no event', token({ events: {} })],
    ['another event', token({ events: { [SESSION_REVOKED]: {} } })],
    [
      'https in the name of the event',
      token({ events: { 'https://schemas.openid.net/event/backchannel-logout': {} } }),
    ],
    ['an event that is true', token({ events: { [LOGOUT_EVENT]: true } })],
    ['an event that is null', token({ events: { [LOGOUT_EVENT]: null } })],
    ['an event that is a list', token({ events: { [LOGOUT_EVENT]: [] } })],
    ['two events', token({ events: { ...event, [SESSION_REVOKED]: {} } })],
    [
      'the event twice',
      mintText(KEYS.issuer, header, text().replace(/"events":\{/, `"events":{"${LOGOUT_EVENT}":{},`)),
    ],
    ['a nonce', token({ nonce: 'n' })],
    ['an empty nonce', token({ nonce: '' })],
    ['a nonce that is null', token({ nonce: null })],
    ['neither sub nor sid', token({ sub: undefined })],
    ['an empty sub', token({ sub: '' })],
    ['a sub that is a number', token({ sub: 1 })],
    ['a sub that is null beside a sid', token({ sub: null, sid: 'victim' })],
    ['an empty sid beside a sub', token({ sid: '' })],
    ['a sid that is a list', token({ sid: ['victim'] })],
    ['sub twice', mintText(KEYS.issuer, header, twice('sub', 'other'))],
    [
      'an access token',
      mint(KEYS.issuer, { iss, aud: CLIENT_ID, sub: 'victim', iat: now(), exp: now() + 60, jti: 'x' }),
    ],
    [
      'an ID token',
      mint(KEYS.issuer, {
        iss,
        aud: CLIENT_ID,
        sub: 'victim',
        iat: now(),
        exp: now() + 60,
        nonce: 'n',
        sid: 'victim',
        jti: 'y',
      }),
    ],
    ['a security event', gateway.securityEvent({ sub_id: { format: 'iss_sub', iss, sub: 'victim' } })],
  ];
}

t.test('what is no logout token revokes nothing', async (t) => {
  const rows = forged();
  t.ok(rows.length >= 60);
  for (const [what, token] of rows) {
    const response = await logOut(token);
    t.equal(response.status, 400, what);
    t.equal(response.headers.get('cache-control'), 'no-store', what);
    const body = JSON.parse((await response.text()) || '{}') as Record<string, string>;
    t.equal(body.error, 'invalid_request', what);
    t.notMatch(body.error_description ?? '', /victim|evil|https?:/, `${what}: nothing of the token`);
  }
  t.equal(await call({ sub: 'victim', sid: 'victim' }), 200, 'nothing came of it');
});

t.test('a jti counts once', async (t) => {
  const token = logoutToken({ sub: 'once', jti: 'the same' });
  t.equal(await statusOf(await logOut(token)), 200);
  t.equal(await statusOf(await logOut(token)), 400);
  t.equal(await statusOf(await logOut(logoutToken({ sub: 'another', jti: 'the same' }))), 400);
  t.equal(await call({ sub: 'another' }), 200);
  t.comment('of many at once, one counts');
  const at = logoutToken({ sub: 'many' });
  const statuses = await Promise.all(Array.from({ length: 20 }, async () => statusOf(await logOut(at))));
  t.equal(statuses.filter((status) => status === 200).length, 1);
  t.equal(statuses.filter((status) => status === 400).length, 19);
});

t.test('what is no POST of a form', async (t) => {
  const token = logoutToken({ sub: 'formless' });
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']) {
    const response = await logOut(token, {
      method,
      body: method === 'GET' || method === 'HEAD' ? null : 'x',
    });
    t.equal(response.status, 405, method);
    t.equal(response.headers.get('allow'), 'POST');
    t.equal(response.headers.get('cache-control'), 'no-store');
    await response.text();
  }
  const type = 'application/x-www-form-urlencoded';
  const bodies: readonly (readonly [string, RequestInit])[] = [
    [
      'JSON',
      { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ logout_token: token }) },
    ],
    ['no media type', { headers: { 'content-type': '' }, body: `logout_token=${token}` }],
    [
      'another charset',
      { headers: { 'content-type': `${type}; charset=utf-16` }, body: `logout_token=${token}` },
    ],
    [
      'another coding',
      { headers: { 'content-type': type, 'content-encoding': 'gzip' }, body: `logout_token=${token}` },
    ],
    [
      'the token twice',
      { headers: { 'content-type': type }, body: `logout_token=${token}&logout_token=${token}` },
    ],
    ['a wrong escape', { headers: { 'content-type': type }, body: `logout_token=%${token}` }],
    ['the token bare', { headers: { 'content-type': type }, body: token }],
    ['nothing', { headers: { 'content-type': type }, body: '' }],
  ];
  for (const [what, init] of bodies) t.equal(await statusOf(await logOut('', init)), 400, what);
  const large = await logOut('', {
    headers: { 'content-type': type },
    body: `x=${'y'.repeat(17_000)}&logout_token=${token}`,
  });
  t.equal(await statusOf(large), 413);
  t.equal(await call({ sub: 'formless' }), 200);
});

t.test('issuers without `logout`, and other spellings of the path, are for the routes', async (t) => {
  for (const path of [
    '/.well-known/sealgate/logout/other',
    '/.well-known/sealgate/logout/CORP',
    '/.well-known/sealgate/logout/corp/',
  ]) {
    const response = await fetch(gateway.gateway.url + path, { method: 'POST', body: '' });
    t.equal(await statusOf(response), 404, path);
  }
});

t.test('a logout token is no credential', async (t) => {
  for (const typ of ['logout+jwt', 'JWT', undefined])
    t.equal(
      await callWith(logoutToken({ sub: 'bearer', aud: ['api', CLIENT_ID] }, { typ })),
      401,
      String(typ),
    );
});

t.test('a body that does not arrive', async (t) => {
  const { port, hostname } = new URL(gateway.gateway.url);
  const socket = connect(Number(port), hostname);
  socket.write(
    'POST /.well-known/sealgate/logout/corp HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nlogout',
  );
  let received = '';
  for await (const chunk of socket) received += String(chunk);
  t.match(received, /^HTTP\/1\.1 408 /);
});

t.test('what becomes of them is logged, a flood of garbage in few lines', async (t) => {
  const lines = () => gateway.gateway.lines.filter(({ msg }) => msg === 'a logout token was not accepted');
  t.ok(lines().some(({ why }) => why === 'its `jti` was received before'));
  t.ok(
    lines().every(
      ({ level, issuer, kind, outcome }) =>
        (level === 'warn' && issuer === 'corp' && kind === 'logout' && outcome === 'invalid') ||
        outcome === 'repeated',
    ),
  );
  const before = lines().length;
  const statuses = await Promise.all(Array.from({ length: 300 }, () => flood()));
  t.ok(statuses.every((status) => status === 400 || status === 503));
  t.ok(statuses.includes(400));
  t.ok(lines().length <= before + 1);
  t.equal(await statusOf(await logOut(logoutToken({ sub: 'after' }))), 200, 'the next one counts');
  const all = JSON.stringify(gateway.gateway.lines);
  t.notMatch(all, /victim/, 'nothing of a token');
});

async function flood(): Promise<number> {
  return statusOf(await logOut('eyJhbGciOiJub25lIn0.e30.'));
}

t.test('keys: one that is new is fetched; without any, the provider has to try again', async (t) => {
  const { issuer } = gateway;
  const next = { ...KEYS.foreign, kid: 'next' };
  issuer.keys = [KEYS.issuer.jwk, { ...KEYS.foreign.jwk, kid: 'next' }];
  const token = logoutToken({ sub: 'rotated' }, { typ: 'logout+jwt' }, next);
  // The cooldown of the last fetch may still run.
  let status = 400;
  for (let attempt = 0; attempt < 40 && status === 400; attempt++) {
    status = await statusOf(await logOut(token));
    if (status === 400) await new Promise((done) => setTimeout(done, 100));
  }
  t.equal(status, 200);
  t.equal(await call({ sub: 'rotated' }), 401);
});
