import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { Test } from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { type CountingUpstream, startCountingUpstream } from '../support/backends/counting-upstream.ts';
import { type Replica, startReplicas } from '../support/gateway/replicas.ts';
import { signingKey } from '../support/tokens/mint.ts';

interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer;
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** An address of the loopback that is not the one from which whatever is in front comes. */
const CLIENT = '127.0.0.2';

/** What holds behind everything of `deploy` that stands in front of gateways. */
export async function checkFrontProxy(
  t: Test,
  start: (t: Test, ports: readonly Replica[]) => Promise<string>,
): Promise<void> {
  const upstream = await startCountingUpstream((req, res, body) => {
    if (req.url === '/orders/order') res.setHeader('x-accel-redirect', '/orders/elsewhere');
    if (req.url !== '/orders/stream') return void res.end(`${req.url} ${body.length}`);
    res.write('one');
    upstreamResponses.add(() => res.end('two'));
  });
  const upstreamResponses = new Set<() => void>();
  const sockets = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)));
  t.teardown(async () => {
    await upstream.close();
    sockets.close();
  });
  await once(sockets, 'listening');
  const { port } = sockets.address() as { port: number };
  const replicas = await startReplicas(
    t,
    `upstreams:
  backend: { url: '${upstream.url}' }
  sockets: { url: 'http://127.0.0.1:${port}' }
issuers: { corp: { issuer: 'https://corp.example.com', audiences: [api], jwks: ${JSON.stringify({ keys: [signingKey('ES256').jwk] })} } }
routes:
  - { name: orders, path: /orders, upstream: backend, access: public }
  - { name: guarded, path: /guarded, upstream: backend, access: authenticated }
  - { name: socket, path: /socket, upstream: sockets, access: public, websocket: true }
`,
  );
  const url = await start(t, replicas.ports);
  const ask = async (path: string, { method = 'GET', headers = {}, body }: Asked = {}): Promise<Reply> => {
    const req = request(`${url}${path}`, { method, headers, localAddress: CLIENT, agent: false });
    req.end(body);
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    return {
      status: res.statusCode ?? 0,
      headers: res.headers,
      body: Buffer.concat(await res.toArray()).toString(),
    };
  };

  await t.test(
    'the client address is that of the connection to the front proxy, not a forged field',
    async (t) => {
      const forged = {
        host: 'api.example.com',
        'x-forwarded-for': '192.0.2.66',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'evil.example.com',
        'x-forwarded-port': '4711',
        'x-request-id': 'mine',
      };
      const response = await ask('/orders/whoami', { headers: forged });
      t.equal(response.status, 200);
      const line = await Promise.any(replicas.gateways.map((gateway) => gateway.line('request')));
      t.match(line, { path: '/orders/whoami', client: CLIENT, requestId: response.headers['x-request-id'] });
      t.not(line.requestId, 'mine');
      const seen = lastRequest(upstream).headers;
      t.match(seen, {
        'x-forwarded-for': `${CLIENT}, 127.0.0.1`,
        'x-forwarded-proto': 'http',
        'x-forwarded-host': 'api.example.com',
        'x-forwarded-port': new URL(url).port,
      });
      t.notMatch(JSON.stringify(seen), /192\.0\.2\.66|evil|4711|mine/);
    },
  );

  await t.test('targets go on byte for byte', async (t) => {
    for (const target of ['/orders/caf%C3%A9?x=%2F&y=//../', '/orders/a+b/']) {
      await ask(target);
      t.equal(lastRequest(upstream).target, target);
    }
    t.match(
      await ask('/orders/..%2f/x'),
      { status: 400, body: /ambiguous_path/ },
      'the gateway refuses them',
    );
  });

  await t.test('as many header fields and as long tokens pass as the gateway takes', async (t) => {
    const cookie = 'y'.repeat(12_000);
    t.equal((await ask('/orders/long', { headers: { cookie } })).status, 200);
    const authorization = `Bearer ${'a'.repeat(15_000)}`;
    t.match(await ask('/guarded', { headers: { authorization, cookie } }), {
      status: 401,
      body: /token_malformed/,
    });
  });

  await t.test('bodies pass whole, and a refusal arrives although the body was not read', async (t) => {
    const body = Buffer.alloc(3 * 1024 ** 2, 'b');
    t.match(await ask('/orders/body', { method: 'POST', body }), {
      status: 200,
      body: `/orders/body ${body.length}`,
    });
    t.match(await ask('/guarded', { method: 'POST', body: body.subarray(0, 500_000) }), {
      status: 401,
      body: /token_missing/,
    });
  });

  await t.test('a response arrives piece by piece', async (t) => {
    const req = request(`${url}/orders/stream`, { agent: false });
    req.end();
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    const [first] = (await once(res, 'data')) as [Buffer];
    t.equal(first.toString(), 'one');
    for (const end of upstreamResponses) end();
    t.equal(Buffer.concat(await res.toArray()).toString(), 'two');
  });

  await t.test('a backend gives no orders to what is in front', async (t) => {
    t.match(await ask('/orders/order'), { status: 200, body: '/orders/order 0' });
  });

  await t.test('WebSockets pass', async (t) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/socket`);
    await once(socket, 'open');
    socket.send('hello');
    const [data] = (await once(socket, 'message')) as [Buffer];
    t.equal(data.toString(), 'echo hello');
    socket.terminate();
  });
}

function lastRequest(upstream: CountingUpstream) {
  const last = upstream.requests.at(-1);
  if (last === undefined) throw new Error('the backend was not asked');
  return last;
}
