import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import {
  AUTHORIZATION,
  CLIENT_ID,
  CODE_EXCHANGE,
  formOf,
  REDIRECT_URI,
  RESOURCE,
  startFront,
} from '../support/oauth/front-harness.ts';

const front = await startFront(t, { front: { rateLimit: 100_000 } });
const { provider } = front;

/** What a server sends until it closes. */
async function exchange(text: string, port = new URL(front.url).port): Promise<string> {
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(text);
  let received = '';
  for await (const chunk of socket) received += String(chunk);
  return received;
}

/** Spellings of other places that a careless comparison takes for the listed ones. */
const LOOK_ALIKES = [
  'https://app.example.evil.example/callback',
  'https://app.example@evil.example/callback',
  'https://user@app.example/callback',
  'https://app.example:443/callback',
  'https://app.example:8443/callback',
  'https://app.example./callback',
  'https://APP.example/callback',
  'HTTPS://app.example/callback',
  'https:/app.example/callback',
  'https:app.example/callback',
  'https:\\\\app.example\\callback',
  '//app.example/callback',
  'http://app.example/callback',
  'https://app.example/callback/',
  'https://app.example/callback?next=https://evil.example',
  'https://app.example/callback?',
  'https://app.example/callback#',
  'https://app.example/callback#@evil.example',
  'https://app.example/callback/../evil',
  'https://app.example/./callback',
  'https://app.example//callback',
  'https://app.example/%63allback',
  'https://app.example/callback%00',
  'https://app.example/callback%2f..',
  ' https://app.example/callback',
  'https://app.example/callback ',
  'https://app.example/callbacK',
  'https://аpp.example/callback',
  'https://app。example/callback',
  'https://app.example/callback,https://evil.example',
  'javascript:alert(1)//https://app.example/callback',
  'data:text/html,https://app.example/callback',
  'app.example/callback',
  'callback',
  // Loopback: another spelling is another host.
  'http://127.0.0.1.evil.example/callback',
  'http://127.0.0.1@evil.example/callback',
  'http://127.0.0.1:80@evil.example/callback',
  'http://localhost.evil.example/callback',
  'http://localhost:80.evil.example/callback',
  'http://localhost:evil.example/callback',
  'http://localhost./callback',
  'http://LOCALHOST/callback',
  'http://app.localhost/callback',
  'http://127.0.0.2/callback',
  'http://127.1/callback',
  'http://2130706433/callback',
  'http://0x7f000001/callback',
  'http://0.0.0.0/callback',
  'http://[::1]/callback',
  'http://[::ffff:127.0.0.1]/callback',
  'https://localhost/callback',
  'http://localhost:/callback',
  'http://localhost:0/callback',
  'http://localhost:00080/callback',
  'http://localhost:65536/callback',
  'http://localhost:+80/callback',
  'http://localhost:-1/callback',
  'http://localhost:80:90/callback',
  'http://localhost:80/callback/x',
  'http://localhost:80/callback?x',
  'http://localhost:80/other',
  'http://localhost:80',
  'http://localhost:8٠/callback',
];

t.test('no spelling of another redirect URI leads anywhere', async (t) => {
  for (const uri of LOOK_ALIKES) {
    const response = await front.authorize({ redirect_uri: uri });
    t.equal(response.status, 400, uri);
    t.equal(response.headers.get('location'), null);
    t.equal(response.headers.get('content-type'), 'application/problem+json');
    const reported = await front.authorize({ redirect_uri: uri, resource: 'https://evil.example' });
    t.strictSame([reported.status, reported.headers.get('location')], [400, null]);
    t.equal((await front.token({ redirect_uri: uri })).status, 400);
    t.equal((await front.register({ redirect_uris: [uri] })).status, 400);
  }
  t.strictSame(provider.tokenCalls(), []);
});

t.test('on loopback the port is free', async (t) => {
  for (const uri of [
    'http://localhost/callback',
    'http://localhost:1/callback',
    'http://127.0.0.1:65535/callback',
  ]) {
    const location = new URL((await front.authorize({ redirect_uri: uri })).headers.get('location') ?? '');
    t.equal(location.origin, provider.url);
    t.equal(location.searchParams.get('redirect_uri'), uri);
  }
});

t.test('only a resource of somebody else is reported to the client, at its own URI', async (t) => {
  const response = await front.authorize({ resource: 'https://evil.example', state: 'a&error=x' });
  t.equal(response.status, 302);
  const location = new URL(response.headers.get('location') ?? '');
  t.equal(location.origin + location.pathname, REDIRECT_URI);
  t.strictSame(Object.fromEntries(location.searchParams), {
    error: 'invalid_target',
    error_description: 'resource is not one of this gateway',
    state: 'a&error=x',
  });
  t.strictSame(location.searchParams.getAll('error'), ['invalid_target']);
  const several = await front.authorize({ resource: [RESOURCE, 'https://evil.example'] });
  t.strictSame(
    [several.status, several.headers.get('location')],
    [400, null],
    'RFC 8707 allows several, the front does not',
  );
  for (const fault of [{ client_id: 'other' }, { response_type: 'token' }, { code_challenge: undefined }]) {
    const response = await front.authorize({ resource: 'https://evil.example', ...fault });
    t.strictSame([response.status, response.headers.get('location')], [400, null], JSON.stringify(fault));
  }
});

t.test('Authorization is refused everywhere but for the metadata', async (t) => {
  for (const authorization of ['Bearer x', 'Basic dGhlLWNsaWVudDo=', '']) {
    const response = await front.authorizeRaw(formOf(AUTHORIZATION), { authorization });
    t.strictSame([response.status, response.headers.get('location')], [400, null]);
    t.equal((await front.token({}, { authorization })).status, 400);
    t.equal((await front.register({ redirect_uris: [REDIRECT_URI] }, { authorization })).status, 400);
  }
  t.strictSame(provider.tokenCalls(), []);
});

t.test('queries with more than one reading', async (t) => {
  const good = formOf(AUTHORIZATION);
  const rows = [
    `${good}&client_id=other`,
    `${good}&%63lient_id=other`,
    `client_id=other&${good}`,
    `${good}&redirect_uri=https://evil.example`,
    `${good}&redirect%5furi=https://evil.example`,
    `${good}&state=%ff`,
    `${good}&x=%`,
    `${good}&x=%zz`,
    `${good}&nonce=a%0d%0aSet-Cookie:%20x=1`,
    `${good}&nonce=a%00`,
    `${good}&nonce=a%C2%85`,
    `${good}&x%0a=1`,
    `${good}&request=`.concat('x'),
    good.replaceAll('&', ';'),
    '',
    '&&&',
    '=',
    'client_id',
  ];
  for (const query of rows) {
    const response = await front.authorizeRaw(query);
    t.strictSame([response.status, response.headers.get('location')], [400, null], query.slice(-60));
  }
  const encoded = good.replace('client_id=', 'client%5Fid=');
  const location = new URL((await front.authorizeRaw(encoded)).headers.get('location') ?? '');
  t.equal(location.searchParams.get('client_id'), CLIENT_ID, 'an encoded name is that name');
});

t.test('what is sent on is encoded anew', async (t) => {
  const state = `"'<>&=#?/\\%+ é 漢 \u2028`;
  const location = (await front.authorize({ state })).headers.get('location') ?? '';
  t.match(location, /^[\x21-\x7e]+$/);
  t.equal(new URL(location).searchParams.get('state'), state);
  t.equal(new URL(location).hash, '');
});

t.test('bodies of other forms', async (t) => {
  const good = formOf(CODE_EXCHANGE);
  const post = (path: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>) =>
    fetch(front.url + path, { method: 'POST', body, headers });
  const form = 'application/x-www-form-urlencoded';
  const types = [
    'application/json',
    'text/plain',
    'multipart/form-data; boundary=x',
    `${form}; charset=utf-16`,
    `x${form}`,
    `${form}, text/plain`,
  ];
  for (const type of types) {
    const response = await post('/oauth/token', good, { 'content-type': type });
    t.equal(response.status, 400, type);
    t.equal(((await response.json()) as { error: string }).error, 'invalid_request');
  }
  for (const encoding of ['gzip', 'br', 'identity, gzip']) {
    const headers = { 'content-type': form, 'content-encoding': encoding };
    t.equal((await post('/oauth/token', good, headers)).status, 400, encoding);
  }
  t.equal(
    (await post('/oauth/token', new Uint8Array([0x61, 0x3d, 0xff]), { 'content-type': form })).status,
    400,
  );
  t.equal(
    (await post('/oauth/token', `\ufeff${good}`, { 'content-type': form })).status,
    400,
    'a byte order mark',
  );
  t.equal((await post('/oauth/register', '{"redirect_uris":[]}', { 'content-type': form })).status, 400);
  t.strictSame(provider.tokenCalls(), []);
  for (const type of [`${form};charset=UTF-8`, `${form}; charset="utf-8"`, form.toUpperCase()]) {
    t.equal((await post('/oauth/token', good, { 'content-type': type })).status, 200, type);
  }
});

t.test('bodies are bounded, whether they state their length or not', async (t) => {
  const before = provider.tokenCalls().length;
  const body = formOf({ ...CODE_EXCHANGE, code: 'x'.repeat(17_000) });
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const stated = await fetch(`${front.url}/oauth/token`, { method: 'POST', body, headers });
  t.equal(stated.status, 413);
  const chunk = `2000\r\n${'x'.repeat(8192)}\r\n`;
  const chunked = await exchange(
    `POST /oauth/token HTTP/1.1\r\nHost: gw.example\r\nContent-Type: ${headers['content-type']}\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(3)}`,
  );
  t.match(chunked, /^HTTP\/1\.1 413 [\s\S]*"code":"body_too_large"/);
  t.equal(provider.tokenCalls().length, before);
});

t.test('a client that breaks off costs nothing, and its request ends', async (t) => {
  const { port } = new URL(front.url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(
    'POST /oauth/token HTTP/1.1\r\nHost: gw.example\r\nExpect: 100-continue\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\n',
  );
  const [received] = (await once(socket, 'data')) as [Buffer];
  t.match(String(received), /^HTTP\/1\.1 100 /, 'its body is being read');
  socket.destroy();
  await front.gateway.waitForLine(({ reason }) => /HPE_INVALID_EOF_STATE/.test(String(reason)));
});

t.test('a client that sends its body too slowly is refused', async (t) => {
  const slow = await startFront(t, { listen: { limits: { bodyIdle: '200ms' } } });
  const received = await exchange(
    'POST /oauth/token HTTP/1.1\r\nHost: gw.example\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant_type',
    new URL(slow.url).port,
  );
  t.match(received, /^HTTP\/1\.1 408 /);
});

t.test('a client may wait for 100 Continue', async (t) => {
  const { port } = new URL(front.url);
  const body = formOf(CODE_EXCHANGE);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(
    `POST /oauth/token HTTP/1.1\r\nHost: gw.example\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  let received = '';
  for await (const chunk of socket) {
    received += String(chunk);
    if (received === 'HTTP/1.1 100 Continue\r\n\r\n') socket.write(body);
  }
  t.match(received, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
});

t.test('WebSocket handshakes are refused, other spellings of the paths are left to the routes', async (t) => {
  const received = await exchange(
    'GET /oauth/authorize HTTP/1.1\r\nHost: gw.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  t.match(received, /^HTTP\/1\.1 400 /);
  for (const path of [
    '/oauth/token/',
    '/OAuth/token',
    '/oauth/%74oken',
    '/oauth/tokens',
    '/oauth',
    '/oauth/',
  ]) {
    const response = await fetch(front.url + path, { method: 'POST' });
    t.equal(response.status, 404, path);
  }
  t.equal((await fetch(`${front.url}/oauth//token`, { method: 'POST' })).status, 400);
});
