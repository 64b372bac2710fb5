import { createServer, type Server } from 'node:net';
import t, { type Test } from 'tap';
import { response, startRawUpstream } from '../../support/backends/upstream.ts';
import { startGateway, type TestGateway } from '../../support/gateway/gateway.ts';

/** A port on which nothing listens any more. */
async function closedPort(): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = (server.address() as { port: number }).port;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function start(t: Test): Promise<{ gateway: TestGateway; good: string; dead: string }> {
  const backend = await startRawUpstream(({ socket, target }) => {
    if (target === '/silent-close') socket.end();
    else if (target === '/garbage') socket.write('secret-bytes-of-another-protocol\r\n');
    else socket.write(response('200 OK', [], 'fine'));
  });
  const good = backend.url;
  const dead = `http://127.0.0.1:${await closedPort()}`;
  const gateway = await startGateway(`
log: { level: debug }
upstreams:
  good: { url: '${good}' }
  dead: { url: '${dead}' }
  both: { urls: ['${dead}', '${good}'], retries: 1 }
routes:
  - { name: good, path: /, upstream: good, access: public, websocket: true }
  - { name: dead, path: /dead, upstream: dead, access: public }
  - { name: both, path: /both, upstream: both, access: public }
  - { name: inline, path: /inline, upstream: '${good}', access: public }
  - { name: limited, path: /limited, upstream: good, access: public, bodyLimit: 1B }
`);
  t.teardown(async () => {
    await gateway.close();
    await backend.close();
  });
  return { gateway, good, dead };
}

t.test('an access line names the backend that was asked, and the address that was asked last', async (t) => {
  const { gateway, good, dead } = await start(t);
  const cases: readonly (readonly [
    path: string,
    status: number,
    upstream: string | undefined,
    address: string | undefined,
    init?: RequestInit,
  ])[] = [
    ['/fine', 200, 'good', good],
    ['/inline', 200, good, good],
    ['/dead', 502, 'dead', dead],
    ['/garbage', 502, 'good', good],
    ['/silent-close', 502, 'good', good],
    ['/both', 200, 'both', good],
    ['/both/again', 200, 'both', good],
    ['/limited', 413, undefined, undefined, { method: 'POST', body: 'too long' }],
    ['/a;b', 400, undefined, undefined],
  ];
  for (const [path, status, upstream, upstreamAddress, init] of cases) {
    const response = await fetch(`${gateway.url}${path}`, init);
    await response.text();
    const line = await gateway.waitForLine((each) => each.msg === 'request' && each.path === path);
    t.equal(line.status, status, path);
    t.strictSame([line.upstream, line.upstreamAddress], [upstream, upstreamAddress], path);
  }
});

t.test(
  'every connection to a backend that fails has a line of level debug, without anything of the request or the response',
  async (t) => {
    const { gateway, good, dead } = await start(t);
    const cases = {
      '/dead?token=secret': {
        upstream: 'dead',
        upstreamAddress: dead,
        during: 'connect',
        cause: 'connection_refused',
      },
      '/garbage': { upstream: 'good', upstreamAddress: good, during: 'request', cause: 'not_http' },
      '/silent-close': {
        upstream: 'good',
        upstreamAddress: good,
        during: 'request',
        cause: 'closed_before_response',
      },
    } as const;
    for (const [path, expected] of Object.entries(cases)) {
      const response = await fetch(`${gateway.url}${path}`, { headers: { 'x-secret': 'secret-header' } });
      t.equal(response.status, 502, path);
      await response.text();
      const line = await gateway.waitForLine((each) => each.cause === expected.cause);
      t.match(line, {
        ...expected,
        level: 'debug',
        msg: 'a connection to a backend failed',
        reason: /./,
        durationMs: Number,
      });
      t.notMatch(JSON.stringify(line), /secret/);
    }
    const failures = gateway.lines.filter(({ msg }) => msg === 'a connection to a backend failed');
    t.equal(failures.length, 3, 'one line each');
  },
);
