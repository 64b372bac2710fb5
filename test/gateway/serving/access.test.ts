import { createPublicKey } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';
import t from 'tap';
import { exchangeRaw, rawRequest } from '../../support/clients/raw.ts';
import { startHarness } from '../../support/gateway/gateway-harness.ts';

const route = (rest: Readonly<Record<string, unknown>>) => ({
  name: 'api',
  path: '/api/:id',
  upstream: 'backend',
  access: 'authenticated',
  ...rest,
});

t.test('a backend that trusts nobody verifies the assertion with the published keys', async (t) => {
  const harness = await startHarness(t, {
    routes: [route({})],
    listen: { publicUrl: 'https://gw.example' },
    file: { identity: { assertion: { keys: 'assertion-keys.json' } } },
  });
  const token = await harness.issuer.token({ scope: 'a' });
  const headers = [`Authorization: Bearer ${token}`, 'X-Sealgate-Assertion: spoofed'];
  t.equal(
    (await exchangeRaw(harness.port, rawRequest('GET /api/7 HTTP/1.1', headers))).response?.status,
    200,
  );
  const assertion = String(harness.upstream.requests[0]?.headers['x-sealgate-assertion']);

  const published = await fetch(`http://127.0.0.1:${harness.port}/.well-known/sealgate/jwks.json`);
  t.match(published.headers.get('content-type'), 'application/jwk-set+json');
  t.match(published.headers.get('cache-control'), 'max-age=300');
  const { keys } = (await published.json()) as { keys: { kid: string }[] };
  const { kid } = JSON.parse(Buffer.from(assertion.split('.')[0] as string, 'base64url').toString());
  const key = createPublicKey({ key: keys.find((jwk) => jwk.kid === kid) as never, format: 'jwk' });
  const wanted = { audience: 'backend', issuer: 'https://gw.example' };
  t.match(jsonwebtoken.verify(assertion, key, wanted), { sub: 'alice', idp: harness.issuer.url, scope: 'a' });
  t.equal(harness.upstream.requests.length, 1, 'no backend is asked for the keys');
});

t.test(
  'report mode lets pass, and shows it in the line, the metrics and, where the file asks for it, the response',
  async (t) => {
    for (const reportHeader of [false, true]) {
      const harness = await startHarness(t, {
        routes: [route({ access: { scopes: ['admin'] }, mode: 'report' })],
        file: { reportHeader },
      });
      const token = await harness.issuer.token();
      const { response } = await exchangeRaw(
        harness.port,
        rawRequest('GET /api/7 HTTP/1.1', [`Authorization: Bearer ${token}`]),
      );
      t.equal(response?.status, 200);
      t.strictSame(
        response?.headers['x-sealgate-would-refuse'],
        reportHeader ? ['insufficient_scope'] : undefined,
      );
      t.match(harness.lines.at(-1), {
        code: 'allow',
        status: 200,
        wouldRefuse: 'insufficient_scope',
        reason: 'the token lacks the scope "admin"',
      });
      const metrics = await (await fetch(`${harness.adminUrl}/metrics`)).text();
      t.match(metrics, /sealgate_would_refuse_total\{route="api",code="insufficient_scope"\} 1/);
    }
  },
);

t.test('conditions and places of tokens over real sockets, and no secret goes on', async (t) => {
  const harness = await startHarness(t, {
    routes: [
      route({
        access: { when: 'claims.sub == params.id' },
        tokenFrom: [{ cookie: 'session' }, { query: 'access_token' }],
      }),
    ],
  });
  const token = await harness.issuer.token();
  const code = async (line: string, ...headers: string[]) =>
    (await exchangeRaw(harness.port, rawRequest(`${line} HTTP/1.1`, headers))).response;
  t.match(await code('GET /api/alice', `Cookie: a=1; session=${token}`), { status: 200 });
  t.match(await code(`GET /api/alice?a=%zz&access_token=${token}`), { status: 200 });
  t.strictSame(
    harness.upstream.requests.map(({ target, headers }) => [target, headers.cookie]),
    [
      ['/api/alice', 'a=1'],
      ['/api/alice?a=%zz', undefined],
    ],
  );
  t.match(await code('GET /api/bob', `Cookie: session=${token}`), { status: 403, code: 'condition_failed' });
  t.match(await code(`GET /api/alice?access_token=${token}`, `Cookie: session=${token}`), {
    status: 400,
    code: 'multiple_tokens',
  });
  t.equal(harness.upstream.requests.length, 2);
  t.notMatch(JSON.stringify(harness.lines), token.split('.')[1] as string);
});
