import t from 'tap';
import { CLIENT, startBoundGateway } from '../../support/dpop/bound-gateway.ts';
import { startExchange } from '../../support/exchange/exchange-harness.ts';
import { respondWith, startTokenEndpoint } from '../../support/exchange/token-endpoint.ts';
import { openEndpoint, sendJson } from '../../support/tokens/scripted-endpoint.ts';

t.test('a bound token is exchanged for a bearer token, and neither proof nor token goes up', async (t) => {
  const endpoint = await startTokenEndpoint(t);
  const { ask, boundToken, upstream } = await startBoundGateway(t, {
    change(file) {
      const exchange = {
        grant: 'token-exchange',
        tokenUrl: endpoint.url,
        auth: { clientId: 'gateway', clientSecret: 's' },
        audience: 'orders',
      };
      const [orders] = file.routes;
      file.upstreams = { own: { url: orders?.upstream, exchange } };
      Object.assign(orders as object, {
        upstream: 'own',
        access: { issuers: ['corp'], binding: 'dpop' },
      });
    },
  });
  for (const _ of ['first', 'with another proof, from memory']) t.match(await ask(), { status: 200 });
  t.equal(endpoint.requests.length, 1);
  t.equal(endpoint.requests[0]?.subject, boundToken());
  t.notOk(endpoint.requests[0]?.headers.dpop);
  for (const { headers, rawHeaders } of upstream.requests) {
    t.equal(headers.authorization, 'Bearer exchanged-1-orders');
    t.notOk(headers.dpop);
    t.notOk(JSON.stringify(rawHeaders).includes(boundToken().slice(-40)));
  }

  endpoint.requests.length = 0;
  t.match(await ask({ proofs: [] }), { code: 'dpop_proof_invalid' });
  t.match(await ask({ scheme: 'Bearer' }), { code: 'token_bound' });
  t.equal(endpoint.requests.length, 0, 'without a proof nothing is exchanged, remembered or not');

  endpoint.respond = respondWith(400, { error: 'interaction_required', claims: '{"a":1}' });
  const reply = await ask({ token: boundToken({ sub: 'bob' }, CLIENT) });
  t.match(reply, { status: 401, code: 'insufficient_claims' });
  t.match(reply.challenge, /^DPoP error="insufficient_claims", .*claims="eyJhIjoxfQ=="/);
});

t.test('an opaque token is exchanged once it was introspected, and as long as it is active', async (t) => {
  let active = true;
  const introspection = await openEndpoint((_, response) =>
    sendJson(response, active ? { active, aud: 'api', sub: 'alice' } : { active }),
  );
  t.teardown(() => introspection.close());
  const { endpoint, get, seen } = await startExchange(t, {
    file: {
      issuers: {
        legacy: {
          issuer: introspection.origin,
          audiences: ['api'],
          jwks: 'none',
          introspection: {
            url: introspection.url,
            auth: { clientId: 'gateway', clientSecret: 's' },
            cache: { active: '1s', inactive: '1s' },
          },
        },
      },
    },
  });
  for (const _ of ['first', 'again']) t.equal((await get('/orders', 'opaque-1')).status, 200);
  t.equal((await get('/orders', 'opaque-2')).status, 200);
  t.strictSame(
    endpoint.requests.map(({ subject }) => subject),
    ['opaque-1', 'opaque-2'],
  );
  t.strictSame(seen(), [
    'Bearer exchanged-1-orders',
    'Bearer exchanged-1-orders',
    'Bearer exchanged-2-orders',
  ]);
  active = false;
  const refused = await get('/orders', 'opaque-3');
  t.match(await refused.json(), { code: 'token_inactive' });
  t.equal(endpoint.requests.length, 2);
  // What is remembered of an exchange lets in nobody whose own token no longer holds.
  let late = await get('/orders', 'opaque-1');
  while (late.status === 200) {
    await late.text();
    await new Promise((resolve) => setTimeout(resolve, 100));
    seen();
    late = await get('/orders', 'opaque-1');
  }
  t.match(await late.json(), { code: 'token_inactive' });
  t.strictSame(seen(), []);
});
