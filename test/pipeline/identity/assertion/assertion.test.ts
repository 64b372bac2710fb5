import { createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createVerifier } from 'fast-jwt';
import jsonwebtoken from 'jsonwebtoken';
import t from 'tap';
import { configSchema } from '../../../../src/config/schema/config.ts';
import { compileGate } from '../../../../src/pipeline/compile.ts';
import {
  type AssertionSigner,
  compileAssertion,
} from '../../../../src/pipeline/identity/assertion/assertion.ts';
import type {
  KeyFileAccess,
  KeyRotation,
} from '../../../../src/pipeline/identity/assertion/assertion-keys.ts';
import { isDirectResponse } from '../../../../src/pipeline/messages/direct-response.ts';
import type { Logger } from '../../../../src/telemetry/logger.ts';
import { compileIssuers } from '../../../../src/tokens/issuers/compile-issuers.ts';
import { inexactNumber } from '../../../../src/tokens/jwt/json/inexact-number.ts';
import { folderWith } from '../../../support/cli/cli.ts';
import { type FrozenTime, freezeTime } from '../../../support/core/frozen-time.ts';
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

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
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

/** A signer on a clock that the test moves, its timer started, with the lines that it logs. */
function signerAt(time: FrozenTime, assertion: Assertion, access: KeyFileAccess = 'rotate') {
  const options = { resolvePath: (path: string) => path, clock: time.clock, access };
  const { signer, rotation, problems } = compileAssertion(configWith(assertion), options);
  const lines: [string, { reason?: string }, string][] = [];
  const logAs = (level: string) => (fields: object, text: string) => lines.push([level, fields, text]);
  const log = { info: logAs('info'), warn: logAs('warn') } as unknown as Logger;
  rotation?.start({ log, scheduler: time.scheduler });
  return { problems, signer: signer as AssertionSigner, rotation: rotation as KeyRotation, lines };
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
  const time = freezeTime(Date.now());
  for (const algorithm of ['ES256', 'EdDSA'] as const) {
    const { signer } = signerAt(time, { keys: path(algorithm), algorithm, claims: ['email', 'n', 'absent'] });
    const jwt = signer.sign(TOKEN, 'orders');
    const pem = pemFor(signer, jwt);
    const seconds = Math.floor(time.clock() / 1000);
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
    access: 'rotate',
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
      access: 'rotate',
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
  const time = freezeTime(START);
  const settings = { keys: path('keys.json') };
  const first = signerAt(time, settings).signer;
  const second = signerAt(time, settings).signer;
  t.equal(first.publishedKeys(), second.publishedKeys());
  t.equal((await stat(path('keys.json'))).mode & 0o777, 0o600);
  t.ok(pemFor(second, first.sign(TOKEN, 'a')));
});

t.test('keys rotate with an overlap, and no process meets a signature without its key', async (t) => {
  const path = await folderWith({}, t);
  const time = freezeTime(START);
  const settings = { keys: path('keys.json'), rotate: '12h' };
  const signers = [signerAt(time, settings).signer, signerAt(time, settings).signer];
  const used = new Set<string>();
  let cached = '';
  for (let hour = 0; hour < 36; hour += 1) {
    // A backend that looks for new keys twice a day, and never for a single one.
    if (hour % 12 === 0) cached = (signers[hour % 2] as AssertionSigner).publishedKeys();
    for (const signer of signers) {
      const { kid } = headOf(signer.sign(TOKEN, 'a'));
      used.add(kid);
      if (!cached.includes(kid)) throw new Error(`hour ${hour}: no ${kid}`);
      if (keysOf(signer).length > 4) throw new Error('old keys pile up');
    }
    time.advance(HOUR);
  }
  t.equal(used.size, 3, 'one every 12 hours, whichever process makes it');
  t.ok(JSON.parse(await readFile(path('keys.json'), 'utf8')).keys.length <= 4);
});

t.test('a key stays published for a day after its last signature, and no longer', async (t) => {
  const path = await folderWith({}, t);
  const time = freezeTime(START);
  const { signer } = signerAt(time, { keys: path('keys.json'), rotate: '12h' });
  time.advance(12 * HOUR - 1);
  const last = signer.sign(TOKEN, 'a');
  time.advance(DAY);
  t.ok(pemFor(signer, last));
  time.advance(2 * MINUTE);
  t.throws(() => pemFor(signer, last));
});

t.test('a request reads no file and makes no key, however late it is', async (t) => {
  const path = await folderWith({}, t);
  const time = freezeTime(START);
  const { signer } = signerAt(time, { keys: path('keys.json'), rotate: '12h' });
  const before = signer.publishedKeys();
  await rm(path('keys.json'));
  time.jump(100 * DAY);
  t.ok(pemFor(signer, signer.sign(TOKEN, 'a')));
  t.equal(signer.publishedKeys(), before);
  await t.rejects(stat(path('keys.json')));
  time.advance(MINUTE);
  t.equal(keysOf(signer).length, 2, 'the timer makes the next one');
  t.ok(await stat(path('keys.json')));
});

t.test('a change of algorithm takes effect once every gateway and backend can have the key', async (t) => {
  const path = await folderWith({}, t);
  const time = freezeTime(START);
  signerAt(time, { keys: path('keys.json') }).rotation.close();
  const other = signerAt(time, { keys: path('keys.json') }, 'follow').signer;
  const { signer } = signerAt(time, { keys: path('keys.json'), algorithm: 'EdDSA' });
  t.equal(headOf(signer.sign(TOKEN, 'a')).alg, 'ES256');
  t.ok(keysOf(signer).some(({ alg }) => alg === 'EdDSA'));
  // What a backend has that asked another gateway, as long ago as `max-age` lets it.
  const cached = Array.from({ length: 6 }, () => other.publishedKeys());
  const used = new Set<string>();
  for (let minute = 0; minute < 30; minute += 1) {
    const { alg, kid } = headOf(signer.sign(TOKEN, 'a'));
    used.add(alg);
    if (!cached.shift()?.includes(kid)) throw new Error(`minute ${minute}: ${alg} is not published`);
    time.advance(MINUTE);
    cached.push(other.publishedKeys());
  }
  t.strictSame([...used], ['ES256', 'EdDSA']);
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
      none: '{"keys":[]}',
      text: 'x',
    },
    t,
  );
  const { signer } = signerAt(freezeTime(START), { keys: path('two') });
  t.equal(headOf(signer.sign(TOKEN, 'a')).alg, 'EdDSA');
  t.equal(keysOf(signer).length, 2);
  for (const name of ['wrong', 'half', 'garbage', 'json', 'none', 'text', 'no/such/folder']) {
    const { problems } = signerAt(freezeTime(START), { keys: path(name) });
    t.match(problems, [{ severity: 'error', path: ['identity', 'assertion', 'keys'] }], name);
  }
});

t.test('a preview writes nothing', async (t) => {
  const path = await folderWith({}, t);
  const { signer } = signerAt(freezeTime(START), { keys: path('keys.json') }, 'preview');
  t.ok(pemFor(signer, signer.sign(TOKEN, 'a')));
  await t.rejects(stat(path('keys.json')));
  signerAt(freezeTime(START), { keys: path('keys.json') });
  const before = await readFile(path('keys.json'), 'utf8');
  const later = signerAt(freezeTime(START + 90 * DAY), { keys: path('keys.json') }, 'preview').signer;
  t.ok(pemFor(later, later.sign(TOKEN, 'a')));
  t.equal(await readFile(path('keys.json'), 'utf8'), before);
});

t.test('a worker signs with the keys of the primary and makes none', async (t) => {
  const path = await folderWith({}, t);
  const time = freezeTime(START);
  const settings = { keys: path('keys.json'), rotate: '12h' };
  t.match(signerAt(time, settings, 'follow').problems, [{ message: /there is no such file yet/ }]);
  const primary = signerAt(time, settings);
  const worker = signerAt(time, settings, 'follow');
  for (let hour = 0; hour < 30; hour += 1) {
    const jwt = worker.signer.sign(TOKEN, 'a');
    t.ok(pemFor(primary.signer, jwt));
    t.equal(headOf(jwt).kid, headOf(primary.signer.sign(TOKEN, 'a')).kid);
    time.advance(HOUR);
  }
  primary.rotation.close();
  const before = await readFile(path('keys.json'), 'utf8');
  time.jump(10 * DAY);
  time.advance(HOUR);
  t.ok(pemFor(worker.signer, worker.signer.sign(TOKEN, 'a')));
  t.equal(await readFile(path('keys.json'), 'utf8'), before);
});

t.test('a file of keys that others may write signs nothing, and may still be looked at', async (t) => {
  const path = await folderWith({}, t);
  const settings = { keys: path('keys.json') };
  signerAt(freezeTime(START), settings);
  await chmod(path('keys.json'), 0o666);
  for (const access of ['rotate', 'follow'] as const) {
    const { problems, signer } = signerAt(freezeTime(START), settings, access);
    t.match(problems, [{ message: /cannot use the keys: others may write it: run chmod 600/ }]);
    t.equal(signer, undefined);
  }
  const { problems } = signerAt(freezeTime(START), settings, 'preview');
  t.same(problems, [], 'as by `check`, which another user may run');
});

t.test(
  'a key that cannot be written never signs; the one before does, and the log has the reason',
  async (t) => {
    const path = await folderWith({}, t);
    const keys = path('kept/keys.json');
    await mkdir(dirname(keys));
    const time = freezeTime(START);
    const { signer, lines } = signerAt(time, { keys, rotate: '12h' });
    const published = signer.publishedKeys();
    await rm(dirname(keys), { recursive: true });
    time.jump(10 * DAY);
    time.advance(HOUR);
    t.match(lines, [
      [
        'warn',
        { file: keys, reason: /ENOENT/ },
        'the assertion keys cannot be updated; those in memory sign',
      ],
    ]);
    const second = headOf(signer.sign(TOKEN, 'a')).kid;
    t.ok(published.includes(second));

    await mkdir(dirname(keys));
    time.advance(MINUTE);
    t.match(lines.slice(1), [['info', { file: keys }, 'the assertion keys are up to date again']]);
    const third = keysOf(signer).at(-1)?.kid;
    t.notOk(published.includes(third as string));
    t.equal(headOf(signer.sign(TOKEN, 'a')).kid, second, 'published first');
    time.advance(12 * HOUR);
    t.equal(headOf(signer.sign(TOKEN, 'a')).kid, third);
  },
);

t.test('a file that is damaged while the gateway runs does not stop it', async (t) => {
  const path = await folderWith({}, t);
  const time = freezeTime(START);
  const { signer, lines } = signerAt(time, { keys: path('keys.json') });
  for (const text of ['broken', '{"keys":[]}']) {
    await writeFile(path('keys.json'), text);
    time.jump(60 * DAY);
    time.advance(HOUR);
    t.ok(pemFor(signer, signer.sign(TOKEN, 'a')));
  }
  t.equal(lines.length, 2, 'one line for each reason');
});

t.test('a rotation that is closed has no timer left', async (t) => {
  const path = await folderWith({}, t);
  const time = freezeTime(START);
  const { rotation } = signerAt(time, { keys: path('keys.json') });
  time.advance(HOUR);
  t.equal(time.nextTimer(), MINUTE);
  rotation.close();
  t.equal(time.nextTimer(), undefined);
});
