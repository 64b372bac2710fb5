import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { WebSocketServer } from 'ws';
import { browserMissing, launchBrowser } from '../support/clients/browser.ts';
import { startHarness } from '../support/gateway/gateway-harness.ts';

interface Outcome {
  readonly opened: boolean;
  readonly protocol?: string;
  readonly echo?: string;
  readonly code?: number;
  readonly reason?: string;
}

t.test(
  'a browser opens a WebSocket with its token as subprotocol or cookie, from an allowed origin only',
  { skip: browserMissing },
  async (t) => {
    const backend = new WebSocketServer({
      port: 0,
      host: '127.0.0.1',
      perMessageDeflate: true,
      handleProtocols: (protocols) => (protocols.has('chat.v1') ? 'chat.v1' : false),
    });
    const seen: { protocols: unknown; cookie: unknown; user: unknown; authorization: unknown }[] = [];
    backend.on('connection', (socket, { headers }) => {
      seen.push({
        protocols: headers['sec-websocket-protocol'],
        cookie: headers.cookie,
        user: headers['x-user-id'],
        authorization: headers.authorization,
      });
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    await once(backend, 'listening');
    const site = createServer((_req, res) => res.end('<!doctype html>')).listen(0, '127.0.0.1');
    await once(site, 'listening');
    const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
    const route = {
      path: '/chat',
      upstream: `http://127.0.0.1:${(backend.address() as AddressInfo).port}`,
      access: { scopes: ['chat'] },
      websocket: true,
      tokenFrom: [{ webSocketProtocol: 'bearer' }, { cookie: 'session' }],
    };
    const harness = await startHarness(t, {
      routes: [
        { ...route, name: 'chat', cors: { origins: [origin] } },
        { ...route, name: 'other', path: '/other', cors: { origins: ['https://app.example.com'] } },
      ],
    });
    const browser = await launchBrowser();
    t.teardown(async () => {
      await browser.close();
      for (const socket of backend.clients) socket.terminate();
      backend.close();
      site.close();
    });
    const page = await browser.newPage();
    await page.goto(origin);
    const talk = (path: string, protocols: string[]): Promise<Outcome> =>
      page.evaluate(
        ([url, offered]) =>
          new Promise<Outcome>((resolve) => {
            const socket = new WebSocket(url as string, offered as string[]);
            let outcome: Outcome = { opened: false };
            socket.onopen = () => socket.send('hello'.repeat(10_000));
            socket.onmessage = ({ data }) => {
              outcome = { opened: true, protocol: socket.protocol, echo: String(data).slice(0, 5) };
            };
            socket.onclose = ({ code, reason }) => resolve({ ...outcome, code, reason });
          }),
        [`ws://127.0.0.1:${harness.port}${path}`, protocols],
      );
    // Tokens that are valid for a few more seconds, so that each tunnel ends soon.
    const token = (scope: string) =>
      harness.issuer.token({ sub: 'alice', scope, exp: Math.floor(Date.now() / 1000) - 26 });

    const good = await token('chat');
    t.same(await talk('/chat', ['chat.v1', 'bearer', good]), {
      opened: true,
      protocol: 'chat.v1',
      echo: 'hello',
      code: 4001,
      reason: 'token expired',
    });
    t.same(seen[0], { protocols: 'chat.v1', cookie: undefined, user: 'alice', authorization: undefined });

    await page
      .context()
      .addCookies([{ name: 'session', value: await token('chat'), url: `http://127.0.0.1:${harness.port}` }]);
    t.match(await talk('/chat', ['chat.v1']), { opened: true, code: 4001 });
    t.notOk(String(seen[1]?.cookie).includes('session='), 'the cookie with the token stays at the gateway');
    await page.context().clearCookies();

    const refused: [string, string, string[], string][] = [
      ['no token', '/chat', ['chat.v1'], 'token_missing'],
      ['no scope', '/chat', ['chat.v1', 'bearer', await token('read')], 'insufficient_scope'],
      ['another origin', '/other', ['chat.v1', 'bearer', good], 'origin_not_allowed'],
    ];
    for (const [name, path, protocols, code] of refused) {
      t.match(await talk(path, protocols), { opened: false, code: 1006 }, name);
      t.equal(harness.lines.at(-1)?.code, code, name);
    }
    t.equal(seen.length, 2, 'the backend saw only what was permitted');
  },
);
