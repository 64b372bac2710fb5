import t from 'tap';
import { checkKeys, loadLocalKeySet } from '../../src/tokens/keys/key-set.ts';
import { badTokens, PUBLISHED } from '../attack/bad-tokens.ts';
import { freezeTime } from '../support/core/frozen-time.ts';
import { mint, signingKey } from '../support/tokens/mint.ts';
import { ANY_ISSUER, codeOf, inPlace, verifierOf } from '../support/tokens/verifier.ts';

const time = freezeTime();
const now = time.clock() / 1000;
const ISS = 'https://corp.example';
const { rs, es, ed, ps } = PUBLISHED;
const foreign = signingKey('RS256', { kid: rs.kid }, 'foreign');
const good = { iss: ISS, sub: 'u1', aud: 'api', iat: now, exp: now + 300 };
const corp = { issuer: ISS, audiences: ['api'], jwks: inPlace(rs, es, ed, ps) };

const token = mint(rs, good);
const withHeader = (more: Record<string, unknown>): string => mint(rs, good, more);

async function started(issuers: Record<string, unknown>, shape = {}) {
  const verifier = verifierOf(issuers, { time, ...shape });
  await verifier.start();
  return verifier;
}

t.test('a good token of each family is accepted, at once and again from memory', async (t) => {
  const families = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
  const keys = families.map((alg) => signingKey(alg));
  const verifier = await started({ corp: { ...corp, jwks: inPlace(...keys) } });
  for (const key of keys) {
    const token = mint(key, good);
    t.equal(codeOf(verifier.verify(token, ANY_ISSUER)), 'ok', key.alg);
    t.equal(codeOf(verifier.verify(token, ANY_ISSUER)), 'ok', `${key.alg} again`);
  }
});

t.test('the fields of a verified token', async (t) => {
  const verifier = await started({ corp: { ...corp, roleClaims: [['realm_access', 'roles'], 'roles'] } });
  const claims = { ...good, aud: ['api', 'b'], scope: 'a b', scp: ['c'], realm_access: { roles: ['x'] } };
  const token = verifier.verify(mint(rs, claims, { typ: 'at+JWT' }), ANY_ISSUER);
  t.match(token, {
    issuer: 'corp',
    header: { alg: 'RS256', kid: rs.kid, typ: 'at+JWT' },
    audiences: ['api', 'b'],
    scopes: ['a', 'b'],
    roles: ['x'],
    rejectedFromMs: (now + 330) * 1000,
  });
  t.notOk('toString' in (token as { claims: object }).claims, 'claims have no prototype');
});

t.test('every refused token has its code, at first sight, from memory, and under a trace', async (t) => {
  const verifier = await started({ corp });
  for (const [name, raw, code] of badTokens(ISS, now)) {
    t.equal(codeOf(verifier.verify(raw, ANY_ISSUER)), code, name);
    t.equal(codeOf(verifier.verify(raw, ANY_ISSUER)), code, `${name}: again`);
    const steps: { step: string; ok: boolean }[] = [];
    const trace = { showClaims: false, add: (step: { step: string; ok: boolean }) => steps.push(step) };
    t.equal(codeOf(verifier.verify(raw, { ...ANY_ISSUER, trace })), code, `${name}: traced`);
    t.match(steps.at(-1), { ok: false }, `${name}: the last step is the one that failed`);
  }
});

t.test('key material in the header never counts', async (t) => {
  const verifier = await started({ corp });
  const own = { ...foreign.jwk };
  t.equal(codeOf(verifier.verify(mint(foreign, good, { jwk: own }), ANY_ISSUER)), 'signature_invalid');
  const jku = { jku: 'http://127.0.0.1:9/keys', x5u: 'http://127.0.0.1:9/x', x5c: ['AAAA'] };
  t.equal(codeOf(verifier.verify(mint(foreign, good, jku), ANY_ISSUER)), 'signature_invalid');
  t.equal(codeOf(verifier.verify(mint(foreign, good, { jwk: own, kid: 'evil' }), ANY_ISSUER)), 'key_unknown');
  t.equal(codeOf(verifier.verify(mint(rs, good, jku), ANY_ISSUER)), 'ok', 'they do no harm to a good key');
});

t.test('each issuer is checked by its own keys, and routes by the issuers they accept', async (t) => {
  const other = 'https://other.example';
  const verifier = await started({
    corp: { ...corp, jwks: inPlace(rs) },
    other: { issuer: other, audiences: ['api'], jwks: inPlace(foreign) },
    same: { issuer: 'https://same.example', audiences: ['api'], jwks: inPlace(rs) },
  });
  t.equal(codeOf(verifier.verify(mint(rs, good), ANY_ISSUER)), 'ok');
  t.equal(codeOf(verifier.verify(mint(foreign, { ...good, iss: other }), ANY_ISSUER)), 'ok');
  t.equal(codeOf(verifier.verify(mint(foreign, good), ANY_ISSUER)), 'signature_invalid');
  t.equal(codeOf(verifier.verify(mint(rs, { ...good, iss: other }), ANY_ISSUER)), 'signature_invalid');
  const onlyCorp = new Set(['corp']);
  for (const round of ['first', 'again']) {
    const token = mint(rs, { ...good, iss: 'https://same.example' });
    t.equal(
      codeOf(verifier.verify(token, { ...ANY_ISSUER, accepts: onlyCorp })),
      'issuer_not_allowed',
      round,
    );
    t.equal(codeOf(verifier.verify(token, ANY_ISSUER)), 'ok', round);
    t.match(verifier.verify(token, { ...ANY_ISSUER, accepts: onlyCorp }), { issuer: 'same' });
  }
});

t.test('the issuer of the route is checked before any key is looked up', async (t) => {
  const verifier = verifierOf({ corp }, { time });
  t.equal(codeOf(verifier.verify(token, { ...ANY_ISSUER, accepts: new Set(['b']) })), 'issuer_not_allowed');
  t.equal(
    codeOf(verifier.verify(mint(rs, good, { alg: 'none' }), { ...ANY_ISSUER, accepts: new Set(['b']) })),
    'issuer_not_allowed',
  );
});

t.test('the earlier flaw gives the code when a token has several', async (t) => {
  const verifier = await started({ corp });
  const all = { ...good, exp: 1, at_hash: 'x' };
  t.equal(
    codeOf(verifier.verify(mint(foreign, { ...all, iss: 'x' }, { alg: 'none' }), ANY_ISSUER)),
    'issuer_unknown',
  );
  t.equal(
    codeOf(verifier.verify(mint(foreign, all, { alg: 'none', typ: 'x' }), ANY_ISSUER)),
    'algorithm_not_allowed',
  );
  t.equal(
    codeOf(verifier.verify(mint(foreign, all, { typ: 'x', kid: 'x' }), ANY_ISSUER)),
    'type_not_allowed',
  );
  t.equal(codeOf(verifier.verify(mint(foreign, all, { kid: 'x' }), ANY_ISSUER)), 'key_unknown');
  t.equal(codeOf(verifier.verify(mint(foreign, all), ANY_ISSUER)), 'signature_invalid');
  t.equal(codeOf(verifier.verify(mint(rs, all), ANY_ISSUER)), 'type_not_allowed');
});

t.test('options of an issuer', async (t) => {
  const code = async (more: Record<string, unknown>, claims: Record<string, unknown>, head = {}) =>
    codeOf(
      (await started({ corp: { ...corp, ...more } })).verify(
        mint(rs, { ...good, ...claims }, head),
        ANY_ISSUER,
      ),
    );
  t.equal(await code({ algorithms: ['ES256'] }, {}), 'algorithm_not_allowed');
  t.equal(await code({ tokenTypes: ['at+jwt'] }, {}, { typ: 'application/AT+JWT' }), 'ok');
  t.equal(await code({ tokenTypes: ['at+jwt'] }, {}), 'type_not_allowed');
  t.equal(await code({ tokenTypes: ['at+jwt'] }, {}, { typ: undefined }), 'type_not_allowed');
  t.equal(await code({}, {}, { typ: undefined }), 'ok');
  t.equal(await code({ idTokens: true }, { at_hash: 'x', typ: 'ID', token_use: 'id' }), 'ok');
  t.equal(await code({ idTokens: true }, { events: {} }), 'type_not_allowed');
  t.equal(await code({ idTokens: true }, { typ: 'Refresh' }), 'type_not_allowed');
  t.equal(await code({ requiredClaims: ['tenant'] }, {}), 'claim_missing');
  t.equal(await code({ requiredClaims: ['tenant'] }, { tenant: null }), 'claim_missing');
  t.equal(await code({ requiredClaims: ['tenant'] }, { tenant: '' }), 'claim_missing');
  t.equal(await code({ requiredClaims: ['tenant'] }, { tenant: 0 }), 'ok');
  t.equal(await code({ clockTolerance: '0s' }, { exp: now }), 'token_expired');
  t.equal(await code({ clockTolerance: '0s' }, { exp: now + 1, nbf: now, iat: now }), 'ok');
  t.equal(await code({ maxTokenAge: '1m' }, { iat: undefined }), 'claim_missing');
  t.equal(await code({ maxTokenAge: '1m' }, { iat: now - 90 }), 'token_too_old');
  t.equal(await code({ maxTokenAge: '1m' }, { iat: now - 89 }), 'ok');
});

t.test('scopes, roles and audiences of odd shapes', async (t) => {
  const verifier = await started({ corp });
  const read = (claims: Record<string, unknown>) =>
    verifier.verify(mint(rs, { ...good, ...claims }), ANY_ISSUER);
  t.match(read({ scope: 'a  b' }), { scopes: ['a', 'b'] });
  t.match(read({ scp: ['a'] }), { scopes: ['a'] });
  t.same((read({ scope: { a: 1 }, scp: ['a'] }) as { scopes: unknown }).scopes, []);
  t.same((read({ scope: ['a', 1] }) as { scopes: unknown }).scopes, []);
  t.same((read({ scope: 'a\tb' }) as { scopes: unknown }).scopes, ['a\tb']);
  t.same((read({ roles: ['a', null] }) as { roles: unknown }).roles, []);
  t.same((read({ roles: 'a b' }) as { roles: unknown }).roles, ['a b']);
  t.same((read({ aud: undefined }) as { audiences: unknown }).audiences, undefined);
  for (const aud of [null, '', []]) {
    t.same((read({ aud }) as { audiences: unknown }).audiences, undefined, JSON.stringify(aud));
  }
  for (const aud of [1, {}, ['api', 1], [['api']], [null], true]) {
    t.same((read({ aud }) as { audiences: unknown }).audiences, [], JSON.stringify(aud));
  }
});

t.test('unusable keys are skipped, not their set', async (t) => {
  const weak = signingKey('RS256', { kid: 'weak', bits: 1024 });
  const enc = signingKey('RS256', { kid: 'enc', members: { use: 'enc' } }, 'enc');
  const noAlg = signingKey('RS256', { kid: 'bare', members: { alg: undefined, use: undefined } }, 'bare');
  const three = signingKey('RS256', { kid: 'three', exponent: 3 });
  const offCurve = { ...es.jwk, kid: 'off', y: es.jwk.x };
  const keys = [
    null,
    1,
    'x',
    weak.jwk,
    enc.jwk,
    offCurve,
    { kty: 'oct', k: 'AA', kid: 'oct' },
    noAlg.jwk,
    three.jwk,
  ];
  const checked = checkKeys(keys, new Set(['RS256', 'PS256', 'ES256']));
  t.same(
    checked.reports.map(({ state }) => state),
    ['broken', 'broken', 'broken', 'broken', 'skipped', 'broken', 'broken', 'usable', 'usable'],
  );
  const set = await loadLocalKeySet(checked);
  t.equal(set.find('RS256', 'bare').length, 1);
  t.equal(set.find('PS256', 'bare').length, 1, 'configuration decides where the key does not');
  t.equal(set.find('RS256', 'three').length, 1, 'the least odd exponent');
  for (const kid of ['weak', 'enc', 'off', 'oct']) t.equal(set.find('RS256', kid).length, 0, kid);
  t.equal(set.find('RS256', undefined).length, 2, 'a token without key id is tried against what fits');
});

t.test('tokens without key id, and key ids that come twice', async (t) => {
  const twinA = signingKey('RS256', { kid: 'k' });
  const twinB = signingKey('RS256', { kid: 'k' }, 'foreign');
  const verifier = await started({ corp: { ...corp, jwks: inPlace(twinA, twinB) } });
  t.equal(codeOf(verifier.verify(mint(twinA, good), ANY_ISSUER)), 'ok');
  t.equal(codeOf(verifier.verify(mint(twinB, good), ANY_ISSUER)), 'ok');
  t.equal(codeOf(verifier.verify(mint(twinB, good, { kid: undefined }), ANY_ISSUER)), 'ok');
  const stranger = signingKey('RS256', { kid: 'k' }, 'stranger');
  t.equal(codeOf(verifier.verify(mint(stranger, good), ANY_ISSUER)), 'signature_invalid');
  t.equal(codeOf(verifier.verify(mint(stranger, good, { kid: undefined }), ANY_ISSUER)), 'signature_invalid');
});

t.test('the log names the key that was looked for, and those there were, harmlessly', async (t) => {
  const verifier = await started({ corp: { ...corp, jwks: inPlace(rs) } });
  const outcome = verifier.verify(withHeader({ kid: `a\n\u001b[31m"${'x'.repeat(100)}` }), ANY_ISSUER);
  const { reason } = outcome as { reason: string };
  t.match(reason, /published: "RS256-first"/);
  t.match(reason, /^[ -~…]*$/, 'nothing but printable ASCII');
  t.ok(reason.length < 200);
});
