import t from 'tap';
import type { Cause } from '../../../src/core/causes.ts';
import { isRefusal } from '../../../src/core/refusals.ts';
import type { Step } from '../../../src/core/trace.ts';
import { decide } from '../../../src/pipeline/decision/decide.ts';
import { freezeTime } from '../../support/core/frozen-time.ts';
import { fileWith, gateOf, requestOf } from '../../support/pipeline/gate.ts';
import { mint, type SigningKey, signingKey } from '../../support/tokens/mint.ts';
import { verifierOf } from '../../support/tokens/verifier.ts';

const time = freezeTime();
const now = time.clock() / 1000;
const key = signingKey('ES256');
const foreign = signingKey('ES256', { kid: key.kid }, 'foreign');

const issuers = {
  corp: {
    issuer: 'https://corp.example',
    audiences: ['api'],
    requiredClaims: ['sub'],
    maxTokenAge: '1h',
    jwks: { keys: [key.jwk] },
  },
  other: { issuer: 'https://other.example', audiences: ['api'], jwks: { keys: [key.jwk] } },
};
const access = { scopes: ['read'], roles: ['reader'], claims: { tenant: 'acme' }, when: 'claims.level > 3' };
const identity = { headers: { 'x-name': { claim: 'name', required: true } } };

/** A request in the making, which the flaws below change. */
interface Draft {
  path: string;
  key: SigningKey;
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
  suffix: string;
}

const goodDraft = (): Draft => ({
  path: '/corp',
  key,
  header: {},
  claims: {
    ...{ iss: 'https://corp.example', aud: 'api', sub: 'u', iat: now, exp: now + 300 },
    ...{ scope: 'read', roles: ['reader'], tenant: 'acme', level: 5, name: 'Ann' },
  },
  suffix: '',
});

/** What can be wrong with a token, in the order in which it is looked at. */
const FLAWS: readonly (readonly [step: string, cause: Cause, spoil: (draft: Draft) => void])[] = [
  ['form', 'token_base64', (draft) => (draft.suffix = '=')],
  ['issuer', 'iss_unknown', ({ claims }) => (claims.iss = 'https://x.example')],
  ['issuer', 'issuer_not_allowed', (draft) => (draft.path = '/other')],
  ['algorithm', 'algorithm_none', ({ header }) => (header.alg = 'none')],
  ['type', 'typ_not_listed', ({ header }) => (header.typ = 'dpop+jwt')],
  ['key', 'key_unknown', ({ header }) => (header.kid = 'x')],
  ['signature', 'signature_invalid', (draft) => (draft.key = foreign)],
  ['kind', 'foreign_token', ({ claims }) => (claims.events = {})],
  ['kind', 'id_token', ({ claims }) => (claims.at_hash = 'x')],
  ['claims', 'claim_missing', ({ claims }) => (claims.sub = undefined)],
  ['claims', 'exp_missing', ({ claims }) => (claims.exp = undefined)],
  ['claims', 'iat_missing', ({ claims }) => (claims.iat = undefined)],
  ['times', 'token_expired', ({ claims }) => (claims.exp = now - 60)],
  ['times', 'token_not_yet_valid', ({ claims }) => (claims.nbf = now + 60)],
  ['times', 'token_too_old', ({ claims }) => (claims.iat = now - 7200)],
  ['audiences', 'audience_mismatch', ({ claims }) => (claims.aud = 'other')],
  ['binding', 'token_bound', ({ claims }) => (claims.cnf = { jkt: 'x' })],
  ['scopes', 'insufficient_scope', ({ claims }) => (claims.scope = 'write')],
  ['roles', 'role_missing', ({ claims }) => (claims.roles = ['user'])],
  ['claims', 'claim_mismatch', ({ claims }) => (claims.tenant = 'evil')],
  ['when', 'condition_failed', ({ claims }) => (claims.level = 1)],
  ['identity', 'identity_incomplete', ({ claims }) => (claims.name = undefined)],
];

const gate = await gateOf(
  fileWith(
    [
      { path: '/corp', access: { ...access, issuers: ['corp'] }, identity },
      { path: '/other', access: { ...access, issuers: ['other'] }, identity },
      { path: '/any', access: { ...access, issuers: ['corp', 'other'] }, mode: 'report' },
    ],
    { issuers },
  ),
  verifierOf(issuers, { time }),
);

function requestWith({ path, key, header, claims, suffix }: Draft) {
  return requestOf(`GET ${path}`, 'Authorization', `Bearer ${mint(key, claims, header)}${suffix}`);
}

/** The cause at first sight, from memory, and as `explain` reports it with its last step. */
async function decidedOf(draft: Draft): Promise<{ cause: string; step: string }> {
  const request = requestWith(draft);
  const steps: Step[] = [];
  const trace = { showClaims: false, add: (step: Step) => void steps.push(step) };
  const causes = new Set<string>();
  for (const watched of [undefined, undefined, undefined, trace]) {
    const { outcome } = await decide(gate, request, watched);
    causes.add(isRefusal(outcome) ? outcome.cause : 'allow');
  }
  const last = steps.at(-1);
  const failed = steps.filter(({ ok }) => !ok).length;
  return {
    cause: [...causes].join(),
    step: failed === 1 && last?.ok === false ? last.step : `${failed} failed`,
  };
}

t.test('a token without a flaw passes, and its steps are traced in order', async (t) => {
  const steps: Step[] = [];
  const trace = { showClaims: false, add: (step: Step) => void steps.push(step) };
  const { outcome } = await decide(gate, requestWith(goodDraft()), trace);
  t.notOk(isRefusal(outcome), JSON.stringify(outcome));
  const reported = steps.map(({ step }) => step);
  const wanted = [...new Set(['path', 'host', 'match', 'token', ...FLAWS.map(([step]) => step)])];
  t.same(
    [...new Set(reported)].filter((step) => wanted.includes(step)),
    wanted,
  );
});

t.test('of two flaws the one checked first gives the code', async (t) => {
  for (const [first, [step, cause, spoil]] of FLAWS.entries()) {
    const single = goodDraft();
    spoil(single);
    t.same(await decidedOf(single), { cause, step }, cause);
    for (const [, laterCause, spoilLater] of FLAWS.slice(first + 1)) {
      const draft = goodDraft();
      spoilLater(draft);
      // Last, where both are about the same claim.
      spoil(draft);
      t.same(await decidedOf(draft), { cause, step }, `${cause} before ${laterCause}`);
    }
  }
});

t.test('a route that only reports never takes a token that is bound to a key', async (t) => {
  const draft = goodDraft();
  draft.path = '/any';
  draft.claims.scope = 'write';
  t.equal((await decidedOf(draft)).cause, 'allow');
  draft.claims.cnf = { jkt: 'x' };
  t.equal((await decidedOf(draft)).cause, 'token_bound');
});

t.test('every kind of access refuses a bound token', async (t) => {
  for (const kind of ['authenticated', 'optional', [{ scopes: ['read'] }, { roles: ['reader'] }]] as const) {
    const { corp } = issuers;
    const file = fileWith([{ access: kind as never }], { issuers: { corp } });
    const open = await gateOf(file, verifierOf({ corp }, { time }));
    for (const cnf of [{}, { jkt: 'x' }, { 'x5t#S256': 'x' }, '', [], 0, false]) {
      const draft = goodDraft();
      draft.path = '/';
      draft.claims.cnf = cnf;
      for (let sight = 0; sight < 3; sight += 1) {
        const { outcome } = await decide(open, requestWith(draft));
        t.match(outcome, { code: 'token_bound', issuer: 'corp' }, JSON.stringify([kind, cnf]));
      }
    }
  }
});
