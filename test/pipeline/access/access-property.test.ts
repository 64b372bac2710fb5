import fc from 'fast-check';
import t from 'tap';
import type { AccessBlockConfig, PolicyConfig } from '../../../src/config/schema/config.ts';
import type { VerifiedToken } from '../../../src/tokens/verified-token.ts';
import { fakeVerifier, fileWith, gateOf, requestOf, resultOf, tokenOf } from '../../support/pipeline/gate.ts';

/*
 * The rules once more, as naively as the documentation has them: one rule after the other, nothing compiled, nothing
 * remembered. No set of claims may get through the gate that this refuses.
 */

type Policies = Readonly<Record<string, PolicyConfig>>;
type Blocks = readonly AccessBlockConfig[];

const ISSUERS = ['corp', 'partner'];
const AUDIENCES: Readonly<Record<string, readonly string[]>> = { corp: ['api', 'two'], partner: ['api'] };

const naivelyAllows = (blocks: Blocks, policies: Policies, token: VerifiedToken): boolean =>
  blocks.some((block) => {
    const policy = block.policy === undefined ? undefined : policies[block.policy];
    const audiences = block.audiences ?? policy?.audiences ?? (AUDIENCES[token.issuer] as readonly string[]);
    const names = [block.issuers, policy?.issuers].filter((list) => list !== undefined);
    if (names.length > 0 && !names.every((list) => list === 'any' || list.includes(token.issuer)))
      return false;
    if (names.length === 0 && token.issuer !== 'corp') return false;
    if (audiences !== 'any' && !(token.audiences ?? []).some((name) => audiences.includes(name)))
      return false;
    return [policy, block].every((rules) => rules === undefined || holds(rules, token));
  });

function holds(rules: PolicyConfig, token: VerifiedToken): boolean {
  if (!hasWanted(rules.scopes, token.scopes) || !hasWanted(rules.roles, token.roles)) return false;
  const { claims } = rules;
  if (claims === undefined) return true;
  if (!Array.isArray(claims)) {
    return Object.entries(claims).every(([name, wanted]) =>
      [wanted].flat().some((value) => is(token.claims[name], value)),
    );
  }
  return claims.every(({ claim, equals, any, all }) => {
    let value: unknown = token.claims;
    for (const name of [claim].flat()) {
      value = isRecord(value) ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;
    }
    if (equals !== undefined) return is(value, equals);
    return all === undefined
      ? (any ?? []).some((wanted) => is(value, wanted))
      : all.every((wanted) => is(value, wanted));
  });
}

const isRecord = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const is = (value: unknown, wanted: unknown): boolean =>
  [value].flat().some((member) => {
    if (typeof member !== typeof wanted || member === null || typeof member === 'object') return false;
    if (typeof member === 'number' && (Math.abs(member) > 2 ** 53 - 1 || Object.is(member, -0))) return false;
    return member === wanted;
  });

function hasWanted(wanted: PolicyConfig['scopes'], present: readonly string[]): boolean {
  if (wanted === undefined) return true;
  const { all = [], any } = Array.isArray(wanted) ? { all: wanted } : wanted;
  return (
    all.every((name) => present.includes(name)) &&
    (any === undefined || any.some((name) => present.includes(name)))
  );
}

const word = fc.constantFrom('a', 'a', 'b', 'b', 'A', 'a.b', 'toString');
const words = fc.uniqueArray(word, { minLength: 1, maxLength: 2 });
const scalar = fc.oneof(
  fc.constantFrom('a', 'b', 1, true),
  fc.constantFrom('a', 'b', 1, true),
  fc.constantFrom('A', 'a.b', '', '1', 'true', 0, 1.5, 2 ** 53, false),
);
const wanted = fc.oneof(
  words,
  fc.record({ any: words }),
  fc.record({ all: words }),
  fc.record({ any: words, all: words }),
);
const claimRule = fc
  .tuple(
    fc.oneof(word, fc.array(word, { minLength: 1, maxLength: 2 })),
    fc.oneof(
      fc.record({ equals: scalar }),
      fc.record({ any: fc.array(scalar, { minLength: 1, maxLength: 2 }) }),
      fc.record({ all: fc.array(scalar, { minLength: 1, maxLength: 2 }) }),
    ),
  )
  .map(([claim, rule]) => ({ claim, ...rule }));
const allRules = fc.record({
  issuers: fc.oneof(fc.constant('any' as const), fc.subarray(ISSUERS, { minLength: 1 })),
  audiences: fc.oneof(fc.constant('any' as const), fc.constantFrom(['api'], ['two'], ['own'])),
  scopes: wanted,
  roles: wanted,
  claims: fc.oneof(
    fc.dictionary(word, fc.oneof(scalar, fc.array(scalar, { minLength: 1, maxLength: 2 })), {
      minKeys: 1,
      maxKeys: 2,
    }),
    fc.array(claimRule, { minLength: 1, maxLength: 2 }),
  ),
});

/** At most two kinds of rules, so that not every token fails on one of them. */
const rules = fc
  .tuple(allRules, fc.subarray(['issuers', 'audiences', 'scopes', 'roles', 'claims'], { maxLength: 2 }))
  .map(
    ([all, kinds]) =>
      Object.fromEntries(Object.entries(all).filter(([kind]) => kinds.includes(kind))) as Partial<typeof all>,
  );
const policies = fc.record({ p: rules, q: rules });
const block = fc
  .tuple(rules, fc.option(fc.constantFrom('p', 'q'), { nil: undefined }))
  .map(([own, policy]) => (policy === undefined ? own : { ...own, policy }));
const isMeant = (part: object) => Object.keys(part).length > 0;

const claimValue = fc.oneof(
  scalar,
  fc.array(fc.oneof(scalar, fc.constant(null), fc.constant({})), { maxLength: 3 }),
  fc.dictionary(word, scalar, { maxKeys: 2 }),
  fc.constant(null),
  fc.constant(-0),
);
const token = fc.record({
  issuer: fc.constantFrom('corp', 'corp', 'partner'),
  audiences: fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom(undefined, [], ['other']) },
    { weight: 4, arbitrary: fc.subarray(['api', 'two', 'own'], { minLength: 1 }) },
  ),
  scopes: fc.subarray(['a', 'b', 'A'], { minLength: 1 }),
  roles: fc.subarray(['a', 'b', 'A'], { minLength: 1 }),
  claims: fc.dictionary(word, claimValue, { maxKeys: 5 }),
});

t.test('the gate and a naive reading of the rules agree on every token', async (t) => {
  let allowed = 0;
  let checked = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(block.filter(isMeant), { minLength: 1, maxLength: 3 }),
      policies.filter(({ p, q }) => isMeant(p) && isMeant(q)),
      fc.array(token, { minLength: 10, maxLength: 10 }),
      async (access, named, tokens) => {
        const known = Object.fromEntries(tokens.map((facts, at) => [`t${at}`, tokenOf(facts.claims, facts)]));
        const file = fileWith([{ access: access as never }], {
          issuers: {
            corp: { issuer: 'https://corp.example', audiences: ['api', 'two'] },
            partner: { issuer: 'https://partner.example', audiences: ['api'] },
          },
          defaults: { issuers: ['corp'] },
          policies: named as never,
          identity: { headers: { 'x-user-id': null, 'x-user-issuer': null, 'x-user-scopes': null } },
        });
        const gate = await gateOf(file, fakeVerifier(known));
        for (const [name, verified] of Object.entries(known)) {
          const request = requestOf('GET /', 'Authorization', `Bearer ${name}`);
          const result = resultOf(gate, request);
          const expected = naivelyAllows(access as Blocks, named as Policies, verified);
          if ((result === 'allow') !== expected)
            throw new Error(`${result}, naively ${expected}: ${JSON.stringify(verified)}`);
          if (resultOf(gate, request) !== result) throw new Error('another result the second time');
          checked += 1;
          if (expected) allowed += 1;
        }
      },
    ),
    { numRuns: 400 },
  );
  t.ok(
    allowed > checked / 50 && allowed < checked / 2,
    `${allowed} of ${checked} allowed: both results are tried`,
  );
});
