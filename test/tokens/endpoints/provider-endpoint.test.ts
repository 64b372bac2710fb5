import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { compactVerify, decodeJwt, decodeProtectedHeader } from 'jose';
import t, { type Test } from 'tap';
import { DEFAULT_KEYS } from '../../../src/config/schema/config.ts';
import { readAssertionKey } from '../../../src/tokens/endpoints/assertion-key.ts';
import type { ClientCredentials } from '../../../src/tokens/endpoints/client-credentials.ts';
import { createEndpointPool } from '../../../src/tokens/endpoints/endpoint-pool.ts';
import {
  type EndpointSettings,
  isClientRefused,
  reasonOf,
} from '../../../src/tokens/endpoints/provider-endpoint.ts';
import { freezeTime, until } from '../../support/core/frozen-time.ts';
import { hasOpenssl, makeAuthority } from '../../support/tls/certificates.ts';
import {
  HOSTILE_RESPONSES,
  openEndpoint,
  type Respond,
  type ScriptedEndpoint,
  sendJson,
} from '../../support/tokens/scripted-endpoint.ts';

const SECRET: ClientCredentials = {
  kind: 'secret',
  clientId: 'gateway:1 +%',
  clientSecret: 's3:cr&t=ö%',
  method: 'basic',
};

const active: Respond = (_, response) => sendJson(response, { active: true });

async function open(
  t: Test,
  respond: Respond = active,
  ...more: Parameters<typeof openEndpoint> extends [unknown, ...infer R] ? R : never
): Promise<ScriptedEndpoint> {
  const endpoint = await openEndpoint(respond, ...more);
  t.teardown(() => endpoint.close());
  return endpoint;
}

const settingsOf = (url: string, more: Partial<EndpointSettings> = {}): EndpointSettings => ({
  endpoint: 'introspection',
  name: 'corp',
  place: { kind: 'url', url: new URL(url) },
  credentials: SECRET,
  audience: 'https://corp.example',
  ca: undefined,
  timeoutMs: 5_000,
  maxBytes: 64 * 1024,
  isRepeatable: false,
  ...more,
});

function discovery(issuer: string, more = {}) {
  return {
    kind: 'discovery' as const,
    issuer,
    member: 'introspection_endpoint' as const,
    hasCertificate: false,
    settings: {
      refreshMs: DEFAULT_KEYS.refresh,
      cooldownMs: DEFAULT_KEYS.cooldown,
      maxStaleMs: DEFAULT_KEYS.maxStale,
      timeoutMs: DEFAULT_KEYS.timeout,
      maxBytes: DEFAULT_KEYS.maxBytes,
      headers: {},
      ca: undefined,
      snapshot: undefined,
      insecure: false,
    },
    ...more,
  };
}

/** A pool that is cleaned up, with the lines it logs. */
function poolOf(t: Test, more: Parameters<typeof createEndpointPool>[0] = {}) {
  const lines: [level: string, line: Record<string, unknown>, message: string][] = [];
  const note = (level: string) => (details: object, message: string) => {
    lines.push([level, { ...details }, message]);
  };
  const pool = createEndpointPool({
    env: {},
    log: { debug: note('debug'), info: note('info'), warn: note('warn') },
    ...more,
  });
  const acquire = (settings: EndpointSettings) => {
    const endpoint = pool.acquire(settings);
    t.teardown(() => pool.release(endpoint));
    return endpoint;
  };
  return { pool, acquire, lines };
}

t.test('a secret goes in the header or in the form, and nowhere else', async (t) => {
  const endpoint = await open(t);
  const { acquire, lines } = poolOf(t);
  for (const method of ['basic', 'post'] as const) {
    const result = await acquire(settingsOf(endpoint.url, { credentials: { ...SECRET, method } })).call({
      token: 'a+b/c=',
    });
    t.match(result, { kind: 'response', status: 200, json: { active: true } });
  }
  const [basic, post] = endpoint.requests;
  const encoded = Buffer.from(
    basic?.headers.authorization?.slice('Basic '.length) ?? '',
    'base64',
  ).toString();
  const [id, secret] = encoded.split(':').map((part) => decodeURIComponent(part.replaceAll('+', ' ')));
  t.same(
    [id, secret],
    [SECRET.clientId, 's3:cr&t=ö%'],
    'each part is encoded as a form is (RFC 6749 §2.3.1)',
  );
  t.same([...(basic?.form ?? [])], [['token', 'a+b/c=']]);
  t.equal(post?.headers.authorization, undefined);
  t.same(Object.fromEntries(post?.form ?? []), {
    token: 'a+b/c=',
    client_id: SECRET.clientId,
    client_secret: 's3:cr&t=ö%',
  });
  t.match(basic?.headers, {
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
    'user-agent': /^sealgate\//,
  });
  t.notMatch(JSON.stringify(lines), /s3:cr|a\+b/, 'and in no log line');
});

t.test('client assertions verify with the public key, name the provider, and differ each time', async (t) => {
  const rows: readonly [alg: string, key: ReturnType<typeof generateKeyPairSync>['privateKey']][] = [
    ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
    ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
    ['ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
    ['ES512', generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey],
    ['EdDSA', generateKeyPairSync('ed25519').privateKey],
  ];
  const endpoint = await open(t);
  const { acquire } = poolOf(t);
  for (const [alg, privateKey] of rows) {
    const key = readAssertionKey(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
    if ('flaw' in key) throw new Error(key.flaw);
    const asked = acquire(
      settingsOf(endpoint.url, { credentials: { kind: 'key', clientId: 'gateway', key } }),
    );
    await asked.call({ token: 'x' });
    await asked.call({ token: 'x' });
    const assertions = endpoint.requests.splice(0).map(({ form, headers }) => {
      t.equal(headers.authorization, undefined);
      t.equal(form.get('client_assertion_type'), 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
      t.equal(form.get('client_id'), 'gateway');
      return form.get('client_assertion') ?? '';
    });
    for (const assertion of assertions) {
      t.equal(decodeProtectedHeader(assertion).alg, alg);
      await compactVerify(assertion, createPublicKey(privateKey));
    }
    const [first, second] = assertions.map((assertion) => decodeJwt(assertion));
    t.match(first, { iss: 'gateway', sub: 'gateway', aud: 'https://corp.example' });
    t.equal((first?.exp ?? 0) - (first?.iat ?? 0), 60);
    t.not(first?.jti, second?.jti);
  }
});

t.test(
  'a JSON Web Key names its kid and algorithm; a certificate beside a PEM key is named',
  { skip: !hasOpenssl() },
  async (t) => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = { ...privateKey.export({ format: 'jwk' }), kid: 'one', alg: 'PS384' };
    const authority = makeAuthority('gateway');
    const endpoint = await open(t);
    const { acquire } = poolOf(t);
    for (const text of [JSON.stringify(jwk), authority.cert + authority.key]) {
      const key = readAssertionKey(text);
      if ('flaw' in key) throw new Error(key.flaw);
      await acquire(
        settingsOf(endpoint.url, { credentials: { kind: 'key', clientId: 'gateway', key } }),
      ).call({});
    }
    const headers = endpoint.requests.map(({ form }) =>
      decodeProtectedHeader(form.get('client_assertion') ?? ''),
    );
    t.match(headers[0], { alg: 'PS384', kid: 'one' });
    const fingerprint = new X509Certificate(authority.cert).fingerprint256.replaceAll(':', '');
    t.same(headers[1], { alg: 'ES256', 'x5t#S256': Buffer.from(fingerprint, 'hex').toString('base64url') });
  },
);

t.test('files without a usable key are refused, and none is quoted', { skip: !hasOpenssl() }, (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
  const pem = { type: 'pkcs8', format: 'pem' } as const;
  const jwk = privateKey.export({ format: 'jwk' });
  const rows: readonly [text: string, flaw: RegExp][] = [
    ['', /no private key/],
    ['hunter2', /no private key/],
    ['{"kty":"oct","k":"aGk"}', /no private key/],
    [publicKey.export({ type: 'spki', format: 'pem' }) as string, /no private key/],
    [JSON.stringify(publicKey.export({ format: 'jwk' })), /no private key/],
    [small.export(pem) as string, /shorter than 2048/],
    [privateKey.export({ ...pem, cipher: 'aes-256-cbc', passphrase: 'x' }) as string, /encrypted/],
    [generateKeyPairSync('x25519').privateKey.export(pem) as string, /signs no assertions/],
    [generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey.export(pem) as string, /signs no/],
    [JSON.stringify({ keys: [jwk] }), /key set/],
    [JSON.stringify({ ...jwk, use: 'enc' }), /not for signatures/],
    [JSON.stringify({ ...jwk, alg: 'ES256' }), /does not fit/],
    [JSON.stringify({ ...jwk, alg: 'none' }), /does not fit/],
    [JSON.stringify({ ...jwk, alg: 'HS256' }), /does not fit/],
    [makeAuthority('other').cert + (privateKey.export(pem) as string), /belongs to another key/],
  ];
  for (const [text, flaw] of rows) {
    const key = readAssertionKey(text);
    t.match('flaw' in key ? key.flaw : 'a key', flaw);
    t.notMatch(JSON.stringify('flaw' in key ? key : {}), /hunter2|BEGIN/);
  }
  t.end();
});

t.test('a client certificate is shown, over verified TLS only', { skip: !hasOpenssl() }, async (t) => {
  const authority = makeAuthority('corp');
  const own = authority.issue('gateway');
  const tls = {
    ...authority.issue('localhost'),
    ca: authority.cert,
    requestCert: true,
    rejectUnauthorized: true,
  };
  const endpoint = await open(t, active, tls);
  const { acquire } = poolOf(t);
  const credentials = { kind: 'tls', clientId: 'gateway', ...own } as const;
  const result = await acquire(settingsOf(endpoint.url, { credentials, ca: authority.cert })).call({
    token: 'x',
  });
  t.match(result, { status: 200, json: { active: true } });
  t.equal(endpoint.requests[0]?.certificate, new X509Certificate(own.cert).fingerprint256);
  t.equal(endpoint.requests[0]?.form.get('client_id'), 'gateway');

  const untrusted = await acquire(settingsOf(endpoint.url, { credentials })).call({ token: 'x' });
  t.match(untrusted, { kind: 'failure', outcome: 'unreachable', reason: /not trusted/ });
  const without = await acquire(settingsOf(endpoint.url, { ca: authority.cert })).call({ token: 'x' });
  t.match(without, { kind: 'failure', outcome: 'unreachable' });
  t.equal(endpoint.requests.length, 1);
});

t.test('no response of a hostile endpoint is taken for a good one', async (t) => {
  const endpoint = await open(t);
  const time = freezeTime();
  const { acquire, lines } = poolOf(t, { scheduler: time.scheduler });
  for (const [name, respond] of Object.entries(HOSTILE_RESPONSES)) {
    endpoint.respond = (_, response) => respond(response);
    const before = endpoint.requests.length;
    const call = acquire(settingsOf(endpoint.url)).call({ token: 'sesame' });
    const hangs = name === 'no response' || name === 'a body in drips';
    await until(() => endpoint.requests.length > before);
    if (hangs) time.advance(5_000);
    const result = await call;
    t.equal(result.kind, 'failure', name);
    t.equal(result.kind === 'failure' && result.outcome === 'timeout', hangs, name);
    t.equal(endpoint.requests.length, before + 1, `${name}: one request, nothing followed`);
  }
  await until(() => endpoint.running.now === 0);
  t.notMatch(JSON.stringify(lines), /sesame|Sign in|s3:cr/);
});

t.test('an error status comes with its JSON, if it has any', async (t) => {
  const endpoint = await open(t);
  const { acquire, pool } = poolOf(t);
  const rows: readonly [Respond, status: number, json: unknown, reason: RegExp, refused: boolean][] = [
    [
      (_, to) => sendJson(to, { error: 'invalid_grant' }, 400),
      400,
      { error: 'invalid_grant' },
      /400 and `invalid_grant`$/,
      false,
    ],
    [
      (_, to) => sendJson(to, { error: 'invalid_client' }, 401),
      401,
      { error: 'invalid_client' },
      /client credentials/,
      true,
    ],
    [(_, to) => sendJson(to, { error: 'unauthorized_client' }, 400), 400, {}, /client credentials/, true],
    [(_, to) => void to.writeHead(401).end('nope'), 401, undefined, /client credentials/, true],
    [(_, to) => void to.writeHead(502).end('<html>'), 502, undefined, /502$/, false],
    [(_, to) => sendJson(to, { error: 'SELECT * FROM' }, 500), 500, {}, /500$/, false],
  ];
  for (const [respond, status, json, reason, refused] of rows) {
    endpoint.respond = respond;
    const result = await acquire(settingsOf(endpoint.url)).call({});
    if (result.kind === 'failure') throw new Error(result.reason);
    t.match(result, { status, json });
    t.match(reasonOf(result), reason);
    t.equal(isClientRefused(result), refused);
  }
  t.match(pool.stats({ endpoint: 'introspection', name: 'corp' }).calls, { rejected: rows.length, ok: 0 });
});

t.test('the place is found by metadata, which may keep a certificate apart', async (t) => {
  const endpoint = await open(t);
  endpoint.metadata = {
    issuer: endpoint.origin,
    introspection_endpoint: `${endpoint.origin}/by-metadata`,
    mtls_endpoint_aliases: { introspection_endpoint: `${endpoint.origin}/by-certificate` },
  };
  const { acquire } = poolOf(t);
  await acquire(settingsOf(endpoint.url, { place: discovery(endpoint.origin) })).call({});
  await acquire(
    settingsOf(endpoint.url, { place: discovery(endpoint.origin, { hasCertificate: true }) }),
  ).call({});
  t.same(
    endpoint.requests.map(({ path }) => path),
    ['/by-metadata', '/by-certificate'],
  );
});

t.test('metadata that names no place, or a bad one, leads nowhere; a good one is found later', async (t) => {
  const rows: readonly [document: Record<string, unknown> | undefined, reason: RegExp][] = [
    [undefined, /404/],
    [{}, /names no introspection_endpoint/],
    [{ introspection_endpoint: 7 }, /names no introspection_endpoint/],
    [{ introspection_endpoint: 'http://corp.example/i' }, /is not https/],
    [{ introspection_endpoint: 'ftp://corp.example/i' }, /is not https/],
    [{ introspection_endpoint: 'https://a:b@corp.example/i' }, /password/],
    [
      { issuer: 'https://evil.example', introspection_endpoint: 'https://evil.example/i' },
      /issuer is not the/,
    ],
  ];
  for (const [document, reason] of rows) {
    const endpoint = await open(t);
    const time = freezeTime();
    const { acquire } = poolOf(t, { scheduler: time.scheduler });
    endpoint.metadata = document && { issuer: endpoint.origin, ...document };
    const asked = acquire(settingsOf(endpoint.url, { place: discovery(endpoint.origin) }));
    t.match(await asked.call({}), { kind: 'failure', outcome: 'unreachable', reason });
    endpoint.metadata = { issuer: endpoint.origin, introspection_endpoint: endpoint.url };
    t.match(await asked.call({}), { kind: 'failure', reason }, 'not asked again within the cooldown');
    time.advance(DEFAULT_KEYS.cooldown);
    t.match(await asked.call({}), { kind: 'response', status: 200 });
  }
});

t.test('a question is asked again on a fresh connection where the server closed the idle one', async (t) => {
  let resets = 0;
  const endpoint = await open(t, (_, response) => {
    resets += 1;
    if (resets === 1) response.destroy();
    else sendJson(response, { active: true });
  });
  const { acquire } = poolOf(t);
  t.match(await acquire(settingsOf(endpoint.url, { isRepeatable: true })).call({}), { status: 200 });
  t.equal(resets, 2);
  endpoint.respond = (_, response) => void response.destroy();
  t.match(await acquire(settingsOf(endpoint.url, { isRepeatable: true })).call({}), {
    outcome: 'unreachable',
  });
  t.equal(endpoint.requests.length, 4, 'once, not for ever');
  endpoint.respond = (_, response) => HOSTILE_RESPONSES['a body that breaks off']?.(response);
  t.match(await acquire(settingsOf(endpoint.url, { isRepeatable: true })).call({}), {
    outcome: 'unreachable',
  });
  t.equal(endpoint.requests.length, 5, 'and not after a response has begun');
});

t.test('calls are counted by outcome, and failures are logged when they begin and end', async (t) => {
  const endpoint = await open(t);
  const { acquire, pool, lines } = poolOf(t);
  const asked = acquire(settingsOf(endpoint.url));
  await asked.call({});
  await endpoint.down();
  await asked.call({});
  await asked.call({});
  const failing = pool.stats({ endpoint: 'introspection', name: 'corp' });
  t.match(failing, { calls: { ok: 1, unreachable: 2 }, inFlight: 0, lastError: /nothing listens/ });
  t.equal(
    failing.durations.counts.reduce((sum, count) => sum + count, 0),
    3,
  );
  await endpoint.up();
  await asked.call({});
  t.equal(pool.stats({ endpoint: 'introspection', name: 'corp' }).lastError, undefined);
  t.same(
    lines.map(([level]) => level),
    ['debug', 'debug', 'warn', 'debug', 'debug', 'info'],
  );
  t.match(lines[0]?.[1], {
    endpoint: 'introspection',
    issuer: 'corp',
    url: endpoint.url,
    status: 200,
    outcome: 'ok',
  });
});

t.test('a reload keeps an unchanged endpoint, and lets running calls of a replaced one end', async (t) => {
  const waiting: (() => void)[] = [];
  const endpoint = await open(t, (_, response) => {
    waiting.push(() => sendJson(response, { active: true }));
  });
  const pool = createEndpointPool({ env: {} });
  const first = pool.acquire(settingsOf(endpoint.url));
  t.equal(pool.acquire(settingsOf(endpoint.url)), first);
  const next = pool.acquire(
    settingsOf(endpoint.url, { credentials: { ...SECRET, clientSecret: 'new' } as ClientCredentials }),
  );
  t.not(next, first, 'another secret is another endpoint');
  const call = first.call({});
  await until(() => waiting.length === 1);
  pool.release(first);
  pool.release(first);
  waiting.shift()?.();
  t.match(await call, { status: 200 });
  pool.release(next);
});

t.test('a gate lets so many through, and of one client an eighth', (t) => {
  const pool = createEndpointPool({ env: {} });
  const owner = { endpoint: 'introspection', name: 'corp' } as const;
  const gate = pool.gate(owner, 16);
  t.same(
    [1, 2, 3].map(() => gate.enter('192.0.2.1')),
    [true, true, false],
  );
  gate.leave('192.0.2.1');
  t.ok(gate.enter('192.0.2.1'));
  for (let client = 2; client <= 15; client += 1) gate.enter(`192.0.2.${client}`);
  t.notOk(gate.enter('192.0.2.99'), 'sixteen are inside');
  t.equal(pool.gate(owner, 1), gate, 'a reload counts on');
  gate.leave('192.0.2.2');
  t.notOk(gate.enter('192.0.2.2'));
  const narrow = pool.gate({ endpoint: 'introspection', name: 'other' }, 4);
  t.same(
    [1, 2].map(() => narrow.enter('2001:db8::1')),
    [true, false],
    'at least one',
  );
  t.notOk(narrow.enter('2001:db8::2'), 'a network counts as one client');
  t.end();
});

t.test('an endpoint that failed is seen to respond again where new settings are why', async (t) => {
  const endpoint = await open(t);
  const messages: string[] = [];
  const note = (_: object, message: string) => void messages.push(message);
  const pool = createEndpointPool({ log: { debug: () => {}, info: note, warn: note } });
  const failing = pool.acquire(settingsOf('http://127.0.0.1:1'));
  t.match(await failing.call({ token: 'a' }), { kind: 'failure' });
  const mended = pool.acquire(settingsOf(endpoint.url));
  pool.release(failing);
  t.match(await mended.call({ token: 'a' }), { kind: 'response' });
  pool.release(mended);
  t.strictSame(messages, [
    'the endpoint of the provider does not serve',
    'the endpoint of the provider responds again',
  ]);
});
