import t from 'tap';
import {
  AUDIENCE,
  KEYS,
  LOGOUT_EVENT,
  SESSION_REVOKED,
  startEventGateway,
  TRANSMITTER,
} from '../../support/gateway/event-gateway.ts';
import { encode, mint, mintText } from '../../support/tokens/mint.ts';

/* A CAEP transmitter (SSF 1.0, CAEP 1.0) that pushes security event tokens by RFC 8935, over real sockets. */

const gateway = await startEventGateway(t);
const { now, call, callWith, push, securityEvent, eventClaims, iss } = gateway;

async function statusOf(response: Response): Promise<number> {
  await response.text();
  return response.status;
}

const userOf = (sub: string) => ({ format: 'iss_sub', iss, sub });
const session = (id: string) => ({ format: 'opaque', id });

t.test('whom an event is about', async (t) => {
  const at = now();
  const rows: readonly (readonly [string, object, object, object, object])[] = [
    [
      'iss_sub',
      { sub_id: userOf('a') },
      { event_timestamp: at },
      { sub: 'a', iat: at },
      { sub: 'a', iat: at + 1 },
    ],
    [
      'opaque',
      { sub_id: session('b') },
      { event_timestamp: at },
      { sub: 'b', iat: at },
      { sub: 'b', iat: at + 1 },
    ],
    [
      '`iat` where it has no time of its own',
      { sub_id: userOf('c'), iat: at - 3 },
      {},
      { sub: 'c', iat: at - 3 },
      { sub: 'c', iat: at - 2 },
    ],
    [
      'a time with a fraction',
      { sub_id: userOf('d') },
      { event_timestamp: at - 2.5 },
      { sub: 'd', iat: at - 2 },
      { sub: 'd', iat: at - 1 },
    ],
    [
      'complex: user and session',
      { sub_id: { format: 'complex', user: userOf('e'), session: session('e1') } },
      {},
      { sub: 'e', sid: 'e1' },
      { sub: 'e', sid: 'e2' },
    ],
    [
      'complex: also with a tenant, as in CAEP 1.0',
      {
        sub_id: { format: 'complex', user: userOf('f'), session: session('f1'), tenant: session('t') },
        txn: '8675309',
      },
      { initiating_entity: 'policy', reason_admin: { en: 'x' }, event_timestamp: at },
      { sub: 'f', sid: 'f1' },
      { sub: 'f', sid: 'f2' },
    ],
    [
      'complex: user and session of a device',
      { sub_id: { format: 'complex', user: userOf('g'), session: session('g1'), device: userOf('d') } },
      {},
      { sub: 'g', sid: 'g1' },
      { sub: 'g', sid: 'g2' },
    ],
    [
      'complex: a session alone',
      { sub_id: { format: 'complex', session: session('h1') } },
      {},
      { sub: 'h', sid: 'h1' },
      { sub: 'h' },
    ],
    [
      'complex: a user alone',
      { sub_id: { format: 'complex', user: userOf('i'), tenant: session('t') } },
      { event_timestamp: at },
      { sub: 'i', iat: at },
      { sub: 'i', iat: at + 1 },
    ],
    [
      'beside an event of another name for the same',
      {
        sub_id: userOf('j'),
        events: { 'https://ssf.example.com/gone': {}, [SESSION_REVOKED]: { event_timestamp: at } },
      },
      {},
      { sub: 'j', iat: at },
      { sub: 'j', iat: at + 1 },
    ],
  ];
  for (const [what, claims, event, ended, unharmed] of rows) {
    t.equal(await call({ ...ended }), 200, `before ${what}`);
    const response = await push(securityEvent({ ...claims }, { ...event }));
    t.equal(response.status, 202, what);
    t.equal(response.headers.get('cache-control'), 'no-store');
    t.equal(await response.text(), '');
    t.equal(await call({ ...ended }), 401, what);
    t.equal(await call({ ...unharmed }), 200, `not beyond ${what}`);
  }
});

t.test('what is confirmed without effect', async (t) => {
  const verification = 'https://schemas.openid.net/secevent/ssf/event-type/verification';
  const updated = 'https://schemas.openid.net/secevent/ssf/event-type/stream-updated';
  const change = 'https://schemas.openid.net/secevent/caep/event-type/credential-change';
  const sub_id = userOf('calm');
  for (const claims of [
    { sub_id: session('stream'), events: { [verification]: { state: 'abc' } } },
    { sub_id: session('stream'), events: { [updated]: { status: 'paused' } } },
    { sub_id, events: { [change]: { credential_type: 'password', change_type: 'update' } } },
    { sub_id: { format: 'unheard-of' }, events: { 'urn:x:y': {} } },
    { sub_id: undefined, events: { [verification]: {} } },
    { sub_id, events: { [`${SESSION_REVOKED}/`]: {} } },
  ])
    t.equal(await statusOf(await push(securityEvent(claims))), 202, String(Object.keys(claims.events)));
  t.equal(await call({ sub: 'calm' }), 200);
  t.comment('a jti that comes again');
  const jti = 'the same';
  t.equal(await statusOf(await push(securityEvent({ sub_id: userOf('k'), jti }))), 202);
  t.equal(await statusOf(await push(securityEvent({ sub_id: userOf('calm'), jti }))), 202);
  t.equal(await call({ sub: 'k' }), 401);
  t.equal(await call({ sub: 'calm' }), 200);
});

t.test('an event of long ago counts', async (t) => {
  const at = now() - 3_600;
  const token = securityEvent({ sub_id: userOf('late'), iat: at }, { event_timestamp: at - 60 });
  t.equal(await statusOf(await push(token)), 202);
  t.equal(await call({ sub: 'late', iat: at - 60 }), 401);
  t.equal(await call({ sub: 'late', iat: at - 59 }), 200);
});

/** Forged, broken and mistaken ones, with the error of RFC 8935 §2.4. None may revoke anything. */
function forged(): readonly (readonly [string, string, string])[] {
  const victim = { sub_id: userOf('victim') };
  const text = (changes: object = {}): string => JSON.stringify(eventClaims({ ...victim, ...changes }));
  const header = JSON.stringify({ alg: 'ES256', typ: 'secevent+jwt', kid: KEYS.transmitter.kid });
  const twice = (name: string, value: unknown): string =>
    `{${JSON.stringify(name)}:${JSON.stringify(value)},${text().slice(1)}`;
  const token = (changes: object, event: object = {}, header: object = { typ: 'secevent+jwt' }): string =>
    securityEvent({ ...victim, ...changes }, { ...event }, { ...header });
  const typed = (typ: unknown): string => token({}, {}, { typ });
  const unsigned = (alg: string, end = ''): string =>
    `${encode(JSON.stringify({ alg, typ: 'secevent+jwt' }))}.${encode(text())}.${end}`;
  const about = (sub_id: unknown): string => token({ sub_id });
  const complex = (members: object): string => about({ format: 'complex', ...members });
  const request = 'invalid_request';
  const key = 'invalid_key';
  return [
    ['nothing', '', request],
    ['no JWT', 'event', request],
    ['JSON', text(), request],
    ['a form', `token=${token({})}`, request],
    ['alg none', unsigned('none'), key],
    ['alg HS256', unsigned('HS256', encode('mac')), key],
    ['the key of somebody else', securityEvent(victim, {}, { typ: 'secevent+jwt' }, KEYS.foreign), key],
    [
      'the key of somebody else, by the name of ours',
      securityEvent(victim, {}, { typ: 'secevent+jwt', kid: KEYS.transmitter.kid }, KEYS.foreign),
      key,
    ],
    ['the key of the issuer of tokens', securityEvent(victim, {}, { typ: 'secevent+jwt' }, KEYS.issuer), key],
    [
      'a key in the header',
      securityEvent(victim, {}, { typ: 'secevent+jwt', kid: undefined, jwk: KEYS.foreign.jwk }, KEYS.foreign),
      key,
    ],
    ['no type', typed(undefined), request],
    ['JWT', typed('JWT'), request],
    ['the type of a logout token', typed('logout+jwt'), request],
    ['the type of an access token', typed('at+jwt'), request],
    ['an empty type', typed(''), request],
    ['a type twice', mintText(KEYS.transmitter, `{"typ":"JWT",${header.slice(1)}`, text()), request],
    ['no iss', token({ iss: undefined }), 'invalid_issuer'],
    ['the issuer of tokens', token({ iss }), 'invalid_issuer'],
    ['without the slash', token({ iss: TRANSMITTER.slice(0, -1) }), 'invalid_issuer'],
    ['a list of iss', token({ iss: [TRANSMITTER] }), 'invalid_issuer'],
    ['iss twice', mintText(KEYS.transmitter, header, twice('iss', TRANSMITTER)), request],
    ['no aud', token({ aud: undefined }), 'invalid_audience'],
    ['another aud', token({ aud: 'api' }), 'invalid_audience'],
    ['aud in another case', token({ aud: AUDIENCE.toUpperCase() }), 'invalid_audience'],
    ['aud with something else', token({ aud: [AUDIENCE, 7] }), 'invalid_audience'],
    ['exp', token({ exp: now() + 60 }), request],
    ['an exp that is null', token({ exp: null }), request],
    ['no iat', token({ iat: undefined }), request],
    ['an iat in the future', token({ iat: now() + 90 }), request],
    ['an iat that is a text', token({ iat: String(now()) }), request],
    ['an iat in milliseconds', token({ iat: Date.now() }), request],
    ['an nbf in the future', token({ nbf: now() + 90 }), request],
    ['no jti', token({ jti: undefined }), request],
    ['an empty jti', token({ jti: '' }), request],
    ['a jti that is a list', token({ jti: ['a'] }), request],
    ['jti twice', mintText(KEYS.transmitter, header, twice('jti', 'x')), request],
    ['no events', token({ events: undefined }), request],
    ['an empty object', token({ events: {} }), request],
    ['events as a list', token({ events: [SESSION_REVOKED] }), request],
    ['events as a text', token({ events: SESSION_REVOKED }), request],
    ['an event that is null', token({ events: { [SESSION_REVOKED]: null } }), request],
    ['an event that is a list', token({ events: { [SESSION_REVOKED]: [] } }), request],
    ['one that is broken beside ours', token({ events: { [SESSION_REVOKED]: {}, 'urn:x': 1 } }), request],
    [
      'the event twice',
      mintText(KEYS.transmitter, header, text().replace('"events":{', `"events":{"${SESSION_REVOKED}":{},`)),
      request,
    ],
    ['a sub', token({ sub: 'victim' }), request],
    ['an empty sub', token({ sub: '' }), request],
    ['a time in the future', token({}, { event_timestamp: now() + 90 }), request],
    ['a time in milliseconds', token({}, { event_timestamp: Date.now() }), request],
    ['a time that is a text', token({}, { event_timestamp: String(now()) }), request],
    ['a time before 1970', token({}, { event_timestamp: -1 }), request],
    ['a time that is null', token({}, { event_timestamp: null }), request],
    ['no subject', token({ sub_id: undefined }), request],
    [
      'the subject in the event, as in old drafts',
      token({ sub_id: undefined }, { subject: userOf('victim') }),
      request,
    ],
    ['a subject that is a text', about('victim'), request],
    ['a list of subjects', about([userOf('victim')]), request],
    ['no format', about({ iss, sub: 'victim' }), request],
    ['an e-mail address', about({ format: 'email', email: 'victim@example.com' }), request],
    ['aliases', about({ format: 'aliases', identifiers: [userOf('victim')] }), request],
    ['a token id', about({ format: 'jwt_id', iss, jti: 'victim' }), request],
    ['a format in another case', about({ format: 'ISS_SUB', iss, sub: 'victim' }), request],
    ['iss_sub without sub', about({ format: 'iss_sub', iss }), request],
    ['iss_sub without iss', about({ format: 'iss_sub', sub: 'victim' }), request],
    [
      'iss_sub of another issuer',
      about({ format: 'iss_sub', iss: 'https://evil.example', sub: 'victim' }),
      request,
    ],
    ['iss_sub of the transmitter', about({ format: 'iss_sub', iss: TRANSMITTER, sub: 'victim' }), request],
    ['a sub that is a number', about({ format: 'iss_sub', iss, sub: 1 }), request],
    ['an opaque one without id', about({ format: 'opaque' }), request],
    ['an opaque one with an empty id', about({ format: 'opaque', id: '' }), request],
    ['complex without a member', complex({}), request],
    ['complex with a tenant alone', complex({ tenant: session('t') }), request],
    ['complex with a user and a device', complex({ user: userOf('victim'), device: session('d') }), request],
    [
      'complex with a user and an application',
      complex({ user: userOf('victim'), application: session('d') }),
      request,
    ],
    [
      'complex with a user of another issuer',
      complex({ user: { ...userOf('victim'), iss: TRANSMITTER }, session: session('victim') }),
      request,
    ],
    [
      'complex with a session that is no object',
      complex({ user: userOf('victim'), session: 'victim' }),
      request,
    ],
    ['complex with a session that is null', complex({ user: userOf('victim'), session: null }), request],
    [
      'complex with a session by iss_sub',
      complex({ user: userOf('victim'), session: userOf('victim') }),
      request,
    ],
    ['complex in complex', complex({ user: { format: 'complex', user: userOf('victim') } }), request],
    ['sub_id twice', mintText(KEYS.transmitter, header, twice('sub_id', userOf('x'))), request],
    [
      'an access token',
      mint(KEYS.issuer, { iss, aud: AUDIENCE, sub: 'victim', iat: now(), exp: now() + 60, jti: 'x' }),
      'invalid_issuer',
    ],
    ['a logout token', gateway.logoutToken({ sub: 'victim' }), 'invalid_issuer'],
    ['a logout event', token({ events: { [LOGOUT_EVENT]: {} }, exp: now() + 60, sub: 'victim' }), request],
  ];
}

t.test('what is no event of this transmitter revokes nothing', async (t) => {
  const rows = forged();
  t.ok(rows.length >= 75);
  for (const [what, token, err] of rows) {
    const response = await push(token);
    t.equal(response.status, 400, what);
    t.equal(response.headers.get('cache-control'), 'no-store', what);
    t.match(response.headers.get('content-type'), /^application\/json/);
    t.equal(response.headers.get('content-language'), 'en', 'RFC 8935 §2.3');
    const body = JSON.parse((await response.text()) || '{}') as Record<string, string>;
    t.equal(body.err, err, what);
    t.same(Object.keys(body), ['err', 'description'], what);
    t.notMatch(body.description ?? '', /victim|evil|https?:/, `${what}: nothing of the token`);
  }
  t.equal(await call({ sub: 'victim', sid: 'victim', jti: 'victim' }), 200, 'nothing came of it');
  t.notMatch(JSON.stringify(gateway.gateway.lines), /victim/, 'no log has it');
});

t.test('what is no POST of a security event', async (t) => {
  const token = securityEvent({ sub_id: userOf('formless') });
  const response = await push(token, { method: 'PUT' });
  t.equal(response.status, 405);
  t.equal(response.headers.get('allow'), 'POST');
  await response.text();
  for (const type of [
    'application/jwt',
    'application/json',
    'application/x-www-form-urlencoded',
    'text/plain',
  ])
    t.equal(await statusOf(await push(token, { headers: { 'content-type': type } })), 400, type);
  t.equal(await statusOf(await push(`${token}${'x'.repeat(65_536)}`)), 413);
  t.equal(await call({ sub: 'formless' }), 200);
  t.equal(
    await statusOf(
      await push(token, { headers: { 'content-type': 'Application/SecEvent+JWT; charset=utf-8' } }),
    ),
    202,
  );
  t.equal(await call({ sub: 'formless' }), 401);
});

t.test('neither kind is a credential, or the other', async (t) => {
  t.equal(await callWith(securityEvent({ aud: ['api', AUDIENCE], sub: 'a' })), 401);
  t.equal(await callWith(mint(KEYS.issuer, { ...eventClaims({ iss, aud: 'api', exp: now() + 60 }) })), 401);
  t.equal(await statusOf(await gateway.logOut(securityEvent())), 400);
  t.equal(
    await statusOf(
      await gateway.logOut(
        mint(KEYS.issuer, { ...eventClaims({ iss, aud: 'gateway-client', exp: now() + 60 }) }),
      ),
    ),
    400,
  );
});

t.test('a transmitter that cannot be reached, and one with new keys', async (t) => {
  const { transmitter } = gateway;
  const next = { ...KEYS.foreign, kid: 'next' };
  await transmitter.down();
  const token = securityEvent({ sub_id: userOf('rotated') }, {}, { typ: 'secevent+jwt' }, next);
  const until = async (wanted: number): Promise<Response> => {
    for (;;) {
      const response = await push(token);
      if (response.status === wanted) return response;
      t.match(String(response.status), /^(400|503)$/);
      await response.text();
      await new Promise((done) => setTimeout(done, 100));
    }
  };
  const response = await until(503);
  t.match(response.headers.get('retry-after'), /^\d+$/);
  t.equal(response.headers.get('cache-control'), 'no-store');
  await response.text();
  transmitter.keys = [{ ...KEYS.foreign.jwk, kid: 'next' }];
  await transmitter.up();
  await (await until(202)).text();
  t.equal(await call({ sub: 'rotated' }), 401);
});
