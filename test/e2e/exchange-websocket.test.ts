import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { startExchange } from '../support/exchange/exchange-harness.ts';
import { respondWith, startTokenEndpoint } from '../support/exchange/token-endpoint.ts';

t.test(
  'a handshake brings the exchanged token, and none of the ways to send one brings that of the caller',
  async (t) => {
    const seen: IncomingMessage[] = [];
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    server.on('connection', (socket, request) => {
      seen.push(request);
      socket.on('error', () => {});
    });
    await once(server, 'listening');
    t.teardown(() => {
      for (const socket of server.clients) socket.terminate();
      server.close();
    });
    const endpoint = await startTokenEndpoint(t);
    const { url, token } = await startExchange(t, {
      endpoint,
      file: {
        upstreams: {
          chat: {
            url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
            exchange: {
              grant: 'token-exchange',
              tokenUrl: endpoint.url,
              auth: { clientId: 'gateway', clientSecret: 's' },
              audience: 'chat',
            },
          },
        },
      },
      routes: [
        {
          name: 'chat',
          path: '/chat',
          upstream: 'chat',
          access: 'authenticated',
          websocket: true,
          tokenFrom: [{ webSocketProtocol: 'bearer' }, { query: 'token' }],
        },
      ],
    });
    const own = token();
    const address = `${url.replace('http', 'ws')}/chat`;
    const open = async (socket: WebSocket): Promise<void> => {
      await once(socket, 'open');
      socket.terminate();
    };
    await open(new WebSocket(address, { headers: { authorization: `Bearer ${own}` } }));
    await open(new WebSocket(address, ['bearer', own]));
    await open(new WebSocket(`${address}?token=${own}`));
    t.strictSame(
      seen.map(({ headers }) => headers.authorization),
      Array(3).fill('Bearer exchanged-1-chat'),
    );
    t.notOk(JSON.stringify(seen.map(({ rawHeaders, url }) => [rawHeaders, url])).includes(own.slice(-40)));
    t.equal(endpoint.requests.length, 1);

    endpoint.respond = respondWith(400, { error: 'invalid_grant' });
    const refused = new WebSocket(address, { headers: { authorization: `Bearer ${token({ sub: 'bob' })}` } });
    const [, response] = (await once(refused, 'unexpected-response')) as [unknown, IncomingMessage];
    t.equal(response.statusCode, 403);
    response.destroy();
    t.equal(seen.length, 3);
  },
);
