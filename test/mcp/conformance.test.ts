import t from 'tap';
import { startMcpServer } from '../../demo/mcp/mcp-server.ts';
import { waitUntilReady } from '../support/gateway/gateway.ts';
import { startGatewayProcess } from '../support/gateway/gateway-process.ts';
import { createConformanceServer } from '../support/mcp/conformance-server.ts';
import { runConformanceSuite } from '../support/mcp/conformance-suite.ts';
import { createEventStore } from '../support/mcp/event-store.ts';
import { startTokenAdder } from '../support/mcp/token-adder.ts';
import { createKeyServer } from '../support/tokens/key-server.ts';
import { mint, signingKey } from '../support/tokens/mint.ts';

/** The number of checks of each version that pass directly at the server: a suite that checks nothing proves nothing. */
const VERSIONS = { '2025-11-25': 80, '2026-07-28': 145 } as const;

/**
 * Checks that a server must refuse removed methods with 404. The gateway refuses these two before, with 400: the rules are about
 * resources, and the messages of the suite name none.
 */
const REFUSED_BEFORE = [
  'server-stateless: sep-2575-http-server-method-not-found-404-resources-subscribe HttpServerMethodNotFound404resourcessubscribe',
  'server-stateless: sep-2575-http-server-method-not-found-404-resources-unsubscribe HttpServerMethodNotFound404resourcesunsubscribe',
];

const server = await startMcpServer({ create: createConformanceServer, eventStore: createEventStore() });
const issuer = await createKeyServer();
const key = signingKey('ES256');
issuer.publish(key);
const nowSeconds = Math.floor(Date.now() / 1000);
const claims = {
  iss: issuer.issuer(),
  aud: 'mcp',
  sub: 'suite',
  scope: 'mcp:use',
  iat: nowSeconds,
  exp: nowSeconds + 600,
};
let gatewayUrl = '';
const client = await startTokenAdder(mint(key, claims), () => gatewayUrl);

const gateway = await startGatewayProcess(
  t,
  `
listen: { port: 0, publicUrl: "${client.url}" }
admin: { port: 0 }
issuers:
  corp: { issuer: "${issuer.issuer()}", audiences: [mcp] }
routes:
  - name: tools
    path: /mcp
    upstream: "${server.url}"
    resource: true
    access: { scopes: [mcp:use] }
    mcp:
      tools: { 'test_*': allow, json_schema_2020_12_tool: allow }
      prompts: { '*': allow }
      resources: { 'test://*': allow }
`,
);
await waitUntilReady(gateway.adminUrl);
gatewayUrl = gateway.url;
t.teardown(() => Promise.all([server, issuer, client].map((each) => each.close())));

for (const [version, atLeast] of Object.entries(VERSIONS)) {
  t.test(`no check of the conformance suite gets worse through the gateway, ${version}`, async (t) => {
    const [direct, guarded] = await Promise.all(
      [server, client].map(({ url }) => runConformanceSuite(`${url}/mcp`, version)),
    );
    if (direct === undefined || guarded === undefined) throw new Error('a run is missing');

    const passed = [...direct].filter(
      ([check, { status }]) => status === 'SUCCESS' && !REFUSED_BEFORE.includes(check),
    );
    t.ok(passed.length >= atLeast, `${passed.length} checks pass directly`);
    for (const [check] of passed) {
      const { status, errorMessage } = guarded.get(check) ?? { status: 'absent' };
      if (status !== 'SUCCESS') t.fail(check, { status, errorMessage });
    }
    const failed = (outcomes: typeof direct) =>
      [...outcomes].filter(([, { status }]) => status === 'FAILURE').map(([check]) => check);
    t.same(
      failed(guarded).filter((check) => ![...failed(direct), ...REFUSED_BEFORE].includes(check)),
      [],
      'nothing fails that did not',
    );
    t.ok(
      gateway.lines.some(
        ({ msg, route, status }) => msg === 'request' && route === 'tools' && status === 200,
      ),
      'the requests went through the guarded route',
    );
  });
}
