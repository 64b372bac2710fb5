import t from 'tap';
import { judgeKeys, loadLocalKeySet } from '../../src/tokens/key-set.ts';
import { freezeTime } from '../support/frozen-time.ts';
import { encode, mint, mintText, type SigningKey, signingKey, signText } from '../support/mint.ts';
import { codeOf, inPlace, verifierOf } from '../support/verifier.ts';

const time = freezeTime();
const now = time.clock() / 1000;
const ISS = 'https://corp.example';
const rs = signingKey('RS256');
const es = signingKey('ES256');
const ed = signingKey('EdDSA');
const ps = signingKey('PS256', { members: { alg: 'PS256' } });
const foreign = signingKey('RS256', { kid: rs.kid }, 'foreign');
const good = { iss: ISS, sub: 'u1', aud: 'api', iat: now, exp: now + 300 };
const corp = { issuer: ISS, audiences: ['api'], jwks: inPlace(rs, es, ed, ps) };

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
    t.equal(codeOf(verifier.verify(token, undefined)), 'ok', key.alg);
    t.equal(codeOf(verifier.verify(token, undefined)), 'ok', `${key.alg} again`);
  }
});

t.test('what a verified token says', async (t) => {
  const verifier = await started({ corp: { ...corp, roleClaims: [['realm_access', 'roles'], 'roles'] } });
  const claims = { ...good, aud: ['api', 'b'], scope: 'a b', scp: ['c'], realm_access: { roles: ['x'] } };
  const token = verifier.verify(mint(rs, claims, { typ: 'at+JWT' }), undefined);
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

type Row = readonly [name: string, token: string | (() => string), code: string];

const flipped = (token: string): string => {
  const [head, body, signature = ''] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  bytes[10] = (bytes[10] ?? 0) ^ 1;
  return `${head}.${body}.${encode(bytes)}`;
};
const withSignature = (token: string, signature: Buffer): string =>
  `${token.slice(0, token.lastIndexOf('.'))}.${encode(signature)}`;
const header = JSON.stringify({ alg: 'RS256', kid: rs.kid });
const body = JSON.stringify(good);
const token = mint(rs, good);
const parts = token.split('.') as [string, string, string];
const withHeader = (more: Record<string, unknown>): string => mint(rs, good, more);
const withClaims = (more: Record<string, unknown>): string => mint(rs, { ...good, ...more });
const headerText = (text: string): string => mintText(rs, text, body);
const bodyText = (text: string): string => mintText(rs, header, text);
const symmetric = (): string => {
  const input = `${encode(JSON.stringify({ alg: 'HS256', kid: rs.kid }))}.${parts[1]}`;
  return `${input}.${encode(Buffer.alloc(32, 7))}`;
};
const N256 = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
const zero = Buffer.alloc(32);
const one = Buffer.concat([Buffer.alloc(31), Buffer.from([1])]);
const derOf = (key: SigningKey): Buffer => {
  const raw = signText('x', key);
  return Buffer.concat([
    Buffer.from([0x30, 68, 2, 32]),
    raw.subarray(0, 32),
    Buffer.from([2, 32]),
    raw.subarray(32),
  ]);
};

const REFUSED: readonly Row[] = [
  ['J1 alg none with an empty signature', `${encode('{"alg":"none"}')}.${parts[1]}.`, 'token_malformed'],
  ['J1 alg none with some signature', mint(rs, good, { alg: 'none' }), 'algorithm_not_allowed'],
  ['J1 alg NoNe', mint(rs, good, { alg: 'NoNe' }), 'algorithm_not_allowed'],
  ['J1 an empty signature', `${parts[0]}.${parts[1]}.`, 'token_malformed'],
  ['J2 a public key as HMAC secret', symmetric(), 'algorithm_not_allowed'],
  ['J3 RS256 said, ES256 signed', mint(es, good, { alg: 'RS256' }), 'key_unknown'],
  ['J3 ES384 said of a P-256 key', mint(es, good, { alg: 'ES384' }), 'key_unknown'],
  ['J3 PS256 said of a key published for RS256', mint(rs, good, { alg: 'PS256' }), 'key_unknown'],
  ['J3 an algorithm from the prototype', mint(rs, good, { alg: 'constructor' }), 'algorithm_not_allowed'],
  ['J3 alg as a list', headerText('{"alg":["RS256"]}'), 'token_malformed'],
  ['J3 no alg', headerText('{"typ":"JWT"}'), 'token_malformed'],
  ['J5 an unknown crit', withHeader({ crit: ['x'], x: 1 }), 'token_malformed'],
  ['J5 an empty crit', withHeader({ crit: [] }), 'token_malformed'],
  ['J6 b64: false', withHeader({ b64: false }), 'token_malformed'],
  ['J6 b64: false, critical', withHeader({ b64: false, crit: ['b64'] }), 'token_malformed'],
  ['J6 a detached payload', `${parts[0]}..${parts[2]}`, 'token_malformed'],
  ['J7 kid as a path', withHeader({ kid: '../../dev/null' }), 'key_unknown'],
  ['J7 kid as SQL', withHeader({ kid: "' OR 1=1 --" }), 'key_unknown'],
  ['J7 kid of 8 KiB', withHeader({ kid: 'k'.repeat(8192) }), 'token_malformed'],
  ['J7 kid as a number', withHeader({ kid: 1 }), 'token_malformed'],
  ['J7 kid as an object', withHeader({ kid: {} }), 'token_malformed'],
  ['J7 kid null', withHeader({ kid: null }), 'token_malformed'],
  ['J7 kid __proto__', withHeader({ kid: '__proto__' }), 'key_unknown'],
  ['J7 an empty kid', withHeader({ kid: '' }), 'key_unknown'],
  ['J8 a key of somebody else under a known kid', mint(foreign, good), 'signature_invalid'],
  ['J8 another iss', withClaims({ iss: 'https://evil.example' }), 'issuer_unknown'],
  ['J8 iss with a slash more', withClaims({ iss: `${ISS}/` }), 'issuer_unknown'],
  ['J8 iss in capitals', withClaims({ iss: ISS.toUpperCase() }), 'issuer_unknown'],
  ['J8 iss as a list', withClaims({ iss: [ISS] }), 'issuer_unknown'],
  ['J8 no iss', withClaims({ iss: undefined }), 'issuer_unknown'],
  ['J9 an ID token by at_hash', withClaims({ at_hash: 'x' }), 'type_not_allowed'],
  ['J9 an ID token by c_hash', withClaims({ c_hash: 'x' }), 'type_not_allowed'],
  ['J9 a logout token by events', withClaims({ events: {} }), 'type_not_allowed'],
  ['J9 a logout token by typ', withHeader({ typ: 'logout+jwt' }), 'type_not_allowed'],
  ['J9 a DPoP proof', withHeader({ typ: 'dpop+jwt' }), 'type_not_allowed'],
  ['J9 a security event', withHeader({ typ: 'secevent+jwt' }), 'type_not_allowed'],
  ['J9 an empty typ', withHeader({ typ: '' }), 'type_not_allowed'],
  ['J9 typ as a number', withHeader({ typ: 1 }), 'token_malformed'],
  ['J9 payload typ ID', withClaims({ typ: 'ID' }), 'type_not_allowed'],
  ['J9 payload typ Refresh', withClaims({ typ: 'Refresh' }), 'type_not_allowed'],
  ['J9 payload typ Logout', withClaims({ typ: 'Logout' }), 'type_not_allowed'],
  ['J9 token_use id', withClaims({ token_use: 'id' }), 'type_not_allowed'],
  ['J11 no exp', withClaims({ exp: undefined }), 'claim_missing'],
  ['J11 exp as a string', withClaims({ exp: String(now + 300) }), 'token_malformed'],
  ['J11 exp null', withClaims({ exp: null }), 'token_malformed'],
  ['J11 exp as a list', withClaims({ exp: [now + 300] }), 'token_malformed'],
  ['J11 exp negative', withClaims({ exp: -1 }), 'token_expired'],
  ['J11 exp 0', withClaims({ exp: 0 }), 'token_expired'],
  ['J11 exp 1e999', bodyText(`{"iss":"${ISS}","aud":"api","exp":1e999}`), 'token_malformed'],
  ['J11 exp in milliseconds', withClaims({ exp: (now + 300) * 1000 }), 'token_malformed'],
  ['J11 exp past by one second more than the tolerance', withClaims({ exp: now - 31 }), 'token_expired'],
  ['J11 exp past by the tolerance to the moment', withClaims({ exp: now - 30 }), 'token_expired'],
  ['J11 nbf in the future', withClaims({ nbf: now + 31 }), 'token_not_yet_valid'],
  ['J11 iat in the future', withClaims({ iat: now + 31 }), 'token_not_yet_valid'],
  ['J11 nbf as a string', withClaims({ nbf: 'x' }), 'token_malformed'],
  ['J11 iat as an object', withClaims({ iat: {} }), 'token_malformed'],
  ['J12 exp twice', bodyText(`{"iss":"${ISS}","exp":1,"exp":${now + 300}}`), 'token_malformed'],
  ['J12 iss and its escaped twin', bodyText(`{"iss":"${ISS}","\\u0069ss":"x","exp":1}`), 'token_malformed'],
  ['J12 alg twice', headerText('{"alg":"RS256","alg":"none"}'), 'token_malformed'],
  ['J12 alg and its escaped twin', headerText('{"alg":"RS256","\\u0061lg":"RS256"}'), 'token_malformed'],
  ['J12 twins deeper down', bodyText(`{"iss":"${ISS}","a":[{"b":1,"b":1}],"exp":9}`), 'token_malformed'],
  ['J13 100,000 dots', '.'.repeat(100_000), 'token_malformed'],
  ['J13 16,000 dots', '.'.repeat(16_000), 'token_malformed'],
  ['J13 5,000 levels', bodyText('['.repeat(5000) + ']'.repeat(5000)), 'token_malformed'],
  ['J13 33 levels', bodyText(`{"a":${'['.repeat(32)}${']'.repeat(32)}}`), 'token_malformed'],
  ['J13 longer than tokenBytes', withClaims({ pad: 'x'.repeat(13_000) }), 'token_malformed'],
  [
    'J14 an encrypted token',
    `${parts[0]}.${parts[1]}.${parts[1]}.${parts[1]}.${parts[2]}`,
    'token_malformed',
  ],
  ['J14 a token in a token', bodyText(token), 'token_malformed'],
  ['J14 zip', withHeader({ zip: 'DEF' }), 'token_malformed'],
  ['J14 enc beside a signature', withHeader({ enc: 'A128GCM' }), 'token_malformed'],
  ['J14 PBES2', withHeader({ alg: 'PBES2-HS256+A128KW', p2c: 1e9 }), 'algorithm_not_allowed'],
  ['J15 JSON serialisation', JSON.stringify({ protected: parts[0], payload: parts[1] }), 'token_malformed'],
  ['J16 r and s zero', () => withSignature(mint(es, good), Buffer.concat([zero, zero])), 'signature_invalid'],
  ['J16 r zero', () => withSignature(mint(es, good), Buffer.concat([zero, one])), 'signature_invalid'],
  [
    'J16 r and s the order',
    () => withSignature(mint(es, good), Buffer.concat([N256, N256])),
    'signature_invalid',
  ],
  [
    'J16 r one, s the order',
    () => withSignature(mint(es, good), Buffer.concat([one, N256])),
    'signature_invalid',
  ],
  ['J16 DER', () => withSignature(mint(es, good), derOf(es)), 'signature_invalid'],
  [
    'J16 an ECDSA signature of 63 bytes',
    () => withSignature(mint(es, good), zero.subarray(0, 31)),
    'signature_invalid',
  ],
  ['J16 an RSA signature of 1 byte', withSignature(token, Buffer.from([1])), 'signature_invalid'],
  ['J17 padding', `${parts[0]}==.${parts[1]}.${parts[2]}`, 'token_malformed'],
  ['J17 white space', ` ${token}`, 'token_malformed'],
  ['J17 a line feed at the end', `${token}\n`, 'token_malformed'],
  ['J17 + and /', `${parts[0]}.${parts[1]}.++//`, 'token_malformed'],
  [
    'J17 leftover bits',
    `${parts[0]}.${parts[1]}.${parts[2].slice(0, -1)}${twin(parts[2].slice(-1))}`,
    'token_malformed',
  ],
  ['J17 a part of an impossible length', `${parts[0]}.${parts[1]}.AAAAA`, 'token_malformed'],
  [
    'J17 UTF-8 that is none',
    mintText(rs, header, 'x').replace(/\.[^.]*\./, `.${encode(Buffer.from([0x22, 0xff, 0x22]))}.`),
    'token_malformed',
  ],
  ['a byte order mark', bodyText(`\uFEFF${body}`), 'token_malformed'],
  ['a payload that is a list', bodyText('[1]'), 'token_malformed'],
  ['a payload that is text', bodyText('hello'), 'token_malformed'],
  ['a payload that is null', bodyText('null'), 'token_malformed'],
  ['an empty payload', `${parts[0]}.${encode('')}.${parts[2]}`, 'token_malformed'],
  ['an opaque token', 'mF_9.B5f-4.1JqM'.replaceAll('.', ''), 'token_malformed'],
  ['an empty text', '', 'token_malformed'],
  ['J25 a token bound to a certificate', withClaims({ cnf: { 'x5t#S256': 'x' } }), 'token_bound'],
  ['J25 a token bound to a key', withClaims({ cnf: { jkt: 'x' } }), 'token_bound'],
  ['J25 cnf of nothing', withClaims({ cnf: null }), 'token_bound'],
  ['a flipped bit in the signature', flipped(token), 'signature_invalid'],
  [
    'a changed payload',
    `${parts[0]}.${encode(JSON.stringify({ ...good, sub: 'root' }))}.${parts[2]}`,
    'signature_invalid',
  ],
];

function twin(last: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet[alphabet.indexOf(last) + 1] as string;
}

t.test('every refused token has its code, at first sight, from memory, and under a trace', async (t) => {
  const verifier = await started({ corp });
  for (const [name, made, code] of REFUSED) {
    const raw = typeof made === 'string' ? made : made();
    t.equal(codeOf(verifier.verify(raw, undefined)), code, name);
    t.equal(codeOf(verifier.verify(raw, undefined)), code, `${name}: again`);
    const steps: { step: string; ok: boolean }[] = [];
    const trace = { showClaims: false, add: (step: { step: string; ok: boolean }) => steps.push(step) };
    t.equal(codeOf(verifier.verify(raw, undefined, trace)), code, `${name}: traced`);
    t.match(steps.at(-1), { ok: false }, `${name}: the last step is the one that failed`);
  }
});

t.test('J4 key material in the header never counts', async (t) => {
  const verifier = await started({ corp });
  const own = { ...foreign.jwk };
  t.equal(codeOf(verifier.verify(mint(foreign, good, { jwk: own }), undefined)), 'signature_invalid');
  const jku = { jku: 'http://127.0.0.1:9/keys', x5u: 'http://127.0.0.1:9/x', x5c: ['AAAA'] };
  t.equal(codeOf(verifier.verify(mint(foreign, good, jku), undefined)), 'signature_invalid');
  t.equal(codeOf(verifier.verify(mint(foreign, good, { jwk: own, kid: 'evil' }), undefined)), 'key_unknown');
  t.equal(codeOf(verifier.verify(mint(rs, good, jku), undefined)), 'ok', 'a good key is not spoilt by them');
});

t.test('J8 each issuer is judged by its own keys, and routes by the issuers they accept', async (t) => {
  const other = 'https://other.example';
  const verifier = await started({
    corp: { ...corp, jwks: inPlace(rs) },
    other: { issuer: other, audiences: ['api'], jwks: inPlace(foreign) },
    same: { issuer: 'https://same.example', audiences: ['api'], jwks: inPlace(rs) },
  });
  t.equal(codeOf(verifier.verify(mint(rs, good), undefined)), 'ok');
  t.equal(codeOf(verifier.verify(mint(foreign, { ...good, iss: other }), undefined)), 'ok');
  t.equal(codeOf(verifier.verify(mint(foreign, good), undefined)), 'signature_invalid');
  t.equal(codeOf(verifier.verify(mint(rs, { ...good, iss: other }), undefined)), 'signature_invalid');
  const onlyCorp = new Set(['corp']);
  for (const round of ['first', 'again']) {
    const token = mint(rs, { ...good, iss: 'https://same.example' });
    t.equal(codeOf(verifier.verify(token, onlyCorp)), 'issuer_not_allowed', round);
    t.equal(codeOf(verifier.verify(token, undefined)), 'ok', round);
    t.match(verifier.verify(token, onlyCorp), { issuer: 'same' });
  }
});

t.test('the issuer of the route is judged before any key is looked up', async (t) => {
  const verifier = verifierOf({ corp }, { time });
  t.equal(codeOf(verifier.verify(token, new Set(['b']))), 'issuer_not_allowed');
  t.equal(codeOf(verifier.verify(mint(rs, good, { alg: 'none' }), new Set(['b']))), 'issuer_not_allowed');
});

t.test('the earlier flaw gives the code when a token has several', async (t) => {
  const verifier = await started({ corp });
  const all = { ...good, exp: 1, at_hash: 'x', cnf: {} };
  t.equal(
    codeOf(verifier.verify(mint(foreign, { ...all, iss: 'x' }, { alg: 'none' }), undefined)),
    'issuer_unknown',
  );
  t.equal(
    codeOf(verifier.verify(mint(foreign, all, { alg: 'none', typ: 'x' }), undefined)),
    'algorithm_not_allowed',
  );
  t.equal(codeOf(verifier.verify(mint(foreign, all, { typ: 'x', kid: 'x' }), undefined)), 'type_not_allowed');
  t.equal(codeOf(verifier.verify(mint(foreign, all, { kid: 'x' }), undefined)), 'key_unknown');
  t.equal(codeOf(verifier.verify(mint(foreign, all), undefined)), 'signature_invalid');
  t.equal(codeOf(verifier.verify(mint(rs, all), undefined)), 'type_not_allowed');
  t.equal(codeOf(verifier.verify(mint(rs, { ...good, exp: 1, cnf: {} }), undefined)), 'token_bound');
});

t.test('options of an issuer', async (t) => {
  const code = async (more: Record<string, unknown>, claims: Record<string, unknown>, head = {}) =>
    codeOf(
      (await started({ corp: { ...corp, ...more } })).verify(
        mint(rs, { ...good, ...claims }, head),
        undefined,
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
    verifier.verify(mint(rs, { ...good, ...claims }), undefined);
  t.match(read({ scope: 'a  b' }), { scopes: ['a', 'b'] });
  t.match(read({ scp: ['a'] }), { scopes: ['a'] });
  t.same((read({ scope: { a: 1 }, scp: ['a'] }) as { scopes: unknown }).scopes, []);
  t.same((read({ scope: ['a', 1] }) as { scopes: unknown }).scopes, []);
  t.same((read({ scope: 'a\tb' }) as { scopes: unknown }).scopes, ['a\tb']);
  t.same((read({ roles: ['a', null] }) as { roles: unknown }).roles, []);
  t.same((read({ roles: 'a b' }) as { roles: unknown }).roles, ['a b']);
  t.same((read({ aud: undefined }) as { audiences: unknown }).audiences, undefined);
  for (const aud of [1, null, {}, ['api', 1], [['api']], [], true]) {
    t.same((read({ aud }) as { audiences: unknown }).audiences, [], JSON.stringify(aud));
  }
});

t.test('J22 J24 unusable keys are skipped, not their set', async (t) => {
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
  const judged = judgeKeys(keys, new Set(['RS256', 'PS256', 'ES256']));
  t.same(
    judged.reports.map(({ state }) => state),
    ['broken', 'broken', 'broken', 'broken', 'skipped', 'broken', 'broken', 'usable', 'usable'],
  );
  const set = await loadLocalKeySet(judged);
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
  t.equal(codeOf(verifier.verify(mint(twinA, good), undefined)), 'ok');
  t.equal(codeOf(verifier.verify(mint(twinB, good), undefined)), 'ok');
  t.equal(codeOf(verifier.verify(mint(twinB, good, { kid: undefined }), undefined)), 'ok');
  const stranger = signingKey('RS256', { kid: 'k' }, 'stranger');
  t.equal(codeOf(verifier.verify(mint(stranger, good), undefined)), 'signature_invalid');
  t.equal(codeOf(verifier.verify(mint(stranger, good, { kid: undefined }), undefined)), 'signature_invalid');
});

t.test('the log names the key that was looked for, and those there were, harmlessly', async (t) => {
  const verifier = await started({ corp: { ...corp, jwks: inPlace(rs) } });
  const outcome = verifier.verify(withHeader({ kid: `a\n\u001b[31m"${'x'.repeat(100)}` }), undefined);
  const { reason } = outcome as { reason: string };
  t.match(reason, /published: "RS256-first"/);
  t.match(reason, /^[ -~…]*$/, 'nothing but printable ASCII');
  t.ok(reason.length < 200);
});
