import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect as connectHttp2, constants } from 'node:http2';
import { type AddressInfo, BlockList, Server } from 'node:net';
import t, { type Test } from 'tap';
import { stringify } from 'yaml';
import { loadConfig } from '../../../src/config/load.ts';
import { freePorts } from '../../support/backends/ports.ts';
import { folderWith } from '../../support/cli/cli.ts';
import { type RawResponse, rawRequest } from '../../support/clients/raw.ts';
import { builtGateway } from '../../support/gateway/built-gateway.ts';
import { createTestGateway, startGateway, type TestGatewayOptions } from '../../support/gateway/gateway.ts';
import { startHarness } from '../../support/gateway/gateway-harness.ts';
import {
  ASKED_CLIENT,
  askOnce,
  connectAsking,
  HTTP_WAYS,
  QUESTIONS,
} from '../../support/gateway/questions.ts';
import { hasOpenssl, makeAuthority } from '../../support/tls/certificates.ts';
import { mint, signingKey } from '../../support/tokens/mint.ts';

/* What questions have in common with requests: waiting for keys, limits, overload, errors. */

const KEY = signingKey('ES256');
const ROUTES = [
  { name: 'public', path: '/public', upstream: 'none', access: 'public' },
  { name: 'asked', path: '/asked', upstream: 'none', access: 'authenticated' },
];

/** A provider that sends its keys when `release` is called, and not before. */
async function startHeldProvider(t: Test) {
  const held: ServerResponse[] = [];
  const server = createServer((_, res) => held.push(res)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    release: () => {
      for (const res of held.splice(0)) res.end(JSON.stringify({ keys: [KEY.jwk] }));
    },
  };
}

/** A gateway that is asked about routes of which one needs a token of `issuer`. */
async function startAsked(
  t: Test,
  { issuer, more = {}, ...options }: TestGatewayOptions & { readonly issuer: string; readonly more?: object },
) {
  const gateway = await startGateway(
    stringify({
      decisions: { port: 0 },
      shutdown: { grace: '1s' },
      issuers: { corp: { issuer, jwksUri: `${issuer}/keys`, audiences: ['api'] } },
      routes: ROUTES,
      ...more,
    }),
    { untilReady: false, ...options },
  );
  t.teardown(() => gateway.close());
  const { decisionsUrl } = (await gateway.waitForLine(({ msg }) => msg === 'listening')) as unknown as {
    readonly decisionsUrl: string;
  };
  return { ...gateway, decisionsUrl };
}

const bearerOf = (iss: string, nowMs = Date.now()) =>
  `Authorization: Bearer ${mint(KEY, { iss, aud: 'api', sub: 'ann', exp: Math.floor(nowMs / 1000) + 600 })}`;

t.test('a question waits for keys, and costs nothing once its proxy has left', async (t) => {
  const provider = await startHeldProvider(t);
  const gateway = await startAsked(t, { issuer: provider.url });
  const bearer = bearerOf(provider.url);
  const [stays, leaves] = [
    await connectAsking(gateway.decisionsUrl),
    await connectAsking(gateway.decisionsUrl),
  ];
  t.teardown(() => stays.destroy());
  leaves.send(QUESTIONS['auth-request']('/asked/left', [bearer]));
  leaves.destroy();
  t.match(await gateway.waitForLine(({ path }) => path === '/asked/left'), {
    status: 499,
    via: 'auth-request',
    client: ASKED_CLIENT,
  });
  // The response to the first shows that the second has arrived, too.
  stays.send(QUESTIONS['forward-auth']('/public') + QUESTIONS['forward-auth']('/asked/stays', [bearer]));
  t.equal((await stays.read())?.status, 200);
  provider.release();
  const response = await stays.read();
  t.equal(response?.status, 200);
  t.same(response?.headers['x-user-id'], ['ann']);
  t.match(await gateway.waitForLine(({ path }) => path === '/asked/stays'), {
    status: 200,
    code: 'allow',
    via: 'forward-auth',
  });
  t.equal(gateway.lines.filter(({ path }) => path === '/asked/left').length, 1);
});

t.test(
  'one of several questions on a connection that is given up ends alone',
  { skip: hasOpenssl() ? false : 'openssl is not installed' },
  async (t) => {
    const provider = await startHeldProvider(t);
    const authority = makeAuthority('test-ca');
    const own = authority.issue('localhost');
    const path = await folderWith({ 'tls.crt': own.cert, 'tls.key': own.key }, t);
    const gateway = await startAsked(t, {
      issuer: provider.url,
      more: { decisions: { port: 0, tls: { cert: path('tls.crt'), key: path('tls.key') } } },
    });
    const session = connectHttp2(gateway.decisionsUrl, { ca: authority.cert, servername: 'localhost' });
    t.teardown(() => session.destroy());
    const ask = (target: string) =>
      session.request({
        ':path': `/ext-authz${target}`,
        ':authority': 'api.example.com',
        'x-forwarded-proto': 'https',
        'x-forwarded-for': ASKED_CLIENT,
        authorization: bearerOf(provider.url).slice('Authorization: '.length),
      });
    const [left, stays] = [ask('/asked/left'), ask('/asked/stays')];
    const arrived = ask('/public');
    const [{ ':status': status }] = await once(arrived, 'response');
    t.equal(status, 200, 'so the two before have arrived');
    left.close(constants.NGHTTP2_CANCEL);
    t.match(await gateway.waitForLine(({ path }) => path === '/asked/left'), {
      status: 499,
      via: 'ext-authz',
    });
    provider.release();
    const [response] = await once(stays, 'response');
    t.match(response, { ':status': 200, 'x-user-id': 'ann' });
  },
);

t.test('without keys every way gets 503 with a time to come back', async (t) => {
  const [port] = await freePorts(1);
  const issuer = `http://127.0.0.1:${port}`;
  const gateway = await startAsked(t, { issuer });
  for (const way of HTTP_WAYS) {
    const response = await askOnce(gateway.decisionsUrl, QUESTIONS[way]('/asked', [bearerOf(issuer)]));
    t.match(response, { status: 503, code: 'keys_unavailable' }, way);
    t.ok(Number(response?.headers['retry-after']?.[0]) > 0, way);
    t.equal(response?.headers['x-user-id'], undefined, way);
    t.equal(
      (await askOnce(gateway.decisionsUrl, QUESTIONS[way]('/public')))?.status,
      200,
      `${way}: no keys needed`,
    );
  }
});

t.test('a decision that throws is 500 in every way, and ends its own question', async (t) => {
  const now = Date.now();
  let isTroubled = false;
  const keys = await folderWith({ 'keys.json': JSON.stringify({ keys: [KEY.jwk] }) }, t);
  const gateway = await startAsked(t, {
    issuer: 'https://corp.example',
    more: {
      issuers: {
        corp: { issuer: 'https://corp.example', jwks: { file: keys('keys.json') }, audiences: ['api'] },
      },
    },
    untilReady: true,
    clock: () => {
      const wasTroubled = isTroubled;
      isTroubled = false;
      if (wasTroubled) throw new Error('no clock');
      return now;
    },
  });
  const bearer = bearerOf('https://corp.example', now);
  for (const way of HTTP_WAYS) {
    const connection = await connectAsking(gateway.decisionsUrl);
    t.teardown(() => connection.destroy());
    isTroubled = true;
    connection.send(QUESTIONS[way]('/asked', [bearer]));
    const response = await connection.read();
    t.match(response, { status: 500, code: 'internal' }, way);
    t.notMatch(response?.body.toString(), /clock/, way);
    connection.send(QUESTIONS[way]('/asked', [bearer]));
    t.equal((await connection.read())?.status, 200, `${way}: the next one`);
  }
});

t.test('a reader that throws is 500, too, and ends nothing else', async (t) => {
  const harness = await startHarness(t, { routes: ROUTES, file: { decisions: { port: 0 } } });
  const { check } = BlockList.prototype;
  t.teardown(() => {
    BlockList.prototype.check = check;
  });
  BlockList.prototype.check = function (this: BlockList, address: string, type?: 'ipv4' | 'ipv6') {
    if (address === ASKED_CLIENT) throw new Error('what nobody foresaw');
    return check.call(this, address, type);
  } as BlockList['check'];
  for (const way of HTTP_WAYS) {
    const response = await askOnce(harness.decisionsPort as number, QUESTIONS[way]('/public'));
    t.match(response, { status: 500, code: 'internal' }, way);
    t.notMatch(response?.body.toString(), /foresaw/, way);
  }
  BlockList.prototype.check = check;
  t.equal((await askOnce(harness.decisionsPort as number, QUESTIONS['ext-authz']('/public')))?.status, 200);
  t.match(
    harness.warnings,
    HTTP_WAYS.map(() => ({
      level: 'error',
      msg: 'a question could not be read',
      err: { message: 'what nobody foresaw' },
    })),
  );
  t.match(
    harness.lines.slice(0, 3),
    HTTP_WAYS.map((via) => ({ status: 500, code: 'internal', via })),
  );
});

t.test('a blocked event loop sheds questions, and replies again afterwards', async (t) => {
  const harness = await startHarness(t, {
    routes: ROUTES,
    listen: { overload: { eventLoopDelay: '100ms' } },
    file: { decisions: { port: 0 } },
  });
  const ask = () => askOnce(harness.decisionsPort as number, QUESTIONS['forward-auth']('/public'));
  t.equal((await ask())?.status, 200);
  let isBlocking = true;
  const block = (): void => {
    const until = performance.now() + 250;
    while (performance.now() < until);
    if (isBlocking) setImmediate(block);
  };
  block();
  let shed = await ask();
  for (let attempts = 0; shed?.status === 200 && attempts < 50; attempts++) shed = await ask();
  isBlocking = false;
  t.match(shed, { status: 503, code: 'overloaded' });
  t.strictSame(shed?.headers['retry-after'], ['1']);
  for (let attempts = 0; (await ask())?.status !== 200; attempts++) {
    if (attempts > 100) throw new Error('it never recovered');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

t.test('requests and questions of all ways are one count', async (t) => {
  const rateLimit = { max: 4, window: '1h', by: 'subject' };
  const harness = await startHarness(t, {
    routes: [{ name: 'both', path: '/both', upstream: 'backend', access: 'authenticated', rateLimit }],
    file: { decisions: { port: 0 } },
  });
  const bearer = `Authorization: Bearer ${await harness.issuer.token({ sub: 'ann' })}`;
  const proxied = () => askOnce(harness.port, rawRequest('GET /both HTTP/1.1', [bearer]));
  const leftOf = (response: RawResponse | undefined) =>
    response?.headers['ratelimit-remaining']?.[0] ?? response?.headers.ratelimit?.[0];
  const seen = [await proxied()];
  for (const way of HTTP_WAYS)
    seen.push(await askOnce(harness.decisionsPort as number, QUESTIONS[way]('/both', [bearer])));
  t.same(
    seen.map((response) => response?.status),
    [200, 200, 200, 200],
  );
  t.equal(new Set(seen.map(leftOf)).size, 4, 'each of them takes one');
  t.match(await proxied(), { status: 429, code: 'rate_limited' });
  const asked = await askOnce(harness.decisionsPort as number, QUESTIONS['auth-request']('/both', [bearer]));
  t.match(asked, { status: 403, code: 'rate_limited' });
  t.same(asked?.headers['x-sealgate-status'], ['429']);
  t.ok(Number(asked?.headers['retry-after']?.[0]) > 0);
});

t.test('fields, slow heads and bodies have the limits of requests', async (t) => {
  const harness = await startHarness(t, {
    routes: ROUTES,
    listen: { limits: { headerTimeout: '400ms', headers: 20, headerBytes: '4KiB' } },
    file: { decisions: { port: 0 } },
  });
  const port = harness.decisionsPort as number;
  // With Host: as many as the limit allows, and one more.
  const further = (count: number) => Array.from({ length: count }, (_, at) => `X-A${at}: x`);
  for (const [via, question] of Object.entries(QUESTIONS)) {
    t.equal(
      (await askOnce(port, question('/public', further(19))))?.status,
      200,
      `${via}: its own fields do not count`,
    );
    for (const count of [20, 40])
      t.equal(
        (await askOnce(port, question('/public', further(count))))?.code,
        'headers_too_large',
        `${via}: ${count}`,
      );
  }
  for (const [via, question] of Object.entries(QUESTIONS)) {
    const isRefused = async (target: string, fields: readonly string[]) => {
      const response = await askOnce(port, question(target, fields));
      t.equal(response?.status === 200, response?.code !== 'headers_too_large', via);
      return response?.status !== 200;
    };
    // The target may be there twice; it counts once.
    t.notOk(await isRefused(`/public?${'x'.repeat(3800)}`, []), via);
    t.notOk(await isRefused('/public', [`X-A: ${'x'.repeat(3800)}`]), via);
    t.ok(await isRefused(`/public?${'x'.repeat(2000)}`, [`X-A: ${'x'.repeat(2100)}`]), via);
    t.ok(await isRefused(`/public?${'x'.repeat(4100)}`, []), via);
    t.ok(await isRefused('/public', [`X-A: ${'x'.repeat(4100)}`]), via);
    t.ok(await isRefused('/public', [`X-A: ${'x'.repeat(13 * 1024)}`]), via);
  }

  const slow = await connectAsking(port);
  slow.send('GET /forward-auth HTTP/1.1\r\nX-Forwarded-Uri: /public\r\n');
  t.match(await slow.read(), { status: 408, code: 'request_timeout' });
  t.equal(await slow.closed(), true);

  const chunked = await connectAsking(port);
  const body = rawRequest('GET /ext-authz/asked HTTP/1.1');
  chunked.send(QUESTIONS['forward-auth']('/public', ['Transfer-Encoding: chunked']));
  t.equal((await chunked.read())?.status, 200, 'no body is waited for');
  chunked.send(`${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
  t.equal(await chunked.read(), undefined, 'and none is taken for a question');

  chunked.destroy();
  slow.destroy();
});

t.test('as many connections as the limit allows, at this listener', async (t) => {
  const harness = await startHarness(t, {
    routes: ROUTES,
    listen: { limits: { connections: 2 } },
    file: { decisions: { port: 0 } },
  });
  const open = await Promise.all([1, 2, 3].map(() => connectAsking(harness.decisionsPort as number)));
  t.equal(await open[2]?.closed(), true, 'one too many');
  const client = await connectAsking(harness.port);
  client.send(rawRequest('GET /nowhere HTTP/1.1'));
  t.equal((await client.read())?.status, 404, 'clients have a count of their own');
  for (const connection of open.slice(0, 2)) {
    connection.send(QUESTIONS['forward-auth']('/public'));
    t.equal((await connection.read())?.status, 200);
  }
  for (const connection of [...open, client]) connection.destroy();
});

t.test('nobody is sent here before every listener is open', async (t) => {
  const [port = 0] = await freePorts(1);
  const { listen } = Server.prototype;
  const held: (() => void)[] = [];
  const listenLater = function (
    this: Server,
    options: { readonly port?: number },
    done?: () => void,
  ): Server {
    if (options.port !== port) return listen.call(this, options, done);
    held.push(() => listen.call(this, options, done));
    return this;
  };
  Server.prototype.listen = listenLater as Server['listen'];
  t.teardown(() => {
    Server.prototype.listen = listen;
  });
  const [adminPort = 0] = await freePorts(1);
  const folder = await folderWith({ 'keys.json': JSON.stringify({ keys: [KEY.jwk] }) }, t);
  const file = await folderWith(
    {
      'gateway.yaml': stringify({
        listen: { port: 0 },
        admin: { port: adminPort },
        decisions: { port },
        issuers: {
          corp: { issuer: 'https://corp.example', jwks: { file: folder('keys.json') }, audiences: ['api'] },
        },
        routes: ROUTES,
      }),
    },
    t,
  );
  const loaded = loadConfig({ file: file('gateway.yaml'), env: {} });
  const { gateway } = await createTestGateway({ loaded, config: loaded.config });
  const listening = gateway.listen();
  t.teardown(() => gateway.drain());
  const ready = async () => fetch(`http://127.0.0.1:${adminPort}/ready?verbose`).catch(() => undefined);
  for (;;) {
    const response = await ready();
    const text = (await response?.text()) ?? '';
    if (held.length === 0 || !text.includes('"state":"fresh"')) continue;
    t.equal(response?.status, 503, 'the keys are there, one listener is not');
    break;
  }
  held[0]?.();
  await listening;
  t.equal((await ready())?.status, 200);
});

t.test('start names the key of a port that is taken', async (t) => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  t.teardown(() => holder.close());
  const { port } = holder.address() as AddressInfo;
  for (const workers of [1, 2]) {
    const file = await folderWith(
      {
        'gateway.yaml': stringify({
          listen: { port: 0 },
          admin: { port: 0 },
          workers,
          log: { level: 'silent' },
          decisions: { port },
          routes: [ROUTES[0]],
        }),
      },
      t,
    );
    const words = [builtGateway(), 'start', '-c', file('gateway.yaml')];
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
    t.equal(status, 1);
    t.match(stderr, `cannot listen: decisions.port ${port} on 127.0.0.1: another process listens there`);
  }
});
