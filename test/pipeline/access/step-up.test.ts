import t from 'tap';
import { isRefusal } from '../../../src/core/refusals.ts';
import { challengeFor } from '../../../src/pipeline/access/challenge.ts';
import { parseStrictJson } from '../../../src/tokens/jwt/json/strict-json.ts';
import type { Claims } from '../../../src/tokens/verified-token.ts';
import { freezeTime } from '../../support/core/frozen-time.ts';
import {
  type ConfigInput,
  compileFile,
  decideNow,
  fakeVerifier,
  fileWith,
  freshTokenOf,
  requestOf,
  tokenOf,
} from '../../support/pipeline/gate.ts';

type Access = ConfigInput['routes'][number]['access'];
type Rest = Partial<ConfigInput>;

const START = Date.parse('2026-01-01T00:00:00Z');
const NOW = START / 1000;
const MFA = 'urn:example:mfa';
const HEAD =
  'Bearer realm="sealgate", error="insufficient_user_authentication", error_description="The user must authenticate again, or in another way"';

/** Decides on a GET with the token, at a clock that stands still until it is moved. */
async function ask(access: Access, token = tokenOf(), rest: Rest = {}, mode?: 'report') {
  const time = freezeTime(START);
  const file = fileWith([{ access, ...(mode && { mode }) }], rest);
  const { gate, problems } = await compileFile(file, {
    verifier: fakeVerifier({ t: token }),
    clock: time.clock,
  });
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  const decide = () => {
    const {
      route,
      outcome,
      token: verified,
    } = decideNow(gate, requestOf('GET /', 'Authorization', 'Bearer t'));
    if (!isRefusal(outcome))
      return { code: 'allow', would: 'wouldRefuse' in outcome ? outcome.wouldRefuse?.code : undefined };
    const challenge = challengeFor(route?.challenge, outcome, verified);
    return { code: outcome.code, cause: outcome.cause, reason: outcome.reason, challenge };
  };
  return { time, decide };
}

async function once(access: Access, claims: Claims, rest: Rest = {}) {
  return (await ask(access, tokenOf(claims), rest)).decide();
}

t.test('the class of the authentication is one of the list, as one text and exactly', async (t) => {
  const access = { acr: [MFA, 'urn:example:hwk'] };
  t.equal((await once(access, { acr: MFA })).code, 'allow');
  t.equal((await once(access, { acr: 'urn:example:hwk' })).code, 'allow');
  const rows: readonly (readonly [unknown, string])[] = [
    [undefined, 'acr_absent'],
    [null, 'acr_absent'],
    ['', 'acr_absent'],
    [[], 'acr_absent'],
    [[MFA], 'acr_unreadable'],
    [{ [MFA]: true }, 'acr_unreadable'],
    [1, 'acr_unreadable'],
    [true, 'acr_unreadable'],
    ['urn:example:MFA', 'acr_other'],
    [`${MFA} `, 'acr_other'],
    [`${MFA} urn:example:hwk`, 'acr_other'],
    ['urn:example', 'acr_other'],
    ['toString', 'acr_other'],
  ];
  for (const [acr, cause] of rows) {
    const refused = await once(access, acr === undefined ? {} : { acr });
    t.match(refused, { code: 'step_up_required', cause }, JSON.stringify(acr));
    t.equal(refused.challenge, `${HEAD}, acr_values="${MFA} urn:example:hwk"`);
    t.notMatch(refused.reason, /urn:/, 'no value of the token');
  }
});

t.test(
  'the authentication is not older than the rule allows, by the clock of now and with its tolerance',
  async (t) => {
    const access = { maxAuthAge: '10m' };
    for (const [seconds, result] of [
      [0, 'allow'],
      [600, 'allow'],
      [629, 'allow'],
      [630, 'auth_too_long_ago'],
      [86_400, 'auth_too_long_ago'],
      [-30, 'allow'],
      [-31, 'auth_time_future'],
      [-1e12, 'auth_time_future'],
    ] as const) {
      const decided = await once(access, { auth_time: NOW - seconds });
      t.equal(decided.cause ?? decided.code, result, `${seconds} s ago`);
    }
    for (const [auth_time, cause] of [
      [undefined, 'auth_time_absent'],
      [null, 'auth_time_absent'],
      [String(NOW), 'auth_time_unreadable'],
      [[NOW], 'auth_time_unreadable'],
      [true, 'auth_time_unreadable'],
      [{}, 'auth_time_unreadable'],
      [0, 'auth_too_long_ago'],
      [NOW * 1000, 'auth_time_future'],
    ] as const) {
      const refused = await once(access, { auth_time });
      t.match(refused, { code: 'step_up_required', cause }, JSON.stringify(auth_time));
      t.equal(refused.challenge, `${HEAD}, max_age="600"`);
    }
    for (const written of [`${NOW}.0`, `${NOW / 1e9}e9`, '12345678901234567890']) {
      const claims = parseStrictJson(`{"auth_time":${written}}`) as Claims;
      t.equal((await once(access, claims)).cause, 'auth_time_unreadable', written);
    }
  },
);

t.test('the tolerance is that of the issuer of the token', async (t) => {
  const issuers = {
    corp: { issuer: 'https://corp.example', audiences: ['api'], clockTolerance: '0s' },
    slow: { issuer: 'https://slow.example', audiences: ['api'], clockTolerance: '5m' },
  };
  const rest = { issuers, defaults: { issuers: ['corp', 'slow'] } };
  const of = async (issuer: string, seconds: number) =>
    (await ask({ maxAuthAge: '10m' }, tokenOf({ auth_time: NOW - seconds }, { issuer }), rest)).decide().code;
  t.equal(await of('corp', 599), 'allow');
  t.equal(await of('corp', 600), 'step_up_required');
  t.equal(await of('slow', 899), 'allow');
  t.equal(await of('slow', 900), 'step_up_required');
  t.equal(await of('slow', -300), 'allow');
  t.equal(await of('corp', -1), 'step_up_required');
});

t.test('a token that is kept is asked again each time: it becomes too old while it is valid', async (t) => {
  for (const make of [tokenOf, freshTokenOf]) {
    const { time, decide } = await ask({ acr: [MFA], maxAuthAge: '10m' }, make({ acr: MFA, auth_time: NOW }));
    for (let round = 0; round < 3; round += 1) t.equal(decide().code, 'allow');
    time.advance(629_999);
    t.equal(decide().code, 'allow');
    time.advance(1);
    for (let round = 0; round < 3; round += 1) t.equal(decide().cause, 'auth_too_long_ago');
    time.jump(-60_000);
    t.equal(decide().code, 'allow', 'and no refusal is kept either');
  }
});

t.test('a policy and the block beside it must both hold', async (t) => {
  const policies = {
    strong: { acr: ['urn:a', 'urn:b'], maxAuthAge: '1h' },
    recent: { maxAuthAge: '5m' },
  };
  const rest = { policies };
  const both = { policy: 'strong', acr: ['urn:c', 'urn:b', 'urn:a'], maxAuthAge: '2h' };
  const refused = await once(both, { acr: 'urn:c', auth_time: NOW }, rest);
  t.equal(refused.challenge, `${HEAD}, acr_values="urn:b urn:a", max_age="3600"`);
  t.equal((await once(both, { acr: 'urn:a', auth_time: NOW - 60 }, rest)).code, 'allow');
  t.equal((await once(both, { acr: 'urn:a', auth_time: NOW - 3700 }, rest)).cause, 'auth_too_long_ago');
  const recent = { policy: 'recent', acr: ['urn:a'] };
  t.equal(
    (await once(recent, { acr: 'urn:a' }, rest)).challenge,
    `${HEAD}, acr_values="urn:a", max_age="300"`,
  );
});

t.test('it comes last, and the challenge is that of the alternative that got furthest', async (t) => {
  const access: Access = [
    { scopes: ['pay'], acr: [MFA] },
    { scopes: ['read', 'list'], when: 'claims.sub == "s"', acr: ['urn:b'], maxAuthAge: '1m' },
    { roles: ['admin'] },
  ];
  const of = async (claims: Claims, scopes: string[], rest: Rest = {}) =>
    (await ask(access, tokenOf(claims, { scopes }), rest)).decide();
  t.equal((await of({}, [])).code, 'role_missing');
  t.match(await of({ sub: 'x' }, ['read', 'list']), { code: 'condition_failed', challenge: undefined });
  t.equal((await of({}, ['pay'])).challenge, `${HEAD}, acr_values="${MFA}", scope="pay"`);
  t.equal(
    (await of({ sub: 's' }, ['read', 'list'])).challenge,
    `${HEAD}, acr_values="urn:b", max_age="60", scope="read list"`,
  );
  t.equal(
    (await of({ sub: 's', acr: 'urn:b' }, ['pay', 'read', 'list'])).challenge,
    `${HEAD}, acr_values="urn:b", max_age="60", scope="read list"`,
    'the second lacks only the time, the first the class',
  );
  t.equal((await of({ acr: MFA }, ['pay'])).code, 'allow');
});

t.test('a token that lacks scopes is not asked for them where the user must step up too', async (t) => {
  const access = { scopes: ['pay'], acr: [MFA] };
  t.match(await once(access, {}), { code: 'insufficient_scope', challenge: undefined });
  t.match((await once(access, { acr: MFA })).challenge, /error="insufficient_scope".*scope="pay"/);
});

t.test('the scopes have the prefix of the issuer', async (t) => {
  const rest = {
    listen: { publicUrl: 'https://api.example.com' },
    issuers: { corp: { issuer: 'https://corp.example', audiences: ['api'], scopePrefix: 'api://x/' } },
  };
  const { challenge } = (
    await ask({ scopes: ['pay'], acr: [MFA] }, tokenOf({}, { scopes: ['pay'] }), rest)
  ).decide();
  t.match(challenge, /, acr_values="urn:example:mfa", scope="api:\/\/x\/pay"$/);
});

t.test('report mode relaxes it, unlike what authentication refuses', async (t) => {
  const access = { acr: [MFA], maxAuthAge: '10m' };
  const of = async (token: ReturnType<typeof tokenOf>) => (await ask(access, token, {}, 'report')).decide();
  t.strictSame(await of(tokenOf({})), { code: 'allow', would: 'step_up_required' });
  t.strictSame(await of(tokenOf({ acr: MFA, auth_time: NOW - 3600 })), {
    code: 'allow',
    would: 'step_up_required',
  });
  t.strictSame(await of(tokenOf({ acr: MFA, auth_time: NOW })), { code: 'allow', would: undefined });
  t.equal((await of(tokenOf({}, { audiences: ['other'] }))).code, 'audience_mismatch');
  t.equal((await of(tokenOf({ cnf: { kid: 'x' } }))).code, 'token_bound');
});

t.test(
  'an optional route that names nothing asks nobody, and tokens without a user are refused',
  async (t) => {
    t.equal((await once('optional', {})).code, 'allow');
    t.equal((await once('authenticated', {})).code, 'allow');
    t.equal((await once({ maxAuthAge: '1d' }, { client_id: 'job' })).cause, 'auth_time_absent');
  },
);
