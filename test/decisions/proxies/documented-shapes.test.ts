import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { bearer, valuesOf } from './asking-harness.ts';
import { arrived, fileOfObjects, get, type Modeled, startModeled } from './models/modeled-proxies.ts';
import type { TraefikFile } from './models/traefik-model.ts';

const { modeled: MODELED } = await startModeled(t);

for (const { name, pass } of MODELED) {
  t.test(`${name}: refusals reach the client`, async (t) => {
    const nobody = await pass(get('/orders'));
    t.match(nobody, { status: 401, forwarded: undefined });
    t.match(nobody.toClient['www-authenticate'], ['Bearer realm="sealgate", scope="orders:read"']);
    const post = { ...get('/orders', [bearer(), 'Content-Length: 4']), method: 'POST' };
    const scope = await pass(post);
    t.match(scope, { status: 403, forwarded: undefined });
    t.match(scope.toClient['www-authenticate']?.[0], /insufficient_scope/);
    t.strictSame(scope.toClient['cache-control'], ['no-store']);
    const limited = bearer({ sub: name });
    t.equal((await pass(get('/limited', [limited]))).status, 200);
    const again = await pass(get('/limited', [limited]));
    t.equal(again.status, 429);
    t.match(again.toClient['retry-after']?.[0], /^\d+$/);
    t.equal((await pass(get('/public/../orders', [bearer()]))).status, 400);
    t.equal((await pass(get('/none'))).status, 404);
  });

  t.test(`${name}: identity arrives once, the token does not`, async (t) => {
    const own = bearer({ email: 'ada@example.com' });
    const got = arrived((await pass(get('/orders/7?a=b', [own]))).forwarded);
    t.strictSame(valuesOf(got, 'x-user-id'), ['ada']);
    t.strictSame(valuesOf(got, 'x-user-email'), ['ada@example.com']);
    t.strictSame(valuesOf(got, 'authorization'), []);
    t.equal(valuesOf(got, 'x-request-id').length, 1);
    const forwarding = arrived((await pass(get('/forwarding', [own]))).forwarded);
    t.strictSame(valuesOf(forwarding, 'authorization'), [own.slice('Authorization: '.length)]);
  });

  t.test(`${name}: nothing that could pass for identity arrives`, (t) => checkSpoofed(t, pass));

  t.test(`${name}: WebSockets`, async (t) => {
    const handshake = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ];
    const opened = arrived((await pass(get('/chat', [bearer(), ...handshake]))).forwarded);
    t.strictSame(valuesOf(opened, 'upgrade'), ['websocket']);
    t.strictSame(valuesOf(opened, 'x-user-id'), ['ada']);
    for (const more of [
      ['Connection: Upgrade, X-User-Id', ...handshake.slice(1)],
      [...handshake, 'Upgrade: h2c'],
    ]) {
      const { status, forwarded } = await pass(get('/chat', [bearer(), ...more]));
      t.ok(status === 200 || status >= 400, `${more}`);
      if (forwarded === undefined) continue;
      t.strictSame(valuesOf(arrived(forwarded), 'x-user-id'), ['ada'], `${more}`);
      t.strictSame(valuesOf(arrived(forwarded), 'upgrade'), ['websocket'], `${more}`);
      // Istio has no place to refuse or to write it.
      if (!name.startsWith('Istio'))
        t.match(valuesOf(arrived(forwarded), 'connection').join(), /^upgrade$/i, `${more}`);
    }
    t.match(await pass(get('/orders', [bearer(), ...handshake])), { status: 400, forwarded: undefined });
    t.match(await pass(get('/chat', handshake)), { status: 401, forwarded: undefined });
  });
}

async function checkSpoofed(t: Test, pass: Modeled['pass']): Promise<void> {
  const lines = [
    ...[
      'X-User-Id: evil',
      'x-user-email: evil',
      'X_User_Id: evil',
      'X-User_Email: evil',
      'X.User.Id: evil',
      'x~user~email: evil',
    ],
    ...[
      'X-Original-URL: /evil',
      'x_original_url: /evil',
      'X-HTTP-Method-Override: evil',
      'X-Forwarded-Method: evil',
    ],
    ...['X-Forwarded-Uri: /evil', 'X-Sealgate-Assertion: evil', 'x_sealgate_anything: evil'],
  ];
  for (const line of lines) {
    for (const more of [[], ['Connection: close, X-User-Id'], [`Connection: ${line.split(':')[0]}`]]) {
      const { status, forwarded } = await pass(get('/orders', [bearer(), line, ...more]));
      t.ok(status === 200 || status === 400, `${line}: ${status}`);
      if (forwarded === undefined) continue;
      t.strictSame(valuesOf(arrived(forwarded), 'x-user-id'), ['ada'], `${line} ${more}`);
      t.strictSame(valuesOf(arrived(forwarded), 'x-user-email'), [], `${line} ${more}`);
      t.notMatch(forwarded.join('\n'), /evil/, `${line} ${more}`);
    }
  }
  t.equal((await pass(get('/orders', [bearer(), 'X-User-Id: evil', 'X-User-Id: evil']))).status, 200);

  t.comment('what clients and frameworks do send is dropped, and costs nothing');
  for (const name of [
    'X-HTTP-Method-Override',
    'X-HTTP-Method',
    'X-Method-Override',
    'X-Original-URL',
    'X-Original-URI',
    'X-Original-Method',
    'X-Rewrite-URL',
    'X-Forwarded-Uri',
    'X-Forwarded-Method',
  ]) {
    const { status, forwarded } = await pass(get('/orders', [bearer(), `${name}: evil`]));
    t.equal(status, 200, name);
    t.strictSame(valuesOf(arrived(forwarded), name.toLowerCase()), [], name);
  }
}

t.test('Envoy and Istio: two tokens are two, and a client appends nothing to its address', async (t) => {
  for (const { pass } of MODELED.slice(2)) {
    t.equal((await pass(get('/orders', [bearer(), bearer({ sub: 'eve' })]))).status, 400);
    const got = arrived((await pass(get('/orders', [bearer(), 'X-Forwarded-For: 203.0.113.9']))).forwarded);
    t.match(valuesOf(got, 'x-forwarded-for').join(), /192\.0\.2\.1$/);
  }
});

t.test('Traefik: every router asks, and the address of the gateway is one way of asking', async (t) => {
  for (const { http } of [
    parse(readFileSync('config/examples/decisions/traefik/dynamic.yaml', 'utf8')) as TraefikFile,
    fileOfObjects(),
  ]) {
    for (const { middlewares } of Object.values(http.routers)) t.equal(middlewares.at(-1), 'sealgate');
    t.match(http.middlewares.sealgate?.forwardAuth?.address, /:8081\/forward-auth$/);
  }
});
