import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import t, { type Test } from 'tap';
import { compileIssuers } from '../../src/tokens/compile-issuers.ts';
import { inspectIssuer } from '../../src/tokens/inspect-issuer.ts';
import { makeCertificates } from '../support/certificates.ts';
import { createKeyServer } from '../support/key-server.ts';
import { signingKey } from '../support/mint.ts';
import { fileWithIssuers } from '../support/verifier.ts';

const key = signingKey('ES256');
const certificates = makeCertificates();
const NONE = { folder: '', ca: '', key: '', cert: '' };
const skip = certificates === undefined ? 'openssl is not installed' : false;

async function secureServer(t: Test, { key: privateKey, cert } = certificates ?? NONE): Promise<number> {
  const server = createServer({ key: privateKey, cert }, (_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ keys: [key.jwk] }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function inspect(
  jwksUri: string,
  keys: Record<string, unknown> = {},
  env: Record<string, string> = {},
  { folder } = certificates ?? NONE,
) {
  const file = fileWithIssuers({ corp: { issuer: 'https://corp.example', audiences: ['a'], jwksUri, keys } });
  const { issuers, problems } = compileIssuers(file, {
    resolvePath: (path) => `${folder}/${path}`,
  });
  const [issuer] = issuers;
  if (issuer === undefined) throw new Error(JSON.stringify(problems));
  const { findings, keys: found } = await inspectIssuer(issuer, { env });
  return { usable: found.length, error: findings[0]?.message ?? '' };
}

t.test('certificates of an own authority hold with keys.ca, and never without', { skip }, async (t) => {
  const port = await secureServer(t);
  t.equal((await inspect(`https://localhost:${port}/`, { ca: 'ca.pem' })).usable, 1);
  t.match((await inspect(`https://localhost:${port}/`)).error, /UNABLE_TO_VERIFY|self-signed|unable to/i);
});

t.test('a certificate for another name is refused', { skip }, async (t) => {
  const other = makeCertificates('DNS:other.example');
  const port = await secureServer(t, other);
  const { usable, error } = await inspect(`https://localhost:${port}/`, { ca: 'ca.pem' }, {}, other);
  t.equal(usable, 0);
  t.match(error, /other\.example/);
});

t.test('NODE_TLS_REJECT_UNAUTHORIZED=0 changes nothing', { skip }, async (t) => {
  const port = await secureServer(t);
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  t.teardown(() => {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
  });
  t.equal((await inspect(`https://localhost:${port}/`)).usable, 0);
});

/** A forward proxy that sends every tunnel to one port, and remembers where it was meant to go. */
async function proxyTo(t: Test, port: number) {
  const asked: string[] = [];
  const proxy = createHttpServer((_, response) => response.writeHead(500).end());
  proxy.on('connect', (request, socket) => {
    asked.push(request.url ?? '');
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [onward, socket]) end.on('error', () => {});
  });
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
  t.teardown(() => proxy.close());
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, asked };
}

t.test(
  'HTTPS_PROXY is used for issuers elsewhere, and TLS goes through it to the issuer',
  { skip },
  async (t) => {
    const proxy = await proxyTo(t, await secureServer(t));
    const env = { HTTPS_PROXY: proxy.url };
    const outcome = await inspect('https://keys.example/', { ca: 'ca.pem' }, env);
    t.same(proxy.asked, ['keys.example:443']);
    t.match(outcome.error, /keys\.example|altnames/i, 'and the certificate has to be for that name');
    t.equal(outcome.usable, 0);
  },
);

t.test('NO_PROXY and loopback go past the proxy', { skip }, async (t) => {
  const port = await secureServer(t);
  const proxy = await proxyTo(t, port);
  const env = { HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url, NO_PROXY: '127.0.0.2' };
  t.equal((await inspect(`https://localhost:${port}/`, { ca: 'ca.pem' }, env)).usable, 1);
  const plain = await createKeyServer();
  t.teardown(() => plain.close());
  plain.publish(key);
  t.equal((await inspect(plain.jwksUri, {}, env)).usable, 1);
  t.match((await inspect(`https://127.0.0.2:${port}/`, {}, env)).error, /ECONNREFUSED/);
  t.same(proxy.asked, []);
});

t.test(
  'NO_PROXY takes names with all below them, addresses, ports, and * for everything',
  { skip },
  async (t) => {
    const port = await secureServer(t);
    const proxy = await proxyTo(t, port);
    for (const [excluded, isAsked] of [
      ['*', false],
      [' * ', false],
      ['127.0.0.2', false],
      [`127.0.0.2:${port}`, false],
      ['127.0.0.3, 127.0.0.2', false],
      ['127.0.0.2:1', true],
      ['127.0.0.3', true],
      ['127.0.0.0/8', true],
      ['', true],
    ] as const) {
      proxy.asked.length = 0;
      await inspect(`https://127.0.0.2:${port}/`, {}, { HTTPS_PROXY: proxy.url, NO_PROXY: excluded });
      t.equal(proxy.asked.length > 0, isAsked, `NO_PROXY=${excluded}`);
    }
    proxy.asked.length = 0;
    for (const excluded of ['invalid', '.invalid', 'idp.invalid']) {
      await inspect('https://idp.invalid/', {}, { HTTPS_PROXY: proxy.url, NO_PROXY: excluded });
      t.same(proxy.asked, [], excluded);
    }
    await inspect('https://idp.invalid/', {}, { HTTPS_PROXY: proxy.url, NO_PROXY: 'p.invalid' });
    t.not(proxy.asked.length, 0, 'but not names that only end alike');
  },
);

t.test('a proxy that is no URL is named', async (t) => {
  t.match((await inspect('https://keys.example/', {}, { HTTPS_PROXY: 'nonsense' })).error, /HTTPS_PROXY/);
});
