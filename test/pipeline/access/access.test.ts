import t from 'tap';
import { authorize } from '../../../src/pipeline/access/authorize.ts';
import type { FilteredRequest } from '../../../src/pipeline/messages/request.ts';
import type { Route } from '../../../src/pipeline/route.ts';
import type { Claims, VerifiedToken } from '../../../src/tokens/verified-token.ts';
import { type ConfigInput, fileWith, gateOf, tokenOf } from '../../support/pipeline/gate.ts';

/** Rules without a condition look at no request. */
const NO_REQUEST = undefined as unknown as FilteredRequest;

type Access = ConfigInput['routes'][number]['access'];

const TWO_ISSUERS: Partial<ConfigInput> = {
  issuers: {
    corp: { issuer: 'https://corp.example', audiences: ['api', 'api2'] },
    partner: { issuer: 'https://partner.example', audiences: 'any' },
  },
};

async function rulesOf(access: Access, rest: Partial<ConfigInput> = {}) {
  const { routes } = await gateOf(fileWith([{ access }], rest));
  return (routes[0] as Route).access;
}

async function check(access: Access, token: VerifiedToken, rest: Partial<ConfigInput> = {}) {
  return authorize(await rulesOf(access, rest), { token, request: NO_REQUEST })?.code ?? 'allow';
}

t.test('scopes and roles: all of a list, any, all, and both', async (t) => {
  const table: [string[] | { any?: string[]; all?: string[] }, string[], boolean][] = [
    [['a'], ['a'], true],
    [['a'], ['a', 'b'], true],
    [['a'], [], false],
    [['a'], ['A'], false],
    [['a'], ['aa', 'a:b', 'ba'], false],
    [['a', 'b'], ['b', 'a'], true],
    [['a', 'b'], ['a'], false],
    [{ all: ['a', 'b'] }, ['a', 'b'], true],
    [{ all: ['a', 'b'] }, ['b'], false],
    [{ any: ['a', 'b'] }, ['b'], true],
    [{ any: ['a', 'b'] }, ['c'], false],
    [{ any: ['a', 'b'] }, [], false],
    [{ any: ['a', 'b'], all: ['c'] }, ['a', 'c'], true],
    [{ any: ['a', 'b'], all: ['c'] }, ['a', 'b'], false],
    [{ any: ['a', 'b'], all: ['c'] }, ['c'], false],
  ];
  for (const [wanted, present, holds] of table) {
    const label = `${JSON.stringify(wanted)} of ${JSON.stringify(present)}`;
    t.equal(
      await check({ scopes: wanted }, tokenOf({}, { scopes: present })),
      holds ? 'allow' : 'insufficient_scope',
      label,
    );
    t.equal(
      await check({ roles: wanted }, tokenOf({}, { roles: present })),
      holds ? 'allow' : 'role_missing',
      label,
    );
  }
});

t.test('claims: scalars match by type and value, arrays by a member, objects and null never', async (t) => {
  type Rules = Exclude<Exclude<Access, string | unknown[]>['claims'], undefined>;
  const odd: Claims = Object.assign(Object.create(null), { tenant: 'acme' });
  const table: [Rules, Claims, boolean][] = [
    [{ tenant: 'acme' }, { tenant: 'acme' }, true],
    [{ tenant: 'acme' }, odd, true],
    [{ tenant: 'acme' }, { tenant: 'Acme' }, false],
    [{ tenant: 'acme' }, { tenant: 'acme ' }, false],
    [{ tenant: 'acme' }, {}, false],
    [{ tenant: 'acme' }, { tenant: null }, false],
    [{ tenant: 'acme' }, { tenant: ['x', 'acme'] }, true],
    [{ tenant: 'acme' }, { tenant: [['acme']] }, false],
    [{ tenant: 'acme' }, { tenant: { acme: true } }, false],
    [{ tenant: 'acme' }, { tenant: [] }, false],
    [{ plan: ['pro', 'team'] }, { plan: 'team' }, true],
    [{ plan: ['pro', 'team'] }, { plan: ['free', 'pro'] }, true],
    [{ plan: ['pro', 'team'] }, { plan: 'pro,team' }, false],
    [{ plan: ['pro', 'team'] }, { plan: 'free' }, false],
    [{ tenant: 'acme', plan: 'pro' }, { tenant: 'acme' }, false],
    [{ tenant: 'acme', plan: 'pro' }, { tenant: 'acme', plan: 'pro' }, true],
    [{ level: 5 }, { level: 5 }, true],
    [{ level: 5 }, { level: '5' }, false],
    [{ level: '5' }, { level: 5 }, false],
    [{ level: 0 }, { level: false }, false],
    [{ level: 0 }, { level: -0 }, false],
    [{ level: 1.5 }, { level: 1.5 }, true],
    [{ level: 2 ** 53 }, { level: 2 ** 53 }, false],
    [{ level: 2 ** 53 }, { level: [2 ** 53] }, false],
    [{ ok: true }, { ok: true }, true],
    [{ ok: true }, { ok: 'true' }, false],
    [{ ok: true }, { ok: 1 }, false],
    [{ ok: false }, {}, false],
    [{ 'a.b': 'x' }, { 'a.b': 'x' }, true],
    [{ 'a.b': 'x' }, { a: { b: 'x' } }, false],
    [{ toString: 'x' }, {}, false],
    [[{ claim: ['a', 'b'], equals: 'x' }], { a: { b: 'x' } }, true],
    [[{ claim: ['a', 'b'], equals: 'x' }], { 'a.b': 'x' }, false],
    [[{ claim: ['a', 'b'], equals: 'x' }], { a: [{ b: 'x' }] }, false],
    [[{ claim: ['a', '0'], equals: 'x' }], { a: ['x'] }, false],
    [[{ claim: ['a', 'length'], equals: 1 }], { a: 'x' }, false],
    [[{ claim: ['__proto__', 'x'], equals: 'x' }], {}, false],
    [[{ claim: ['constructor', 'name'], equals: 'Object' }], {}, false],
    [[{ claim: 'r', any: ['x', 'y'] }], { r: ['y'] }, true],
    [[{ claim: 'r', any: ['x', 'y'] }], { r: ['z'] }, false],
    [[{ claim: 'r', all: ['x', 'y'] }], { r: ['y', 'x', 'z'] }, true],
    [[{ claim: 'r', all: ['x', 'y'] }], { r: ['x'] }, false],
    [[{ claim: 'r', all: ['x', 'y'] }], { r: 'x' }, false],
    [[{ claim: 'r', all: ['x'] }], { r: 'x' }, true],
    [
      [
        { claim: 'r', equals: 'x' },
        { claim: 's', equals: 'y' },
      ],
      { r: 'x' },
      false,
    ],
  ];
  for (const [claims, present, holds] of table) {
    const label = `${JSON.stringify(claims)} of ${JSON.stringify(present)}`;
    t.equal(await check({ claims }, tokenOf(present)), holds ? 'allow' : 'claim_mismatch', label);
  }
});

t.test('audiences: the issuer\u2019s, or those of the block in their place', async (t) => {
  const table: [Access, readonly string[] | undefined, string][] = [
    ['authenticated', ['api'], 'allow'],
    ['authenticated', ['other', 'api2'], 'allow'],
    ['authenticated', ['other'], 'audience_mismatch'],
    ['authenticated', ['ap', 'apis', 'API'], 'audience_mismatch'],
    ['authenticated', [], 'audience_mismatch'],
    ['authenticated', undefined, 'claim_missing'],
    [{ audiences: ['own'] }, ['own'], 'allow'],
    [{ audiences: ['own'] }, ['api'], 'audience_mismatch'],
    [{ audiences: 'any' }, ['whatever'], 'allow'],
    [{ audiences: 'any' }, undefined, 'allow'],
  ];
  for (const [access, audiences, expected] of table) {
    const rest = { ...TWO_ISSUERS, defaults: { issuers: ['corp'] } };
    t.equal(
      await check(access, tokenOf({}, { audiences }), rest),
      expected,
      JSON.stringify([access, audiences]),
    );
  }
  const partner = tokenOf({}, { issuer: 'partner', audiences: undefined });
  t.equal(await check({ issuers: 'any' }, partner, TWO_ISSUERS), 'allow');
  t.equal(await check({ issuers: 'any', audiences: ['own'] }, partner, TWO_ISSUERS), 'claim_missing');
});

t.test('the audience of a mismatch is named, escaped and cut', async (t) => {
  const access = await rulesOf('authenticated');
  const reason = (audience: string) =>
    authorize(access, { token: tokenOf({}, { audiences: [audience] }), request: NO_REQUEST })?.reason;
  t.equal(reason('other'), 'the token is for "other", expected "api"');
  t.equal(
    reason('a\r\n\u001b[31m"\u00e9'),
    'the token is for "a\\r\\n\\u001b[31m\\"\\u00e9", expected "api"',
  );
  t.match(reason('x'.repeat(500)), /^the token is for "x{64}", expected "api"$/);
});

t.test('issuers: those of the block, of the defaults, or the only one', async (t) => {
  const partner = tokenOf({}, { issuer: 'partner' });
  t.equal(await check({ issuers: ['corp'] }, partner, TWO_ISSUERS), 'issuer_not_allowed');
  t.equal(await check({ issuers: ['corp', 'partner'] }, partner, TWO_ISSUERS), 'allow');
  t.equal(await check({ issuers: 'any' }, partner, TWO_ISSUERS), 'allow');
  t.equal(
    await check('authenticated', partner, { ...TWO_ISSUERS, defaults: { issuers: ['corp'] } }),
    'issuer_not_allowed',
  );
  t.equal(await check('authenticated', partner, { ...TWO_ISSUERS, defaults: { issuers: 'any' } }), 'allow');
});

t.test('one alternative is enough; otherwise the code is of the one that got furthest', async (t) => {
  const access: Access = [
    { scopes: ['admin'] },
    { scopes: ['read'], roles: ['reader'] },
    { scopes: ['read'], claims: { tenant: 'acme' } },
  ];
  const table: [Partial<VerifiedToken>, string][] = [
    [{ scopes: ['admin'] }, 'allow'],
    [{ scopes: ['read'], roles: ['reader'] }, 'allow'],
    [{ scopes: ['read'], claims: { tenant: 'acme' } }, 'allow'],
    [{ scopes: [] }, 'insufficient_scope'],
    [{ scopes: ['read'] }, 'claim_mismatch'],
    [{ scopes: ['read'], roles: ['other'] }, 'claim_mismatch'],
    [{ roles: ['reader'] }, 'insufficient_scope'],
    [{ audiences: ['other'], scopes: ['admin'] }, 'audience_mismatch'],
  ];
  for (const [facts, expected] of table)
    t.equal(await check(access, tokenOf({}, facts)), expected, JSON.stringify(facts));
});

t.test('of two alternatives that got equally far the first responses', async (t) => {
  const rules = await rulesOf([{ scopes: ['first'] }, { scopes: ['second'] }]);
  t.match(authorize(rules, { token: tokenOf(), request: NO_REQUEST }), { scopes: ['first'] });
});

t.test('the verifier gets the issuers that the route accepts', async (t) => {
  const accepts = async (access: Access) => (await rulesOf(access, TWO_ISSUERS)).accepts;
  t.strictSame(await accepts({ issuers: ['corp'] }), new Set(['corp']));
  t.equal(await accepts({ issuers: 'any' }), undefined);
  t.equal(await accepts([{ issuers: ['corp'] }, { issuers: ['partner'] }]), undefined);
  t.strictSame(await accepts('public'), new Set());
});
