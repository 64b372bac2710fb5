import { once } from 'node:events';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { startCountingUpstream } from '../../support/backends/counting-upstream.ts';
import {
  type Asked,
  CLIENT,
  OTHER_CLIENT,
  PUBLIC_URL,
  START,
  send,
  startBoundGateway,
} from '../../support/dpop/bound-gateway.ts';
import { signingKey } from '../../support/tokens/mint.ts';
import { thumbprint } from '../../support/tokens/proof.ts';

const ALGS = 'algs="ES256 EdDSA"';

t.test('a bound token passes with a proof, and goes up as identity alone', async (t) => {
  const { ask, upstream } = await startBoundGateway(t);
  t.match(await ask(), { status: 200, code: 'allow' });
  const [seen] = upstream.requests;
  t.equal(seen?.headers['x-user-id'], 'alice');
  t.notOk(seen?.headers.authorization);
  t.notOk(seen?.headers.dpop);
});

t.test('the DPoP field goes up on no route, in no spelling', async (t) => {
  const { gateway, upstream, token } = await startBoundGateway(t);
  const own = token({ iss: 'https://plain.example' });
  for (const path of ['/open', '/plain', '/both']) {
    for (const name of ['DPoP', 'dpop', 'DPOP', 'dPoP']) {
      const authorization = path === '/open' ? [] : ['authorization', `Bearer ${own}`];
      const reply = await send(gateway.url, {
        method: 'GET',
        path,
        headers: ['host', 'api.example.com', ...authorization, name, 'secret proof', 'connection', 'dpop'],
      });
      t.equal(reply.status, 200, `${path} ${name}`);
    }
  }
  t.equal(upstream.requests.length, 12);
  t.notMatch(JSON.stringify(upstream.requests.map(({ rawHeaders }) => rawHeaders)), /secret proof/);
});

t.test('schemes', async (t) => {
  const { ask, boundToken, token, upstream } = await startBoundGateway(t);
  for (const scheme of ['DPoP', 'dpop', 'DPOP']) t.equal((await ask({ scheme })).code, 'allow', scheme);
  upstream.reset();
  const rows: readonly (readonly [string, Asked, string])[] = [
    ['a bound token as bearer, with a proof', { scheme: 'Bearer' }, 'token_bound'],
    ['a bound token as bearer, without', { scheme: 'Bearer', proofs: [] }, 'token_bound'],
    ['an unbound token under DPoP', { token: token() }, 'binding_required'],
    ['an unbound token under DPoP, without a proof', { token: token(), proofs: [] }, 'binding_required'],
    ['bound by something else', { token: token({ cnf: { jwk: {} } }) }, 'token_bound'],
    [
      'a thumbprint by another hash',
      { token: token({ cnf: { 'jkt#S512': thumbprint(CLIENT) } }) },
      'token_bound',
    ],
    ['an empty binding', { token: token({ cnf: {} }) }, 'token_bound'],
    ['a binding of text', { token: token({ cnf: thumbprint(CLIENT) }) }, 'token_bound'],
    ['a list', { token: token({ cnf: [{ jkt: thumbprint(CLIENT) }] }) }, 'token_bound'],
    ['a thumbprint that is none', { token: token({ cnf: { jkt: 7 } }) }, 'token_bound'],
    ['another key', { token: boundToken({}, OTHER_CLIENT) }, 'dpop_proof_invalid'],
    [
      'an issuer without dpop',
      { path: '/both', token: boundToken({ iss: 'https://plain.example' }) },
      'token_bound',
    ],
    [
      'its unbound token',
      { path: '/both', token: token({ iss: 'https://plain.example' }) },
      'binding_required',
    ],
    [
      'a route without one',
      { path: '/plain', token: boundToken({ iss: 'https://plain.example' }) },
      'token_missing',
    ],
    ['no token behind the scheme', { token: '' }, 'token_malformed'],
    ['two spaces', { token: ` ${boundToken()}` }, 'token_malformed'],
    ['two tokens', { token: `${boundToken()}, Bearer ${boundToken()}` }, 'multiple_tokens'],
    ['two fields', { headers: ['authorization', `DPoP ${boundToken()}`] }, 'multiple_tokens'],
  ];
  for (const [name, asked, code] of rows) t.equal((await ask(asked)).code, code, name);
  t.equal(upstream.requests.length, 0);
  t.equal(
    (await ask({ token: token(), scheme: 'Bearer', proofs: [] })).code,
    'allow',
    'others pass as before',
  );
});

t.test('what a proof must fit', async (t) => {
  const { ask, proof, boundToken, upstream, gateway } = await startBoundGateway(t);
  const rows: readonly (readonly [string, Asked])[] = [
    ['none', { proofs: [] }],
    ['two', { proofs: [proof(), proof()] }],
    ['another method', { proof: { claims: { htm: 'POST' } } }],
    ['another path', { uri: `${PUBLIC_URL}/other` }],
    ['the address of the gateway', { uri: `${gateway.url}/orders` }],
    [
      'the Host that the client sent',
      { uri: 'https://evil.example/orders', headers: ['x-forwarded-host', 'evil.example'] },
    ],
    ['another token', { proofs: [proof({ token: boundToken({ sub: 'bob' }) })] }],
    ['too old', { proof: { claims: { iat: START / 1000 - 61 } } }],
    ['of the future', { proof: { claims: { iat: START / 1000 + 31 } } }],
    ['the token itself', { proofs: [boundToken()] }],
  ];
  for (const [name, asked] of rows) {
    const reply = await ask(asked);
    t.match(reply, { status: 401, code: 'dpop_proof_invalid' }, name);
    t.ok(reply.challenge.startsWith(`DPoP error="invalid_dpop_proof", ${ALGS}`), reply.challenge);
    t.notMatch(reply.challenge, /Bearer/);
    t.equal(reply.headers['cache-control'], 'no-store');
  }
  t.equal(upstream.requests.length, 0);
  for (const path of ['/orders/7?a=1', '/orders/%7euser', '/orders/a%20b', '/orders'])
    t.equal((await ask({ path })).code, 'allow', path);
  t.equal((await ask({ path: '/orders/~user', uri: `${PUBLIC_URL}:443/orders/%7Euser?x#y` })).code, 'allow');
  t.equal((await ask({ method: 'POST' })).code, 'allow');
});

t.test('a proof is good once, up to its last moment', async (t) => {
  const { ask, proof, time, upstream } = await startBoundGateway(t);
  const first = proof();
  t.equal((await ask({ proofs: [first] })).code, 'allow');
  t.match(await ask({ proofs: [first] }), { code: 'dpop_proof_invalid', status: 401 });
  const second = proof();
  time.ms = START + 60_000;
  t.equal((await ask({ proofs: [first] })).code, 'dpop_proof_invalid', 'at the edge it is still known');
  t.equal((await ask({ proofs: [second] })).code, 'allow', 'at the edge it is still good');
  t.equal((await ask({ proofs: [second] })).code, 'dpop_proof_invalid');
  const third = proof({ proof: { claims: { iat: START / 1000 } } });
  time.ms = START + 60_001;
  t.equal((await ask({ proofs: [third] })).code, 'dpop_proof_invalid', 'never used, and too old');
  t.equal(upstream.requests.length, 2);
  const fourth = proof();
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => ask({ proofs: [fourth] })));
  t.equal(outcomes.filter(({ code }) => code === 'allow').length, 1, 'of twenty at the same moment one');
});

t.test('a proof that something else refused stays good', async (t) => {
  const { ask, proof, boundToken } = await startBoundGateway(t, {
    change: ({ routes }) => {
      Object.assign(routes[1] as object, {
        identity: { headers: { 'x-tenant': { claim: 'tenant', required: true } } },
      });
    },
  });
  const path = '/scoped';
  const refusals: readonly (readonly [Record<string, unknown>, string])[] = [
    [{}, 'insufficient_scope'],
    [{ aud: 'other', scope: 'write', tenant: 'a' }, 'audience_mismatch'],
    [{ scope: 'write' }, 'identity_incomplete'],
  ];
  const jti = 'the same each time';
  for (const [claims, code] of refusals) {
    const token = boundToken(claims);
    t.equal((await ask({ path, token, proof: { claims: { jti } } })).code, code);
  }
  const token = boundToken({ scope: 'write', tenant: 'a' });
  const once = proof({ path, token, proof: { claims: { jti } } });
  t.equal((await ask({ path, token, proofs: [once] })).code, 'allow');
  t.equal((await ask({ path, token, proofs: [once] })).code, 'dpop_proof_invalid');
});

t.test('the order of refusals', async (t) => {
  const { ask, boundToken } = await startBoundGateway(t);
  const bad = { proofs: [] };
  t.equal((await ask({ ...bad, token: boundToken({ exp: 1 }) })).code, 'token_expired');
  t.equal((await ask({ ...bad, token: boundToken({ aud: 'other' }) })).code, 'audience_mismatch');
  t.equal((await ask({ ...bad, path: '/scoped' })).code, 'dpop_proof_invalid', 'before scopes');
});

t.test('one key fills its share, and then others still get in', async (t) => {
  const { ask, boundToken } = await startBoundGateway(t, { dpop: { replay: { maxEntries: 200 } } });
  t.equal((await ask()).code, 'allow');
  t.equal((await ask()).code, 'allow');
  const crowded = await ask();
  t.match(crowded, { status: 429, code: 'rate_limited' });
  t.equal(crowded.headers['retry-after'], '60', 'by then its proofs have aged');
  t.equal(crowded.headers['ratelimit-policy'], '"dpop";q=2;w=60');
  t.equal(crowded.headers.ratelimit, '"dpop";r=0;t=60');
  t.equal(crowded.headers['ratelimit-limit'], '2');
  t.equal((await ask({ key: OTHER_CLIENT, token: boundToken({}, OTHER_CLIENT) })).code, 'allow');
});

t.test('a memory that is full refuses, and forgets nothing', async (t) => {
  const { ask, boundToken, proof } = await startBoundGateway(t, { dpop: { replay: { maxEntries: 1 } } });
  const first = proof();
  t.equal((await ask({ proofs: [first] })).code, 'allow');
  const full = await ask({ key: OTHER_CLIENT, token: boundToken({}, OTHER_CLIENT) });
  t.match(full, { status: 503, code: 'replay_unavailable', challenge: '' });
  t.match(full.headers['retry-after'], /^\d+$/);
  t.equal((await ask({ proofs: [first] })).code, 'dpop_proof_invalid');
});

t.test('a store that cannot be asked refuses', async (t) => {
  const { ask, upstream, token } = await startBoundGateway(t, { dpop: { replay: 'redis://127.0.0.1:1' } });
  t.match(await ask(), { status: 503, code: 'replay_unavailable' });
  t.equal(upstream.requests.length, 0);
  t.equal((await ask({ token: token(), scheme: 'Bearer', proofs: [] })).code, 'allow', 'others need none');
});

t.test('nonces', async (t) => {
  const { ask, time, boundToken } = await startBoundGateway(t, {
    dpop: { nonce: 'required' },
    change: ({ routes }) => {
      const { upstream } = routes[0] as { upstream: string };
      const rateLimit = { max: 1, window: '1h', by: 'subject' };
      routes.push({ name: 'limited', path: '/limited', upstream, access: { issuers: ['corp'] }, rateLimit });
      Object.assign(routes[0] as object, { cors: { origins: ['https://app.example'] } });
    },
  });
  const headers = ['origin', 'https://app.example'];
  const missing = await ask({ headers });
  t.match(missing, { status: 401, code: 'dpop_nonce_required' });
  t.ok(missing.challenge.startsWith(`DPoP error="use_dpop_nonce", ${ALGS}`), missing.challenge);
  t.match(missing.headers['access-control-expose-headers'], /DPoP-Nonce/i);
  const nonce = String(missing.headers['dpop-nonce']);
  t.match(nonce, /^[!#-[\]-~]+$/);
  const withNonce = (value: unknown) => ask({ proof: { claims: { nonce: value } } });
  const fresh = await withNonce(nonce);
  t.equal(fresh.code, 'allow');
  t.equal(fresh.headers['dpop-nonce'], undefined, 'it is good for a while');
  t.equal((await withNonce(`${nonce}x`)).code, 'dpop_nonce_required');
  t.equal((await withNonce('')).code, 'dpop_nonce_required');
  t.equal((await withNonce(7)).code, 'dpop_nonce_required');

  time.ms = START + 200_000;
  const aging = await withNonce(nonce);
  t.equal(aging.code, 'allow');
  const next = String(aging.headers['dpop-nonce']);
  t.not(next, nonce, 'the next one comes with the response');
  t.equal(aging.headers['cache-control'], 'no-store', 'which no cache may keep');
  const limited = await ask({ path: '/limited', proof: { claims: { nonce } } });
  t.equal(limited.code, 'allow');
  const over = await ask({ path: '/limited', proof: { claims: { nonce } } });
  t.equal(over.code, 'rate_limited');
  t.equal(over.headers['dpop-nonce'], next, 'refusals have it too');
  t.equal(over.headers['cache-control'], 'no-store');
  time.ms = START + 300_000;
  t.equal((await withNonce(nonce)).code, 'allow', 'the last moment');
  time.ms = START + 300_001;
  const old = await withNonce(nonce);
  t.equal(old.code, 'dpop_nonce_required');
  t.equal((await withNonce(String(old.headers['dpop-nonce']))).code, 'allow');
  t.equal((await withNonce(next)).code, 'allow');

  const invalid = await ask({ token: boundToken({}, OTHER_CLIENT) });
  t.equal(invalid.code, 'dpop_proof_invalid', 'what else is wrong comes first');
});

t.test('the nonce of a backend is not that of the gateway', async (t) => {
  const backend = await startCountingUpstream((_, res) => {
    res.writeHead(200, { 'DPoP-Nonce': 'of the backend', 'cache-control': 'public, max-age=600' });
    res.end();
  });
  t.teardown(() => backend.close());
  const { ask, time } = await startBoundGateway(t, {
    dpop: { nonce: 'required' },
    change: ({ routes }) => {
      routes.push({ name: 'own', path: '/own', upstream: backend.url, access: { issuers: ['corp'] } });
    },
  });
  const nonce = String((await ask({ path: '/own' })).headers['dpop-nonce']);
  const fresh = await ask({ path: '/own', proof: { claims: { nonce } } });
  t.equal(fresh.code, 'allow');
  t.equal(fresh.headers['dpop-nonce'], undefined);
  t.equal(fresh.headers['cache-control'], 'public, max-age=600');
  time.ms = START + 200_000;
  const aging = await ask({ path: '/own', proof: { claims: { nonce } } });
  t.equal(aging.code, 'allow');
  t.notMatch(aging.headers['dpop-nonce'], /of the backend/);
  t.equal(aging.headers['cache-control'], 'no-store', 'a response with a nonce is for its client alone');
});

t.test('challenges', async (t) => {
  const { gateway, ask, token } = await startBoundGateway(t);
  const bare = (path: string) =>
    send(gateway.url, { method: 'GET', path, headers: ['host', 'api.example.com'] });
  t.equal((await bare('/orders')).challenge, `Bearer realm="api.example.com", DPoP ${ALGS}`);
  t.equal((await bare('/plain')).challenge, 'Bearer realm="api.example.com"');
  t.match((await bare('/scoped')).challenge, /^Bearer realm="api.example.com", scope="write", DPoP algs="/);
  const bound = await ask({ scheme: 'Bearer' });
  t.match(bound.challenge, /^Bearer .*error="invalid_token".*, DPoP algs="ES256 EdDSA"$/);
  const scoped = await ask({ path: '/scoped', token: token(), scheme: 'Bearer', proofs: [] });
  t.match(scoped.challenge, /^Bearer .*error="insufficient_scope".*scope="write", DPoP algs="/);
});

t.test('where only bound tokens are accepted', async (t) => {
  const { gateway, ask, token, boundToken } = await startBoundGateway(t, {
    change: ({ routes, policies }) => {
      routes[0] = { ...routes[0], access: { issuers: ['corp'], binding: 'dpop' }, resource: true };
      routes[1] = {
        ...routes[1],
        access: [
          { issuers: ['corp'], binding: 'dpop', scopes: ['write'] },
          { policy: 'bound', issuers: ['corp'], scopes: ['admin'] },
        ],
      };
      Object.assign(policies, { bound: { binding: 'dpop' } });
    },
  });
  const bare = (path: string) =>
    send(gateway.url, { method: 'GET', path, headers: ['host', 'api.example.com'] });
  t.match((await bare('/orders')).challenge, /^DPoP algs="ES256 EdDSA", resource_metadata="[^"]*"$/);
  t.equal((await bare('/scoped')).challenge, `DPoP ${ALGS}, scope="write"`);
  const unbound = await ask({ token: token(), scheme: 'Bearer', proofs: [] });
  t.match(unbound, { status: 401, code: 'binding_required' });
  t.match(unbound.challenge, /^DPoP error="invalid_token", algs="ES256 EdDSA", /);
  t.equal((await ask()).code, 'allow');
  t.equal((await ask({ path: '/scoped', token: boundToken({ scope: 'write' }) })).code, 'allow');
  const lacking = await ask({ path: '/scoped' });
  t.match(lacking, { status: 403, code: 'insufficient_scope' });
  t.match(lacking.challenge, /^DPoP error="insufficient_scope", algs="ES256 EdDSA", .*scope="write"$/);
  const metadata = await bare('/.well-known/oauth-protected-resource/orders');
  t.match(JSON.parse(metadata.body), {
    dpop_bound_access_tokens_required: true,
    dpop_signing_alg_values_supported: ['ES256', 'EdDSA'],
  });
});

t.test('metadata of a resource that accepts other tokens too', async (t) => {
  const { gateway } = await startBoundGateway(t, {
    change: ({ routes }) => {
      routes[2] = { ...routes[2], resource: true };
      routes[3] = { ...routes[3], resource: true };
    },
  });
  const metadata = async (path: string) => {
    const where = { method: 'GET', path: `/.well-known/oauth-protected-resource${path}` };
    return JSON.parse((await send(gateway.url, { ...where, headers: ['host', 'api.example.com'] })).body);
  };
  const both = await metadata('/both');
  t.same(both.dpop_signing_alg_values_supported, ['ES256', 'EdDSA']);
  t.notOk('dpop_bound_access_tokens_required' in both);
  t.notOk('dpop_signing_alg_values_supported' in (await metadata('/plain')));
});

t.test('the origin of a route with a host', async (t) => {
  const { gateway, ask } = await startBoundGateway(t, {
    change: ({ routes, listen }) => {
      listen.publicUrl = 'http://gateway.example:8080/';
      Object.assign(routes[0] as object, { host: 'API.example.com' });
    },
  });
  t.equal((await ask({ uri: 'http://api.example.com:8080/orders' })).code, 'allow', `at ${gateway.url}`);
  for (const uri of [
    'https://api.example.com/orders',
    'http://gateway.example:8080/orders',
    'http://api.example.com/orders',
  ])
    t.equal((await ask({ uri })).code, 'dpop_proof_invalid', uri);
});

t.test('without a public URL the host of a route is reached by https', async (t) => {
  const { ask } = await startBoundGateway(t, {
    change: ({ routes, listen }) => {
      delete listen.publicUrl;
      for (const route of routes) route.host = 'api.example.com';
    },
  });
  t.equal((await ask({ uri: 'https://api.example.com/orders' })).code, 'allow');
  t.equal((await ask({ uri: 'http://api.example.com/orders' })).code, 'dpop_proof_invalid');
});

t.test('EdDSA by both of its names', async (t) => {
  const { ask, boundToken } = await startBoundGateway(t);
  for (const alg of ['EdDSA', 'Ed25519']) {
    const key = signingKey(alg, {}, alg);
    t.equal((await ask({ key, token: boundToken({}, key) })).code, 'allow', alg);
  }
});

t.test('preflights of a route with dpop allow what its clients send', async (t) => {
  const { gateway } = await startBoundGateway(t, {
    change: ({ routes }) => {
      for (const route of routes) route.cors = { origins: ['https://app.example'], headers: ['X-Own'] };
    },
  });
  const preflight = async (path: string) => {
    const { headers } = await send(gateway.url, {
      method: 'OPTIONS',
      path,
      headers: [
        ...['host', 'api.example.com', 'origin', 'https://app.example'],
        ...['access-control-request-method', 'GET', 'access-control-request-headers', 'authorization,dpop'],
      ],
    });
    return headers['access-control-allow-headers'];
  };
  t.equal(await preflight('/orders'), 'X-Own, Authorization, DPoP');
  t.equal(await preflight('/plain'), 'X-Own');
});

t.test('nothing of token, proof or key is logged', async (t) => {
  const { ask, gateway, boundToken, proof } = await startBoundGateway(t);
  const token = boundToken();
  const own = proof({ token });
  await ask({ token, proofs: [own] });
  await ask({ token, proofs: [own] });
  await ask({ token, proof: { claims: { htu: 'https://S3CR3T.example/' } } });
  const log = JSON.stringify(gateway.lines);
  for (const secret of [...token.split('.'), ...own.split('.'), thumbprint(CLIENT), 'S3CR3T'])
    t.notMatch(log, secret);
});

t.test('metrics and status count proofs', async (t) => {
  const { ask, gateway, proof } = await startBoundGateway(t);
  const own = proof();
  await ask({ proofs: [own] });
  await ask({ proofs: [own] });
  await ask({ proofs: [] });
  const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  t.match(metrics, /sealgate_dpop_proofs_total\{issuer="corp",outcome="accepted"\} 1\n/);
  t.match(metrics, /sealgate_dpop_proofs_total\{issuer="corp",outcome="replayed"\} 1\n/);
  t.match(metrics, /sealgate_dpop_proofs_total\{issuer="corp",outcome="invalid"\} 1\n/);
  t.match(metrics, /sealgate_dpop_replay_entries\{issuer="corp"\} 1\n/);
  t.match(metrics, /sealgate_dpop_replay_entries_limit\{issuer="corp"\} 100000\n/);
});

t.test('a WebSocket handshake brings a proof like any other request', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) => socket.on('error', () => {}));
  const handshakes: unknown[] = [];
  server.on('connection', (_, { headers }) => handshakes.push(headers));
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  const { gateway, boundToken, proof } = await startBoundGateway(t, {
    dpop: { nonce: 'required' },
    change: ({ routes }) => {
      const upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      routes.push({ name: 'chat', path: '/chat', upstream, websocket: true, access: { issuers: ['corp'] } });
    },
  });
  const token = boundToken();
  const open = async (dpop: string) => {
    const headers = { host: 'api.example.com', authorization: `DPoP ${token}`, dpop };
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/chat`, { headers });
    socket.on('error', () => {});
    const [event, response] = await Promise.race([
      once(socket, 'open').then(() => ['open', undefined] as const),
      once(socket, 'unexpected-response').then(([, reply]) => ['refused', reply] as const),
    ]);
    socket.terminate();
    return {
      event,
      nonce: response?.headers['dpop-nonce'],
      challenge: response?.headers['www-authenticate'],
    };
  };
  const refused = await open(proof({ path: '/chat', token }));
  t.match(refused, { event: 'refused', challenge: /^DPoP error="use_dpop_nonce"/ });
  const good = proof({ path: '/chat', token, proof: { claims: { nonce: refused.nonce } } });
  t.equal((await open(good)).event, 'open');
  t.match(await open(good), { event: 'refused', challenge: /invalid_dpop_proof/ });
  t.equal(handshakes.length, 1);
  t.notMatch(JSON.stringify(handshakes), /dpop/i);
});

t.test('gRPC clients get refusals of proofs in their form, the nonce beside it', async (t) => {
  const { gateway, boundToken, proof } = await startBoundGateway(t, { dpop: { nonce: 'required' } });
  const response = await fetch(`${gateway.url}/orders`, {
    method: 'POST',
    headers: {
      'content-type': 'application/grpc',
      authorization: `DPoP ${boundToken()}`,
      dpop: proof({ method: 'POST' }),
    },
  });
  t.equal(response.status, 200);
  t.equal(response.headers.get('grpc-status'), '16');
  t.match(response.headers.get('www-authenticate'), /^DPoP error="use_dpop_nonce"/);
  t.match(response.headers.get('dpop-nonce'), /./);
});

t.test('limits by subject come behind the proof, those by address before it', async (t) => {
  const { ask, proof, boundToken } = await startBoundGateway(t, {
    change: ({ routes }) => {
      Object.assign(routes[0] as object, { rateLimit: { max: 1, window: '1h', by: 'subject' } });
    },
  });
  const token = boundToken();
  t.equal((await ask({ token, proofs: [] })).code, 'dpop_proof_invalid', 'not counted');
  t.equal((await ask({ token })).code, 'allow');
  t.equal((await ask({ token })).code, 'rate_limited');
  const other = boundToken({ sub: 'bob' });
  const used = proof({ token: other });
  t.equal((await ask({ token: other, proofs: [used] })).code, 'allow');
  t.equal((await ask({ token: other, proofs: [used] })).code, 'rate_limited', 'a second use is counted');
});

t.test('a proof stays good where a limit, the route or the message ends the request', async (t) => {
  const { ask, proof, gateway, upstream, time, boundToken } = await startBoundGateway(t, {
    change: ({ routes }) => {
      const { upstream } = routes[0] as { upstream: string };
      const access = { issuers: ['corp'] };
      const rateLimit = { max: 1, window: '1s', by: 'subject' };
      const mcp = { tools: { a: 'allow' } };
      routes.push({ name: 'limited', path: '/limited', upstream, access, rateLimit });
      routes.push({ name: 'mcp', path: '/mcp', upstream, access, mcp });
    },
  });
  t.equal((await ask({ path: '/limited' })).code, 'allow');
  const late = proof({ path: '/limited' });
  t.equal((await ask({ path: '/limited', proofs: [late] })).code, 'rate_limited');
  time.ms += 2000;
  t.equal((await ask({ path: '/limited', proofs: [late] })).code, 'allow');
  time.ms += 2000;
  t.equal((await ask({ path: '/limited', proofs: [late] })).code, 'dpop_proof_invalid');

  const upgrade = proof();
  const handshake = [
    ...['connection', 'upgrade', 'upgrade', 'websocket', 'sec-websocket-version', '13'],
    ...['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='],
  ];
  t.equal((await ask({ proofs: [upgrade], headers: handshake })).code, 'upgrade_refused');
  t.equal((await ask({ proofs: [upgrade] })).code, 'allow');
  t.equal((await ask({ proofs: [upgrade] })).code, 'dpop_proof_invalid');

  const own = proof({ path: '/mcp', method: 'POST' });
  upstream.reset();
  const call = async (name: string) => {
    const response = await fetch(`${gateway.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `DPoP ${boundToken()}`, dpop: own },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } }),
    });
    const { error } = (await response.json().catch(() => ({}))) as { error?: { data: { code: string } } };
    return error?.data.code ?? response.status;
  };
  t.equal(await call('b'), 'mcp_denied');
  t.equal(upstream.requests.length, 0);
  t.equal(await call('a'), 200);
  t.equal(await call('a'), 'dpop_proof_invalid');
  t.equal(upstream.requests.length, 1);
});

t.test('a proof that aged while its message arrived is too old', async (t) => {
  const { gateway, time, boundToken, proof, upstream } = await startBoundGateway(t, {
    change: ({ routes }) => {
      Object.assign(routes[0] as object, { mcp: {} });
    },
  });
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
  const sent = request(`${gateway.url}/orders`, {
    method: 'POST',
    headers: {
      ...{ 'content-type': 'application/json', 'content-length': body.length, expect: '100-continue' },
      ...{ authorization: `DPoP ${boundToken()}`, dpop: proof({ method: 'POST' }) },
    },
    agent: false,
  });
  const responded = once(sent, 'response');
  sent.flushHeaders();
  await once(sent, 'continue');
  time.ms = START + 60_001;
  sent.end(body);
  const [response] = await responded;
  response.resume();
  t.equal(response.statusCode, 401);
  t.match(response.headers['www-authenticate'], /^DPoP error="invalid_dpop_proof"/);
  t.equal(upstream.requests.length, 0);
});

t.test('report mode relaxes neither proof nor binding', async (t) => {
  const { ask, token } = await startBoundGateway(t, {
    change: (file) => Object.assign(file, { mode: 'report' }),
  });
  t.equal((await ask({ proofs: [] })).code, 'dpop_proof_invalid');
  t.equal((await ask({ scheme: 'Bearer' })).code, 'token_bound');
  t.equal((await ask({ token: token() })).code, 'binding_required');
  t.equal((await ask({ path: '/scoped' })).code, 'allow', 'what only the rules refuse passes');
});

t.test('a token that is forwarded goes up as it came, its proof does not', async (t) => {
  const { ask, upstream, boundToken } = await startBoundGateway(t, {
    change: (file) => Object.assign(file, { identity: { forwardToken: true } }),
  });
  t.equal((await ask()).code, 'allow');
  t.equal(upstream.requests[0]?.headers.authorization, `DPoP ${boundToken()}`);
  t.notOk(upstream.requests[0]?.headers.dpop);
});
