import { propagation } from '@opentelemetry/api';
import t from 'tap';
import { startCountingUpstream } from '../../support/backends/counting-upstream.ts';
import { connectRaw, type RawConnection, rawRequest } from '../../support/clients/raw.ts';
import { startGateway } from '../../support/gateway/gateway.ts';
import { startHarness } from '../../support/gateway/gateway-harness.ts';
import { mint, signingKey } from '../../support/tokens/mint.ts';

const HANDSHAKE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
const BAD = 'x-trouble: yes';

/** What was preloaded to carry traces on has a mind of its own. */
function preloadTrouble(): void {
  propagation.setGlobalPropagator({
    fields: () => [],
    extract: (context, controller) => context.setValue(TROUBLE, controller['x-trouble']),
    inject(context) {
      if (context.getValue(TROUBLE) !== undefined) throw new Error('what nobody foresaw');
    },
  });
}

const TROUBLE = Symbol('trouble');

async function countInternal(adminUrl: string): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text();
  const lines = text.split('\n').filter((line) => /^sealgate_requests_total\{.*code="internal"/.test(line));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

t.test('a forwarding that throws ends its own request with 500, and nothing else', async (t) => {
  preloadTrouble();
  t.teardown(() => propagation.disable());
  const upstream = await startCountingUpstream();
  const harness = await startHarness(t, {
    upstream,
    routes: [{ name: 'open', path: '/open', upstream: 'backend', access: 'public', websocket: true }],
  });
  const cases: readonly (readonly [name: string, bytes: string, closes: boolean])[] = [
    ['without a body', rawRequest('GET /open/1 HTTP/1.1', [BAD]), false],
    ['with a body', rawRequest('POST /open/2 HTTP/1.1', [BAD, 'Content-Length: 4'], 'body'), false],
    [
      'with chunks that are still to come',
      rawRequest('POST /open/3 HTTP/1.1', [BAD, 'Transfer-Encoding: chunked']),
      true,
    ],
    [
      'that waits for 100',
      rawRequest('POST /open/4 HTTP/1.1', [BAD, 'Content-Length: 4', 'Expect: 100-continue']),
      true,
    ],
    ['a WebSocket', rawRequest('GET /open/5 HTTP/1.1', [BAD, ...HANDSHAKE]), true],
  ];
  for (const [name, bytes, closes] of cases) {
    const connection = await connectRaw(harness.port);
    connection.send(bytes);
    const response = await connection.read();
    t.match(response, { status: 500, code: 'internal' }, name);
    t.notMatch(response?.body.toString(), /foresaw/);
    if (closes) t.equal(await connection.closed(), true, `${name}: closed`);
    else await respondsNext(connection);
    connection.destroy();
  }
  t.equal(harness.lines.filter(({ code }) => code === 'internal').length, cases.length);
  t.equal(await countInternal(harness.adminUrl), cases.length);
  t.match(
    harness.warnings,
    cases.map(() => ({ level: 'error', err: { message: 'what nobody foresaw' }, requestId: /./ })),
  );
  t.strictSame(
    upstream.requests.map(({ target }) => target),
    ['/open/next', '/open/next'],
    'nothing of them went up',
  );

  async function respondsNext(connection: RawConnection): Promise<void> {
    connection.send(rawRequest('GET /open/next HTTP/1.1'));
    t.equal((await connection.read())?.status, 200);
  }
});

t.test('a forwarding that throws between others of its connection keeps its turn', async (t) => {
  preloadTrouble();
  t.teardown(() => propagation.disable());
  const harness = await startHarness(t, {
    routes: [{ name: 'open', path: '/open', upstream: 'backend', access: 'public' }],
  });
  const connection = await connectRaw(harness.port);
  connection.send(
    [[], [BAD], [], [BAD]].map((headers, i) => rawRequest(`GET /open/${i} HTTP/1.1`, headers)).join(''),
  );
  for (const status of [200, 500, 200, 500]) t.equal((await connection.read())?.status, status);
  connection.destroy();
});

t.test('a decision that throws allows nothing and ends its own request', async (t) => {
  const key = signingKey('ES256');
  const upstream = await startCountingUpstream();
  const now = Date.now();
  let isTroubled = false;
  const file = `${t.testdir({ 'keys.json': JSON.stringify({ keys: [key.jwk] }) })}/keys.json`;
  const gateway = await startGateway(
    `issuers: { corp: { issuer: corp, jwks: { file: '${file}' }, audiences: [api] } }
upstreams: { backend: { url: "${upstream.url}" } }
routes: [{ name: a, path: /a, upstream: backend, access: authenticated, websocket: true }]
`,
    {
      clock: () => {
        const wasTroubled = isTroubled;
        isTroubled = false;
        if (wasTroubled) throw new Error('no clock');
        return now;
      },
    },
  );
  t.teardown(async () => {
    await gateway.close();
    await upstream.close();
  });
  const token = mint(key, { iss: 'corp', aud: 'api', sub: 'alice', exp: now / 1000 + 60 });
  const port = Number(new URL(gateway.url).port);
  for (const headers of [[], HANDSHAKE]) {
    const connection = await connectRaw(port);
    isTroubled = true;
    connection.send(rawRequest('GET /a HTTP/1.1', [`Authorization: Bearer ${token}`, ...headers]));
    t.match(await connection.read(), { status: 500, code: 'internal' });
    connection.destroy();
  }
  t.equal(upstream.requests.length, 0);
  t.equal(await countInternal(gateway.adminUrl), 2);
  const response = await fetch(`${gateway.url}/a`, { headers: { authorization: `Bearer ${token}` } });
  t.equal(response.status, 200);
});
