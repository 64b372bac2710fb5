import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect } from 'node:http2';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { codeOf, connectCheckClient, encodeCheck } from '../../support/decisions/check-client.ts';
import { startGateway } from '../../support/gateway/gateway.ts';
import { mint, signingKey } from '../../support/tokens/mint.ts';

const KEY = signingKey('ES256');

/** A gateway whose issuer holds its keys back until the test releases them. */
async function startHeld(t: Test, grace = '5s') {
  const held: ServerResponse[] = [];
  const provider = createServer((_, res) => held.push(res)).listen(0, '127.0.0.1');
  await once(provider, 'listening');
  const issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  const gateway = await startGateway(
    `decisions: { port: 0, grpc: 0 }
shutdown: { delay: 0s, grace: ${grace} }
issuers: { corp: { issuer: "${issuer}", jwksUri: "${issuer}/keys", audiences: [api] } }
routes: [{ name: a, path: /a, upstream: none, access: authenticated }]
`,
    { untilReady: false },
  );
  const client = connectCheckClient(gateway.grpcUrl as string);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    provider.closeAllConnections();
    provider.close();
  });
  if (held.length === 0) await once(provider, 'request');
  const token = mint(KEY, {
    iss: issuer,
    aud: 'api',
    sub: 'alice',
    exp: Math.floor(Date.now() / 1000) + 600,
  });
  return {
    gateway,
    client,
    about: (path: string) => ({ path, headers: { authorization: `Bearer ${token}` } }),
    release: () => held[0]?.end(JSON.stringify({ keys: [KEY.jwk] })),
  };
}

t.test('a Check that waits for keys ends at its deadline, or when its proxy cancels it', async (t) => {
  const { gateway, client, about, release } = await startHeld(t);
  const stays = client.check(about('/a/stays'));
  const late = await client.check(about('/a/late'), { deadline: Date.now() + 200 });
  t.equal(codeOf(late), 'failed 4');
  t.match(await gateway.waitForLine(({ path }) => path === '/a/late'), {
    status: 499,
    via: 'ext-authz-grpc',
  });

  const leaves = client.begin(about('/a/leaves'));
  // It has arrived once something that was sent behind it has its response.
  t.equal(await client.health('unknown'), 5);
  leaves.call.cancel();
  t.equal(codeOf(await leaves.result), 'failed 1');
  t.match(await gateway.waitForLine(({ path }) => path === '/a/leaves'), { status: 499 });

  release();
  t.equal(codeOf(await stays), 'allow');
  t.equal(gateway.lines.filter(({ msg }) => msg === 'request').length, 3, 'each ends once');
});

t.test('the gateway itself ends a Check at its deadline, for a proxy that does not', async (t) => {
  const { gateway, about } = await startHeld(t);
  const session = connect(gateway.grpcUrl as string);
  t.teardown(() => session.destroy());
  const message = encodeCheck(about('/a/late'));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/envoy.service.auth.v3.Authorization/Check',
    'content-type': 'application/grpc',
    'grpc-timeout': '200m',
  });
  stream.end(Buffer.concat([prefix, message]));
  t.match(await once(stream, 'response'), [{ ':status': 200, 'grpc-status': '4' }], 'DEADLINE_EXCEEDED');
  t.match(await gateway.waitForLine(({ path }) => path === '/a/late'), { status: 499 });
});

t.test('health follows readiness and the drain; a waiting Check finishes', async (t) => {
  const { gateway, client, about, release } = await startHeld(t);
  t.equal(await client.health(), 'NOT_SERVING', 'without keys');
  t.equal(await client.health('envoy.service.auth.v3.Authorization'), 'NOT_SERVING');
  t.equal(await client.health('another.Service'), 5);
  const statuses: (string | undefined)[] = [];
  const watch = client.watch('envoy.service.auth.v3.Authorization');
  const next = async (): Promise<string | undefined> => {
    if (statuses.length === 0) await once(watch, 'data');
    return statuses.shift();
  };
  watch.on('data', ({ status }: { readonly status?: string }) => statuses.push(status));
  t.equal(await next(), 'NOT_SERVING');
  const unknown = client.watch('another.Service');
  unknown.on('error', () => undefined);
  t.strictSame(await once(unknown, 'data'), [{ status: 'SERVICE_UNKNOWN' }], 'until it is known');
  unknown.cancel();

  const waiting = client.check(about('/a/waits'));
  t.equal(await client.health(), 'NOT_SERVING');
  release();
  t.equal(await next(), 'SERVING');
  t.equal(codeOf(await waiting), 'allow');
  t.equal(await client.health(), 'SERVING');

  const error = once(watch, 'error');
  const closed = gateway.close();
  t.equal(await next(), 'NOT_SERVING');
  t.match(await error, [{ code: 14 }], 'the end of those who watch');
  t.equal(await closed, 'clean');
});

t.test('a Check that still waits when the drain ends is denied', async (t) => {
  const { gateway, client, about } = await startHeld(t, '300ms');
  const waiting = client.check(about('/a/waits'));
  t.equal(await client.health('unknown'), 5);
  t.equal(await gateway.close(), 'cut');
  const result = await waiting;
  t.equal(codeOf(result), 'shutting_down');
  t.equal(result.response.denied_response?.status?.code, 503);
  t.match(
    gateway.lines.find(({ path }) => path === '/a/waits'),
    { status: 503, code: 'shutting_down' },
  );
});

t.test('a Check that waits when the drain begins finishes', async (t) => {
  const { gateway, client, about, release } = await startHeld(t);
  const waiting = client.check(about('/a/waits'));
  t.equal(await client.health('unknown'), 5);
  const closed = gateway.close();
  release();
  t.equal(codeOf(await waiting), 'allow');
  t.equal(await closed, 'clean');
});
