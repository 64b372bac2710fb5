import t, { type Test } from 'tap';
import { isRefusal, refuse } from '../../../src/core/refusals.ts';
import type { Introspect, IntrospectionQuestion } from '../../../src/tokens/introspection/introspect.ts';
import type { VerifiedToken } from '../../../src/tokens/verified-token.ts';
import type { TokenOutcome } from '../../../src/tokens/verify-token.ts';
import { type FrozenTime, freezeTime } from '../../support/core/frozen-time.ts';
import { mint, signingKey } from '../../support/tokens/mint.ts';
import { inPlace, verifierOf } from '../../support/tokens/verifier.ts';

const ISS = 'https://login.example';
const AUTH = { clientId: 'gateway', clientSecret: 'secret' };
const LEGACY = { issuer: ISS, audiences: ['orders'], jwks: 'none' };
const key = signingKey('ES256');

type Responds = Record<string, unknown> | ((question: IntrospectionQuestion) => unknown);

interface Rig {
  readonly time: FrozenTime;
  readonly asked: IntrospectionQuestion[];
  /** The code, and the token where it holds. */
  readonly verify: (
    raw: string,
    accepts?: readonly string[],
  ) => Promise<{ code: string; cause?: string; token?: VerifiedToken }>;
  /** The same, without waiting: `asks` where the provider must be. */
  readonly peek: (raw: string) => string;
  readonly now: number;
  respond: Responds;
}

function rigOf(
  t: Test,
  responds: Responds,
  {
    issuers,
    issuer = {},
    introspection = {},
  }: {
    readonly issuers?: Record<string, unknown>;
    readonly issuer?: Record<string, unknown>;
    readonly introspection?: Record<string, unknown>;
  } = {},
): Rig {
  const time = freezeTime();
  const asked: IntrospectionQuestion[] = [];
  const introspect: Introspect = async (question) => {
    asked.push(question);
    const { respond } = rig;
    const json = await (typeof respond === 'function' ? respond(question) : respond);
    return isRefusal(json) ? json : { json: json as Record<string, unknown>, bytes: 100 };
  };
  const file = issuers ?? {
    legacy: { ...LEGACY, introspection: { url: `${ISS}/i`, auth: AUTH, ...introspection }, ...issuer },
  };
  const verifier = verifierOf(file, { time, introspect });
  t.teardown(() => verifier.close());
  const ask = (raw: string, accepts?: readonly string[]) =>
    verifier.verify(raw, { accepts: accepts && new Set(accepts), clientAddress: '192.0.2.1' });
  const describe = (outcome: TokenOutcome) =>
    isRefusal(outcome) ? { code: outcome.code, cause: outcome.cause } : { code: 'ok', token: outcome };
  const rig: Rig = {
    time,
    asked,
    respond: responds,
    now: time.clock() / 1000,
    verify: async (raw, accepts) => describe(await ask(raw, accepts)),
    peek(raw) {
      const outcome = ask(raw);
      return outcome instanceof Promise ? 'asks' : describe(outcome).code;
    },
  };
  return rig;
}

const active = (claims: Record<string, unknown> = {}) => ({
  active: true,
  aud: 'orders',
  sub: 'alice',
  ...claims,
});

t.test('an active token has the claims of the response', async (t) => {
  const rig = rigOf(
    t,
    active({ scope: 'read write', roles: ['admin'], exp: 2_000_000_000, client_id: 'app' }),
  );
  const { token } = await rig.verify('lgc_abc');
  t.match(token, {
    issuer: 'legacy',
    introspected: true,
    audiences: ['orders'],
    scopes: ['read', 'write'],
    roles: ['admin'],
    rejectedFromMs: 2_000_000_030_000,
    claims: { sub: 'alice', iss: ISS, client_id: 'app' },
  });
  t.same(token?.header, {});
  t.match(rig.asked, [{ rawToken: 'lgc_abc', clientAddress: '192.0.2.1' }]);
});

t.test('what is not exactly three parts of base64url is asked about, a JWT never is', async (t) => {
  const opaque = [
    'a',
    'a.b',
    'a.b.c.d',
    'a.b.c.d.e',
    'a..c',
    '..',
    '.',
    'a.b.c=',
    'a.b+.c',
    'a.b/.c',
    'eyJhbGciOiJub25lIn0',
    'a~b.c.d',
  ];
  const signed = ['a.b.c', 'a.b.', 'eyJhbGciOiJub25lIn0.e30.', `${'x'.repeat(100)}.y.z`];
  const rig = rigOf(t, active());
  for (const raw of opaque) t.equal((await rig.verify(raw)).code, 'ok', raw);
  t.equal(rig.asked.length, opaque.length);
  for (const raw of signed) t.not((await rig.verify(raw)).code, 'ok', raw);
  t.equal((await rig.verify('o'.repeat(16 * 1024 + 1))).code, 'token_malformed', 'too long');
  t.equal(rig.asked.length, opaque.length);
});

t.test('a JWT that is broken is sent nowhere', async (t) => {
  const rig = rigOf(t, active());
  const headOf = (text: string, encoding: 'base64url' | 'base64' = 'base64url') =>
    Buffer.from(text).toString(encoding);
  const head = headOf('{"alg":"ES256","kid":"k1"}');
  const padded = headOf('{"alg": "ES256"}', 'base64');
  t.match(padded, /=$/);
  const broken = [
    `${head}.e30.c2ln=`,
    `${head}.e30=.c2ln`,
    `${padded}.e30.c2ln`,
    `${head}.e30.c2l+`,
    `${head}.e30.~`,
  ];
  for (const raw of broken) {
    t.equal((await rig.verify(raw)).code, 'token_malformed', raw);
  }
  t.equal(rig.asked.length, 0);
  for (const raw of [`${headOf('{"typ":"x"}')}.b.c=`, `${headOf('["alg"]')}.b.c=`, `${head}.e30.c2ln.x=`]) {
    t.equal((await rig.verify(raw)).code, 'ok', raw);
  }
});

t.test('only `active: true` is active', async (t) => {
  const rows: readonly [unknown, cause: string][] = [
    [false, 'token_inactive'],
    ['true', 'introspection_unclear'],
    [1, 'introspection_unclear'],
    [[true], 'introspection_unclear'],
    [{}, 'introspection_unclear'],
    [null, 'introspection_unclear'],
    [undefined, 'introspection_unclear'],
  ];
  for (const [value, cause] of rows) {
    t.match(
      await rigOf(t, active({ active: value })).verify('x'),
      { code: 'token_inactive', cause },
      String(value),
    );
  }
});

t.test('what the response states is validated like the claims of a JWT', async (t) => {
  const now = freezeTime().clock() / 1000;
  const rows: readonly [claims: Record<string, unknown>, code: string, issuer?: Record<string, unknown>][] = [
    [{}, 'ok'],
    [{ iss: ISS }, 'ok'],
    [{ iss: '' }, 'issuer_unknown'],
    [{ iss: [] }, 'issuer_unknown'],
    [{ iss: null }, 'ok'],
    [{ exp: '' }, 'token_malformed'],
    [{ iss: `${ISS}/` }, 'issuer_unknown'],
    [{ iss: 'https://evil.example' }, 'issuer_unknown'],
    [{ iss: [ISS] }, 'issuer_unknown'],
    [{ exp: now + 1 }, 'ok'],
    [{ exp: now - 29 }, 'ok'],
    [{ exp: now - 30 }, 'token_expired'],
    [{ exp: '2000000000' }, 'token_malformed'],
    [{ exp: 1e12 }, 'token_malformed'],
    [{ nbf: now + 30 }, 'ok'],
    [{ nbf: now + 31 }, 'token_not_yet_valid'],
    [{ iat: now + 31 }, 'token_not_yet_valid'],
    [{ iat: now - 3600 }, 'ok', { maxTokenAge: '1h' }],
    [{ iat: now - 3631 }, 'token_too_old', { maxTokenAge: '1h' }],
    [{}, 'claim_missing', { maxTokenAge: '1h' }],
    [{}, 'claim_missing', { requiredClaims: ['tenant'] }],
    [{ tenant: '' }, 'claim_missing', { requiredClaims: ['tenant'] }],
    [{ tenant: 'acme' }, 'ok', { requiredClaims: ['tenant'] }],
    [{}, 'claim_missing', { requiredClaims: ['exp'] }],
    [{ events: {} }, 'type_not_allowed'],
    [{ typ: 'Refresh' }, 'type_not_allowed'],
    [{ typ: 'ID' }, 'type_not_allowed'],
    [{ typ: 'ID' }, 'ok', { idTokens: true }],
    [{ at_hash: 'x' }, 'type_not_allowed'],
    [{ token_use: 'id' }, 'type_not_allowed'],
    [{ token_use: 'id' }, 'ok', { idTokens: true }],
    [{ token_use: 'refresh_token' }, 'type_not_allowed'],
    [{ token_use: 'access_token' }, 'ok'],
    [{ token_type: 'Bearer' }, 'ok'],
    [{ token_type: 'bearer' }, 'ok'],
    [{ token_type: 'refresh_token' }, 'type_not_allowed'],
    [{ token_type: 'urn:ietf:params:oauth:token-type:id_token' }, 'type_not_allowed'],
    [{ token_type: ['Bearer'] }, 'type_not_allowed'],
    [{ token_type: 'DPoP' }, 'token_bound'],
    [{ token_type: 'DPoP', cnf: { jkt: 'x' } }, 'ok'],
  ];
  for (const [claims, code, issuer = {}] of rows) {
    const { code: got, cause } = await rigOf(t, active(claims), { issuer }).verify('x');
    t.equal(got, code, JSON.stringify([claims, issuer]));
    if (got === 'issuer_unknown') t.equal(cause, 'introspected_issuer');
    if ('token_type' in claims && got === 'type_not_allowed') t.equal(cause, 'introspected_type');
  }
});

t.test(
  'a response without an audience gives a token without one, which the route then refuses',
  async (t) => {
    const { token } = await rigOf(t, active({ aud: undefined })).verify('x');
    t.equal(token?.audiences, undefined);
  },
);

t.test('the key that binds a token is passed on with its claims', async (t) => {
  const cnf = { jkt: 'thumbprint', 'x5t#S256': 'certificate' };
  t.same((await rigOf(t, active({ cnf })).verify('x')).token?.claims.cnf, cnf);
});

t.test('an active response is kept for its time, and never beyond its exp', async (t) => {
  const rig = rigOf(t, active());
  await rig.verify('x');
  rig.time.advance(59_999);
  t.equal(rig.peek('x'), 'ok');
  rig.time.advance(1);
  t.equal(rig.peek('x'), 'asks');

  const short = rigOf(t, () => active({ exp: short.now + 10 }));
  await short.verify('x');
  short.time.advance(9_999);
  t.equal(short.peek('x'), 'ok');
  short.time.advance(1);
  t.equal(short.peek('x'), 'asks', 'the tolerance is the token’s, not that of what is kept');
  await short.verify('x');
  t.equal(short.peek('x'), 'asks', 'nothing is kept within the tolerance');
  await short.verify('x');
  short.time.advance(30_000);
  t.equal((await short.verify('x')).code, 'token_expired');
  t.equal(short.peek('x'), 'token_expired', 'an end is an end');
});

t.test('a response is as old as its question', async (t) => {
  const rig = rigOf(t, async () => {
    rig.time.advance(2_000);
    return active();
  });
  await rig.verify('x');
  rig.time.advance(57_999);
  t.equal(rig.peek('x'), 'ok');
  rig.time.advance(1);
  t.equal(rig.peek('x'), 'asks');
});

t.test('a clock that is set back does not make a kept response younger', async (t) => {
  const rig = rigOf(t, active());
  await rig.verify('x');
  rig.time.advance(50_000);
  rig.time.jump(-50_000);
  t.equal(rig.peek('x'), 'ok');
  rig.time.advance(10_000);
  t.equal(rig.peek('x'), 'asks');
});

t.test('what is not active is kept for its own time', async (t) => {
  const rig = rigOf(t, { active: false }, { introspection: { cache: { inactive: '3s' } } });
  await rig.verify('x');
  rig.time.advance(2_999);
  t.equal(rig.peek('x'), 'token_inactive');
  rig.respond = active();
  rig.time.advance(1);
  t.equal((await rig.verify('x')).code, 'ok');
  t.equal(rig.peek('x'), 'ok');
});

t.test('refused claims are kept like what is not active; times are checked at each use', async (t) => {
  const foreign = rigOf(t, active({ iss: 'https://evil.example' }));
  await foreign.verify('x');
  t.equal(foreign.peek('x'), 'issuer_unknown');
  const early = rigOf(t, () => active({ nbf: early.now + 40 }));
  t.equal((await early.verify('x')).code, 'token_not_yet_valid');
  t.equal(early.peek('x'), 'token_not_yet_valid');
  early.time.advance(10_000);
  t.equal(early.peek('x'), 'ok');
});

t.test('`0s` keeps nothing', async (t) => {
  for (const [json, name] of [
    [active(), 'active'],
    [{ active: false }, 'inactive'],
  ] as const) {
    const rig = rigOf(t, json, { introspection: { cache: { [name]: '0s' } } });
    await rig.verify('x');
    t.equal(rig.peek('x'), 'asks', name);
  }
});

t.test('failures are not kept, and every kept token survives an outage until its time', async (t) => {
  const rig = rigOf(t, active());
  await rig.verify('known');
  rig.respond = () => refuse('introspection_timeout', 'late');
  t.equal((await rig.verify('unknown')).code, 'introspection_unavailable');
  t.equal(rig.peek('unknown'), 'asks');
  t.equal(rig.peek('known'), 'ok');
  rig.time.advance(60_000);
  t.equal((await rig.verify('known')).code, 'introspection_unavailable');
});

t.test('questions about one token at one time are one', async (t) => {
  let release: (json: unknown) => void = () => {};
  const rig = rigOf(
    t,
    () =>
      new Promise((resolve) => {
        release = resolve;
      }),
  );
  const all = Array.from({ length: 20 }, () => rig.verify('x'));
  await new Promise(setImmediate);
  t.equal(rig.asked.length, 1);
  release(active());
  const codes = new Set((await Promise.all(all)).map(({ code }) => code));
  t.same([...codes], ['ok']);
  const [first, second] = await Promise.all([rig.verify('x'), rig.verify('x')]);
  t.equal(first?.token, second?.token, 'and the token is shared');
  t.equal(rig.asked.length, 1);
});

t.test('a flood of unknown tokens takes no room from active ones, and stays within bounds', async (t) => {
  const time = freezeTime();
  const introspect: Introspect = async ({ rawToken }) => ({
    json: rawToken.startsWith('good') ? active() : { active: false },
    bytes: 200,
  });
  const issuers = {
    legacy: { ...LEGACY, introspection: { url: `${ISS}/i`, auth: AUTH, cache: { maxBytes: '64KiB' } } },
  };
  const verifier = verifierOf(issuers, { time, introspect });
  t.teardown(() => verifier.close());
  const verify = async (raw: string) => verifier.verify(raw, { accepts: undefined, clientAddress: '' });
  const good = Array.from({ length: 20 }, (_, index) => `good${index}`);
  for (const raw of good) await verify(raw);
  for (let index = 0; index < 2_000; index += 1) await verify(`bad${index}`);
  for (const raw of good) {
    const outcome = verifier.verify(raw, { accepts: undefined, clientAddress: '' });
    t.notOk(outcome instanceof Promise, raw);
  }
  const stats = verifier.introspectionStats().get('legacy');
  t.ok((stats?.bytes ?? Infinity) <= 64 * 1024);
  t.ok((stats?.evictions ?? 0) > 1_000);
  t.notMatch(JSON.stringify([...verifier.introspectionStats()]), /good|bad/);
});

t.test('tokens go to the issuer of their prefix, and to nobody else', async (t) => {
  const entry = (name: string, prefix?: string) => ({
    issuer: `https://${name}.example`,
    audiences: ['orders'],
    jwks: 'none',
    introspection: { url: `https://${name}.example/i`, auth: AUTH, ...(prefix && { prefix }) },
  });
  const rig = rigOf(t, ({ issuer }: IntrospectionQuestion) => active({ sub: issuer.name }), {
    issuers: {
      a: entry('a', 'a_'),
      ab: entry('ab', 'a_b_'),
      plain: entry('plain'),
      keyed: { issuer: ISS, audiences: ['orders'], jwks: inPlace(key) },
    },
  });
  const rows: readonly [raw: string, accepts: readonly string[] | undefined, got: string][] = [
    ['a_1', undefined, 'a'],
    ['a_b_1', undefined, 'ab'],
    ['a_b', undefined, 'a'],
    ['c_1', undefined, 'plain'],
    ['a_1', ['a', 'ab'], 'a'],
    ['a_b_1', ['a'], 'issuer_not_allowed'],
    ['a_1', ['plain'], 'issuer_not_allowed'],
    ['c_1', ['a', 'ab'], 'token_malformed'],
    ['c_1', ['keyed'], 'token_malformed'],
    ['a_1', ['keyed'], 'token_malformed'],
    ['c_1', ['keyed', 'plain'], 'plain'],
  ];
  for (const [raw, accepts, got] of rows) {
    const before = rig.asked.length;
    const { code, token } = await rig.verify(raw, accepts);
    t.equal(token?.issuer ?? code, got, `${raw} for ${accepts}`);
    t.ok(rig.asked.slice(before).every(({ issuer }) => issuer.name === got));
  }
});

t.test('`jwks: none`: a JWT of the issuer is `key_unknown`, whatever signed it', async (t) => {
  const rig = rigOf(t, active());
  const raw = mint(key, { iss: ISS, aud: 'orders', exp: rig.now + 60 });
  t.match(await rig.verify(raw), { code: 'key_unknown', cause: 'keys_none' });
  t.equal(rig.asked.length, 0);
});

t.test('without anybody to ask, nothing is decided', async (t) => {
  const verifier = verifierOf({ legacy: { ...LEGACY, introspection: { url: `${ISS}/i`, auth: AUTH } } });
  t.teardown(() => verifier.close());
  t.match(await verifier.verify('x', { accepts: undefined, clientAddress: '' }), {
    code: 'introspection_unavailable',
    cause: 'introspection_offline',
  });
});

t.test('`for: all` asks about JWTs that held, and about no others', async (t) => {
  const issuer = { jwks: inPlace(key) };
  const rig = rigOf(t, { active: true }, { issuer, introspection: { for: 'all' } });
  const claims = { iss: ISS, aud: 'orders', sub: 'alice', exp: rig.now + 600 };
  const raw = mint(key, claims);
  const { token, code } = await rig.verify(raw);
  t.equal(code, 'ok');
  t.not(token?.introspected, true, 'its own claims count');
  t.equal(rig.peek(raw), 'ok');
  t.equal((await rig.verify(mint(key, { ...claims, exp: rig.now - 60 }))).code, 'token_expired');
  t.equal((await rig.verify(`${raw.slice(0, -4)}AAAA`)).code, 'signature_invalid');
  t.equal(rig.asked.length, 1);
  rig.respond = { active: false };
  rig.time.advance(60_000);
  t.equal((await rig.verify(raw)).code, 'token_inactive');
  rig.respond = { active: true };
  rig.time.advance(10_000);
  t.equal((await rig.verify(raw)).code, 'ok');
  rig.time.advance(600_000);
  t.equal((await rig.verify(raw)).code, 'token_expired', 'what is kept does not keep a JWT alive');
  t.equal((await rig.verify('opaque')).code, 'ok', 'opaque tokens are asked about, too');
});

t.test('`for: all`: what the response states must agree with the token', async (t) => {
  const now = freezeTime().clock() / 1000;
  const signed = {
    iss: ISS,
    aud: ['orders', 'b'],
    sub: 'alice',
    exp: now + 600,
    iat: now,
    jti: '1',
    scope: 'a b',
    azp: 'app',
    cnf: { jkt: 'x', kid: 'y' },
  };
  const rows: readonly [json: Record<string, unknown>, code: string, token?: Record<string, unknown>][] = [
    [{}, 'ok'],
    [signed, 'ok'],
    [{ aud: ['b', 'orders'], scope: 'b a', client_id: 'app', cnf: { kid: 'y', jkt: 'x' } }, 'ok'],
    [{ exp: now + 600.5, username: 'alice@example', token_type: 'Bearer' }, 'ok'],
    [{ sub: 'bob' }, 'token_inactive'],
    [{ iss: 'https://evil.example' }, 'issuer_unknown'],
    [{ aud: 'orders' }, 'token_inactive'],
    [{ aud: ['orders', 'b', 'c'] }, 'token_inactive'],
    [{ aud: 7 }, 'token_inactive'],
    [{ exp: now + 601 }, 'token_inactive'],
    [{ iat: now - 1 }, 'token_inactive'],
    [{ jti: '2' }, 'token_inactive'],
    [{ jti: 1 }, 'token_inactive'],
    [{ scope: 'a' }, 'token_inactive'],
    [{ scope: 'a b c' }, 'token_inactive'],
    [{ client_id: 'other' }, 'token_inactive'],
    [{ cnf: { jkt: 'z' } }, 'token_inactive'],
    [{ cnf: { jkt: 'x' } }, 'token_inactive'],
    [{ cnf: { jkt: 'x' } }, 'token_inactive', { ...signed, cnf: undefined }],
    [
      { jti: '1', client_id: 'app', scope: 'a' },
      'ok',
      { ...signed, jti: undefined, azp: undefined, scope: undefined },
    ],
    [{ token_type: 'refresh_token' }, 'type_not_allowed'],
    [{ token_type: 'DPoP' }, 'ok'],
    [{ token_type: 'DPoP' }, 'token_bound', { ...signed, cnf: undefined }],
    [{ active: 'true' }, 'token_inactive'],
  ];
  for (const [json, code, token = signed] of rows) {
    const rig = rigOf(
      t,
      { active: true, ...json },
      { issuer: { jwks: inPlace(key) }, introspection: { for: 'all' } },
    );
    const raw = mint(key, token);
    const { code: got, cause } = await rig.verify(raw);
    t.equal(got, code, JSON.stringify(json));
    if (got === 'token_inactive' && json.active === undefined) t.equal(cause, 'introspection_differs');
    t.equal(rig.peek(raw), code, 'and so it is kept');
  }
});

t.test('in a file with introspection, JWTs of other issuers are verified as ever', async (t) => {
  const corp = { issuer: 'https://corp.example', audiences: ['api'], jwks: inPlace(key) };
  const rig = rigOf(t, active(), {
    issuers: { corp, legacy: { ...LEGACY, introspection: { url: `${ISS}/i`, auth: AUTH } } },
  });
  const raw = mint(key, { iss: 'https://corp.example', aud: 'api', exp: rig.now + 60 });
  await rig.verify(raw);
  t.equal(rig.peek(raw), 'ok');
  t.equal(rig.asked.length, 0);
});
