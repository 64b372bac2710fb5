import { createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { createVerifier } from 'fast-jwt';
import jsonwebtoken from 'jsonwebtoken';
import t from 'tap';
import { configSchema } from '../../../../src/config/schema/config.ts';
import { compileGate } from '../../../../src/pipeline/compile.ts';
import { isDirectResponse } from '../../../../src/pipeline/direct-response.ts';
import {
  type AssertionSigner,
  compileAssertion,
} from '../../../../src/pipeline/identity/assertion/assertion.ts';
import { compileIssuers } from '../../../../src/tokens/issuers/compile-issuers.ts';
import { inexactNumber } from '../../../../src/tokens/jwt/json/inexact-number.ts';
import { folderWith } from '../../../support/gateway/cli.ts';
import {
  type ConfigInput,
  decideNow,
  fakeVerifier,
  fieldsOf,
  fileWith,
  permitOf,
  requestOf,
  resultOf,
  tokenOf,
} from '../../../support/pipeline/gate.ts';

const HOUR = 3_600_000;
const START = Date.parse('2026-01-31T12:00:00Z');

type Assertion = NonNullable<NonNullable<ConfigInput['identity']>['assertion']>;

const configWith = (assertion: Assertion) =>
  configSchema.parse(
    fileWith(
      [{ path: '/in', access: 'authenticated' }, { path: '/maybe', access: 'optional' }, { path: '/' }],
      {
        listen: { publicUrl: 'https://gw.example' },
        identity: { assertion },
      },
    ),
  );

/** A signer on a clock that the test moves. */
function signerAt(time: { now: number }, assertion: Assertion, mayWrite = true) {
  const options = { resolvePath: (path: string) => path, clock: () => time.now, mayWrite };
  const { signer, problems } = compileAssertion(configWith(assertion), options);
  return { problems, signer: signer as AssertionSigner };
}

const TOKEN = tokenOf(
  { sub: 'alice', iss: 'https://corp.example', azp: 'web', email: 'a@b.example', n: inexactNumber('1.0') },
  { scopes: ['a', 'b'] },
);

const keysOf = (signer: AssertionSigner): (JsonWebKey & { kid: string; alg: string })[] =>
  JSON.parse(signer.publishedKeys()).keys;
const headOf = (jwt: string) => JSON.parse(Buffer.from(jwt.split('.')[0] as string, 'base64url').toString());

/** As a backend does it: the key by its id, then the library. */
function pemFor(signer: AssertionSigner, jwt: string): string {
  const key = keysOf(signer).find(({ kid }) => kid === headOf(jwt).kid);
  if (key === undefined) throw new Error('the key is not published');
  return createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString();
}

t.test('two libraries that are not ours verify an assertion with the published keys', async (t) => {
  const path = await folderWith({}, t);
  const time = { now: Date.now() };
  for (const algorithm of ['ES256', 'EdDSA'] as const) {
    const { signer } = signerAt(time, { keys: path(algorithm), algorithm, claims: ['email', 'n', 'absent'] });
    const jwt = signer.sign(TOKEN, 'orders');
    const pem = pemFor(signer, jwt);
    const seconds = Math.floor(time.now / 1000);
    const expected = {
      iss: 'https://gw.example',
      aud: 'orders',
      sub: 'alice',
      idp: 'https://corp.example',
      client_id: 'web',
      scope: 'a b',
      email: 'a@b.example',
      iat: seconds,
      exp: seconds + 60,
    };
    const claims = createVerifier({ key: pem, allowedAud: 'orders', allowedIss: 'https://gw.example' })(jwt);
    const { jti, ...rest } = claims;
    t.strictSame(rest, expected);
    t.match(jti, /^[0-9a-f-]{36}$/);
    t.throws(() => createVerifier({ key: pem, allowedAud: 'payroll' })(jwt), 'another audience');
    t.throws(() => createVerifier({ key: pem })(`${jwt.slice(0, -4)}AAAA`), 'another signature');
    if (algorithm === 'EdDSA') continue;
    t.match(
      jsonwebtoken.verify(jwt, pem, {
        audience: 'orders',
        issuer: 'https://gw.example',
        algorithms: ['ES256'],
      }),
      expected,
    );
    t.throws(() => jsonwebtoken.verify(jwt, pem, { audience: 'payroll' }));
  }
});

t.test('each request gets its own, and only requests with a token', async (t) => {
  const path = await folderWith({}, t);
  const config = configWith({ keys: path('keys.json'), header: 'X-Caller' });
  const { signer } = compileAssertion(config, {
    resolvePath: (name) => name,
    clock: Date.now,
    mayWrite: true,
  });
  const { issuers } = compileIssuers(config, { resolvePath: (name) => name });
  const huge = tokenOf({ sub: 'x'.repeat(9000) });
  const verifier = fakeVerifier({ good: TOKEN, huge });
  const { gate } = await compileGate({ config, issuers, verifier, assertion: signer });
  const bearer = ['Authorization', 'Bearer good', 'X-Caller', 'spoofed', 'x_caller', 'spoofed'];
  const first = permitOf(gate, requestOf('GET /in', ...bearer));
  const second = permitOf(gate, requestOf('GET /in', ...bearer));
  t.strictSame(first.headers.passed, []);
  const assertion = fieldsOf(first.identity)['x-caller'];
  t.match(assertion, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  t.not(assertion, fieldsOf(second.identity)['x-caller']);
  t.equal(fieldsOf(first.identity)['x-user-id'], 'alice');
  for (const line of ['GET /maybe', 'GET /']) {
    t.strictSame(permitOf(gate, requestOf(line, 'X-Caller', 'spoofed')).identity, [], line);
    t.strictSame(permitOf(gate, requestOf(line, 'X-Caller', 'spoofed')).headers.passed, [], line);
  }
  t.equal(resultOf(gate, requestOf('GET /in', 'Authorization', 'Bearer huge')), 'identity_too_large');
});

t.test(
  'the keys are published on every host, to be read only, and at one spelling of the path',
  async (t) => {
    const path = await folderWith({}, t);
    const config = configWith({ keys: path('keys.json') });
    const { signer } = compileAssertion(config, {
      resolvePath: (name) => name,
      clock: Date.now,
      mayWrite: true,
    });
    const { issuers } = compileIssuers(config, { resolvePath: (name) => name });
    const { gate } = await compileGate({ config, issuers, verifier: fakeVerifier({}), assertion: signer });
    const place = '/.well-known/sealgate/jwks.json';
    for (const line of [`GET ${place}`, `HEAD ${place}`, `GET ${place}?x=1`])
      t.equal(resultOf(gate, requestOf(line)), 'keys', line);
    for (const line of [`POST ${place}`, `DELETE ${place}`])
      t.equal(resultOf(gate, requestOf(line)), 'method_not_allowed', line);
    for (const line of [`GET ${place}/`, `GET ${place.replace('j', '%6a')}`])
      t.equal(resultOf(gate, requestOf(line)), 'allow', line);
    const { outcome } = decideNow(gate, requestOf(`GET ${place}`));
    t.ok(isDirectResponse(outcome));
    const { keys } = JSON.parse((outcome as { body: string }).body);
    t.equal(keys.length, 2, 'the one that signs and the next');
    for (const key of keys)
      t.strictSame(Object.keys(key).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'], 'nothing private');
  },
);

t.test('keys outlive restarts, are shared, and are for the owner alone to read', async (t) => {
  const path = await folderWith({}, t);
  const time = { now: START };
  const settings = { keys: path('keys.json') };
  const first = signerAt(time, settings).signer;
  const second = signerAt(time, settings).signer;
  t.equal(first.publishedKeys(), second.publishedKeys());
  t.equal((await stat(path('keys.json'))).mode & 0o777, 0o600);
  t.ok(pemFor(second, first.sign(TOKEN, 'a')));
});

t.test('keys rotate with an overlap, and no process meets a signature without its key', async (t) => {
  const path = await folderWith({}, t);
  const time = { now: START };
  const settings = { keys: path('keys.json'), rotate: '48h' };
  const processes = [signerAt(time, settings).signer, signerAt(time, settings).signer];
  const used = new Set<string>();
  let cached = '';
  let cachedAt = 0;
  for (let hour = 0; hour < 24 * 20; hour += 1) {
    time.now = START + hour * HOUR;
    // A backend that looks for new keys once a day, and never for a single one.
    if (hour % 24 === 0) {
      cached = (processes[hour % 2] as AssertionSigner).publishedKeys();
      cachedAt = hour;
    }
    for (const signer of processes) {
      const { kid } = headOf(signer.sign(TOKEN, 'a'));
      used.add(kid);
      if (!cached.includes(kid)) throw new Error(`hour ${hour}, set of hour ${cachedAt}: no ${kid}`);
      if (keysOf(signer).length > 3) throw new Error('old keys pile up');
    }
  }
  t.equal(used.size, 10, 'one every two days, whichever process makes it');
  t.ok(JSON.parse(await readFile(path('keys.json'), 'utf8')).keys.length <= 3);
});

t.test('a key stays published for a day after its last signature, and no longer', async (t) => {
  const path = await folderWith({}, t);
  const time = { now: START };
  const { signer } = signerAt(time, { keys: path('keys.json'), rotate: '48h' });
  time.now = START + 48 * HOUR - 1;
  const last = signer.sign(TOKEN, 'a');
  time.now = START + 71 * HOUR;
  t.ok(pemFor(signer, last));
  time.now = START + 98 * HOUR;
  signer.sign(TOKEN, 'a');
  t.throws(() => pemFor(signer, last));
});

t.test('a change of algorithm takes effect after backends could see the key', async (t) => {
  const path = await folderWith({}, t);
  const time = { now: START };
  const before = signerAt(time, { keys: path('keys.json') }).signer;
  const { signer } = signerAt(time, { keys: path('keys.json'), algorithm: 'EdDSA' });
  t.equal(headOf(signer.sign(TOKEN, 'a')).alg, 'ES256');
  t.ok(keysOf(signer).some(({ alg }) => alg === 'EdDSA'));
  time.now += HOUR;
  t.equal(headOf(signer.sign(TOKEN, 'a')).alg, 'EdDSA');
  t.ok(pemFor(signer, signer.sign(TOKEN, 'a')));
  t.ok(before);
});

t.test('PEM keys of the operator: the first signs, all are published', async (t) => {
  const pem = (curve: string) =>
    generateKeyPairSync('ec', { namedCurve: curve })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString();
  const ed = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const good = pem('P-256');
  const path = await folderWith(
    {
      two: `${ed}\n${good}`,
      wrong: pem('P-384'),
      half: `${good}${pem('secp256k1')}`,
      garbage: '-----BEGIN',
      json: '{"keys":[{}]}',
      text: 'x',
    },
    t,
  );
  const { signer } = signerAt({ now: START }, { keys: path('two') });
  t.equal(headOf(signer.sign(TOKEN, 'a')).alg, 'EdDSA');
  t.equal(keysOf(signer).length, 2);
  for (const name of ['wrong', 'half', 'garbage', 'json', 'text', 'no/such/folder']) {
    const { problems } = signerAt({ now: START }, { keys: path(name) });
    t.match(problems, [{ severity: 'error', path: ['identity', 'assertion', 'keys'] }], name);
  }
});

t.test('whoever only asks writes nothing', async (t) => {
  const path = await folderWith({}, t);
  const { signer } = signerAt({ now: START }, { keys: path('keys.json') }, false);
  t.ok(pemFor(signer, signer.sign(TOKEN, 'a')));
  await t.rejects(stat(path('keys.json')));
  signerAt({ now: START }, { keys: path('keys.json') });
  const before = await readFile(path('keys.json'), 'utf8');
  const later = signerAt({ now: START + 90 * 24 * HOUR }, { keys: path('keys.json') }, false).signer;
  t.ok(pemFor(later, later.sign(TOKEN, 'a')));
  t.equal(await readFile(path('keys.json'), 'utf8'), before);
});

t.test('a file of keys that others may write signs nothing, and may still be looked at', async (t) => {
  const path = await folderWith({}, t);
  const settings = { keys: path('keys.json') };
  signerAt({ now: START }, settings);
  await chmod(path('keys.json'), 0o666);
  const { problems, signer } = signerAt({ now: START }, settings);
  t.match(problems, [{ message: /cannot use the keys: others may write it: chmod 600/ }]);
  t.equal(signer, undefined);
  t.same(signerAt({ now: START }, settings, false).problems, [], 'as by `check`, which another user may run');
});

t.test('a file that is lost while the gateway runs does not stop it', async (t) => {
  const path = await folderWith({}, t);
  const time = { now: START };
  const { signer } = signerAt(time, { keys: path('keys.json') });
  await writeFile(path('keys.json'), 'broken');
  time.now += 60 * 24 * HOUR;
  t.ok(pemFor(signer, signer.sign(TOKEN, 'a')));
});
