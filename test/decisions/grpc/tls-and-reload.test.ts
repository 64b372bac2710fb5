import { once } from 'node:events';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { connect as connectH2 } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import {
  connectFrames,
  type FrameClient,
  frame,
  literal,
  resetFrame,
  TYPE,
} from '../../support/clients/http2-client.ts';
import { codeOf, connectCheckClient, encodeCheck } from '../../support/decisions/check-client.ts';
import { startChecks } from '../../support/decisions/start-checks.ts';
import { type Certificate, hasOpenssl, makeAuthority } from '../../support/tls/certificates.ts';

const skip = hasOpenssl() ? false : 'openssl is not installed';
const authority = skip ? undefined : makeAuthority('test-ca');
const stranger = skip ? undefined : makeAuthority('stranger-ca');
const own = authority?.issue('localhost');
const CA = Buffer.from(authority?.cert ?? '');
const CHECK = '/envoy.service.auth.v3.Authorization/Check';
const ROUTES = [{ name: 'all', path: '/', upstream: 'none', access: 'public' }];

function startTls(t: Test, tls: Readonly<Record<string, unknown>> = {}) {
  return startChecks(t, {
    routes: ROUTES,
    reloads: true,
    decisions: { tls: { cert: 'tls.crt', key: 'tls.key', ...tls } },
    files: { 'tls.crt': own?.cert ?? '', 'tls.key': own?.key ?? '', 'ca.pem': authority?.cert ?? '' },
  });
}

/** Asks once over a connection of its own. */
async function askOver(grpcUrl: string, shown?: Certificate): Promise<string> {
  const channel =
    shown === undefined
      ? credentials.createSsl(CA)
      : credentials.createSsl(CA, Buffer.from(shown.key), Buffer.from(shown.cert));
  const client = connectCheckClient(grpcUrl, channel);
  const result = await client.check({}, { deadline: Date.now() + 5_000 });
  client.close();
  return codeOf(result);
}

/** Serial number of the certificate, or undefined where the connection fails. */
function handshake(grpcUrl: string, options: ConnectionOptions = {}): Promise<string | undefined> {
  return new Promise((resolve) => {
    const { port } = new URL(grpcUrl);
    const socket = connect({
      port: Number(port),
      ca: CA,
      servername: 'localhost',
      ALPNProtocols: ['h2'],
      ...options,
    });
    socket.once('secureConnect', () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.destroy();
    });
    socket.once('error', () => resolve(undefined));
  });
}

t.test('TLS with client certificates as on the main listener', { skip }, async (t) => {
  const plain = await startTls(t);
  t.equal(await askOver(plain.grpcUrl), 'allow');
  t.match(plain.grpcUrl, /^https:/);
  t.equal(
    codeOf(await plain.client.check({}, { deadline: Date.now() + 1_000 })).slice(0, 6),
    'failed',
    'without TLS',
  );

  const required = await startTls(t, { clientCa: 'ca.pem' });
  const optional = await startTls(t, { clientCa: 'ca.pem', clientCert: 'optional' });
  const cases = [
    ['none', undefined, 'failed 14', 'allow'],
    ['a good one', authority?.issue('envoy'), 'allow', 'allow'],
    ['one of a stranger', stranger?.issue('envoy'), 'failed 14', 'failed 14'],
    ['an expired one', authority?.issue('envoy', -1), 'failed 14', 'failed 14'],
  ] as const;
  for (const [name, shown, whenRequired, whenOptional] of cases) {
    t.equal(await askOver(required.grpcUrl, shown), whenRequired, `${name}, required`);
    t.equal(await askOver(optional.grpcUrl, shown), whenOptional, `${name}, optional`);
  }
});

t.test('a client that does not agree on HTTP/2 has nothing to speak', { skip }, async (t) => {
  const { grpcUrl } = await startTls(t);
  t.ok(await handshake(grpcUrl));
  t.notOk(await handshake(grpcUrl, { ALPNProtocols: ['http/1.1'] }));
  const { port } = new URL(grpcUrl);
  const socket = connect({ port: Number(port), ca: CA, servername: 'localhost' });
  await new Promise((resolve) => socket.once('close', resolve));
  t.pass('closed');
});

t.test('a reload brings rules and certificates to the port as it is', { skip }, async (t) => {
  const harness = await startTls(t);
  const standing = connectH2(harness.grpcUrl, { ca: CA, servername: 'localhost' });
  t.teardown(() => standing.destroy());
  await new Promise((resolve) => standing.once('connect', resolve));
  const client = connectCheckClient(harness.grpcUrl, credentials.createSsl(CA));
  t.teardown(() => client.close());
  t.equal(codeOf(await client.check({ path: '/a' })), 'allow');
  const before = await handshake(harness.grpcUrl);

  const renewed = authority?.issue('localhost');
  const put = (name: string, text: string): void => {
    writeFileSync(join(harness.folder, 'new'), text);
    renameSync(join(harness.folder, 'new'), join(harness.folder, name));
  };
  put('tls.crt', renewed?.cert ?? '');
  put('tls.key', renewed?.key ?? '');
  await harness.reload();
  const after = await handshake(harness.grpcUrl);
  t.ok(after);
  t.not(after, before, 'the renewed certificate, for new connections');
  t.equal(standing.destroyed, false, 'open ones are not disturbed');
  t.equal(codeOf(await client.check({ path: '/a' })), 'allow');
});

t.test('a reload brings new rules and new names to drop', async (t) => {
  const harness = await startChecks(t, { routes: ROUTES, reloads: true });
  const { client, folder } = harness;
  t.equal(codeOf(await client.check()), 'allow');
  const text = readFileSync(join(folder, 'gateway.yaml'), 'utf8');
  writeFileSync(
    join(folder, 'gateway.yaml'),
    `${text.replace('access: public', 'access: authenticated')}identity: { reserved: [x-brand-new] }\n`,
  );
  t.equal(await harness.reload(), 'applied');
  t.equal(codeOf(await client.check()), 'token_missing', 'over the same connection');
  const token = await harness.issuer.token();
  const allowed = await client.check({ headers: { authorization: `Bearer ${token}`, 'x_brand.new': 'x' } });
  const removed = allowed.response.ok_response?.headers_to_remove ?? [];
  for (const name of ['x-brand-new', 'x_brand_new', 'x_brand.new']) t.ok(removed.includes(name), name);
});

/** Begins a call. */
function begin(client: FrameClient, stream: number, method: string): void {
  const fields = [':method', 'POST', ':scheme', 'https', ':authority', 'localhost', ':path', method];
  const body = literal([...fields, 'content-type', 'application/grpc']);
  client.send(frame({ type: TYPE.headers, flags: 4, stream, body }));
}

/** Sends a Check whole. */
function sendCheck(client: FrameClient, stream: number): void {
  begin(client, stream, CHECK);
  const message = encodeCheck({});
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  client.data(stream, Buffer.concat([prefix, message]), true);
}

t.test('a drain serves the Checks that were sent before their proxy heard of it', { skip }, async (t) => {
  const harness = await startTls(t);
  const client = await connectFrames(Number(new URL(harness.grpcUrl).port));
  t.teardown(() => client.socket.destroy());
  const until = async (fits: () => boolean): Promise<void> => {
    while (!fits()) await once(client.socket, 'data');
  };
  const lastStreams = () =>
    client.frames.filter(({ type }) => type === TYPE.goaway).map(({ body }) => body.readUInt32BE());
  // One keeps the connection from being quiet; those who watch learn when the drain has begun.
  begin(client, 1, CHECK);
  begin(client, 3, '/grpc.health.v1.Health/Watch');
  client.data(3, Buffer.alloc(5), true);
  await until(() => client.bytesOf(3) > 0);

  const drained = harness.drain();
  await until(() => client.isWhole(3));
  t.strictSame(lastStreams(), [], 'the connection stays while it is busy');
  sendCheck(client, 5);
  await until(() => client.isWhole(5));
  client.send(resetFrame(1, 8));
  await until(() => lastStreams().length > 0);
  t.strictSame(lastStreams(), [5]);
  client.socket.end();
  t.equal(await drained, 'clean');
});

t.test('a drain closes quiet connections soon', { skip }, async (t) => {
  const harness = await startChecks(t, { routes: ROUTES, file: { shutdown: { grace: '30s' } } });
  await harness.client.check();
  const silent = connectSocket(Number(new URL(harness.grpcUrl).port), '127.0.0.1');
  await once(silent, 'connect');
  silent.on('error', () => undefined).resume();
  t.equal(await harness.drain(), 'clean');
  silent.destroy();
});

t.test('while a drain still accepts, health reports it and Checks are served', async (t) => {
  const harness = await startChecks(t, { routes: ROUTES, file: { shutdown: { delay: '3s', grace: '1s' } } });
  const { client } = harness;
  t.equal(await client.health(), 'SERVING');
  const drained = harness.drain();
  t.equal(await client.health(), 'NOT_SERVING');
  t.equal(codeOf(await client.check()), 'allow');
  t.equal(await drained, 'clean');
});
