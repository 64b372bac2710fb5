import t from 'tap';
import { freePorts } from '../../support/backends/ports.ts';
import { respondWith, startTokenEndpoint } from '../../support/exchange/token-endpoint.ts';
import { startGatewayProcess } from '../../support/gateway/gateway-process.ts';
import { bearer, fileWith, harnessOf, startBesides, valuesOf } from './asking-harness.ts';
import { throughEach } from './programs.ts';

throughEach(t, 'exchanged tokens', async (t, proxy) => {
  const endpoint = await startTokenEndpoint(t);
  const [decisions = 0, admin = 0] = await freePorts(2);
  const ports = { decisions, admin };
  const auth = '{ clientId: gateway, clientSecret: s }';
  await startGatewayProcess(
    t,
    fileWith(
      ports,
      `  - { name: exchanged, path: /exchanged, upstream: own, access: authenticated }
  - { name: optional, path: /optional, upstream: own, access: optional }
upstreams:
  own: { url: "http://127.0.0.1:1", exchange: { grant: token-exchange, tokenUrl: "${endpoint.url}", auth: ${auth}, audience: own } }
`,
    ),
  );
  const { sendAllowed, sendRefused } = harnessOf(await startBesides(t, proxy, ports));
  const own = bearer();
  for (const line of ['GET /exchanged HTTP/1.1', 'GET /optional?a=b HTTP/1.1']) {
    const got = await sendAllowed(line, [own]);
    t.strictSame(valuesOf(got, 'authorization'), ['Bearer exchanged-1-own']);
    t.strictSame(valuesOf(got, 'x-user-id'), ['ada']);
    t.notOk(got.fields.some((field) => field.includes(own.slice(-40))));
  }
  for (const fields of [[], ['Authorization: Basic YTpi']]) {
    t.strictSame(valuesOf(await sendAllowed('GET /optional HTTP/1.1', fields), 'authorization'), []);
  }
  t.equal(endpoint.requests.length, 1);

  endpoint.respond = respondWith(400, { error: 'interaction_required', claims: '{"a":1}' });
  const claims = await sendRefused('GET /exchanged HTTP/1.1', [bearer({ sub: 'bob' })]);
  t.equal(claims.status, 401);
  t.match(claims.headers['www-authenticate'], [/error="insufficient_claims".*claims="eyJhIjoxfQ=="/]);
  endpoint.respond = respondWith(400, { error: 'invalid_grant' });
  t.equal((await sendRefused('GET /exchanged HTTP/1.1', [bearer({ sub: 'bob' })])).status, 403);
  endpoint.respond = respondWith(503, '');
  const failed = await sendRefused('GET /exchanged HTTP/1.1', [bearer({ sub: 'bob' })]);
  t.equal(failed.status, 503);
});
