import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import t, { type Test } from 'tap';
import { compileIssuers } from '../../../../src/tokens/issuers/compile-issuers.ts';
import { inspectIssuer } from '../../../../src/tokens/issuers/inspect-issuer.ts';
import { describeFetchFault } from '../../../../src/tokens/keys/fetch/fetch-faults.ts';
import { makeCertificates } from '../../../support/tls/certificates.ts';
import { createKeyServer } from '../../../support/tokens/key-server.ts';
import { signingKey } from '../../../support/tokens/mint.ts';
import { fileWithIssuers } from '../../../support/tokens/verifier.ts';

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
  return { usable: found.length, error: findings[0]?.message ?? '', hint: findings[0]?.hint ?? '' };
}

t.test('certificates of an own authority hold with keys.ca, and never without', { skip }, async (t) => {
  const port = await secureServer(t);
  t.equal((await inspect(`https://localhost:${port}/`, { ca: 'ca.pem' })).usable, 1);
  t.match(
    (await inspect(`https://localhost:${port}/`)).error,
    /authority of its certificate is not trusted \(UNABLE_TO_/,
  );
  t.match((await inspect(`https://localhost:${port}/`)).hint, /`keys\.ca`.*NODE_EXTRA_CA_CERTS/);
});

t.test('a failed fetch of keys is reported by cause, with what would help', { skip }, async (t) => {
  const replyWith = async (reply: string): Promise<number> => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {}).once('data', () => socket.end(reply));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    t.teardown(() => server.close());
    return (server.address() as AddressInfo).port;
  };
  const failing = async (uri: string, env?: Record<string, string>) => {
    const { usable, error, hint } = await inspect(uri, {}, env);
    t.equal(usable, 0, uri);
    return `${error} | ${hint}`;
  };
  const plain = await replyWith('HTTP/1.1 400 Bad Request\r\n\r\n');
  t.match(
    await failing(`https://localhost:${plain}/`),
    /does not speak TLS at this port \(E.*\| check the port/,
  );
  const odd = await replyWith('\x15\x03\x03\x00\x02\x02\x46');
  t.match(await failing(`http://127.0.0.1:${odd}/`), /is not HTTP\/1\.1 \| .*write https:/);
  const silent = await replyWith('');
  t.match(await failing(`http://127.0.0.1:${silent}/`), /was closed before.*\| .*set HTTPS_PROXY/);
  t.match(
    await failing('http://127.0.0.1:1/'),
    /\/: nothing listens at 127\.0\.0\.1:1 \(ECONNREFUSED\) \| check host and port; where HTTPS_PROXY/,
  );
  for (const [status, help] of [
    ['407', /user and password/],
    ['403', /NO_PROXY/],
  ] as const) {
    const proxy = await replyWith(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
    const reported = await failing('https://keys.example/', {
      HTTPS_PROXY: `http://u:s3cret@127.0.0.1:${proxy}`,
    });
    t.match(reported, new RegExp(`proxy of HTTPS_PROXY responded with ${status}`));
    t.match(reported, help);
    t.notMatch(reported, /s3cret/);
  }
});

t.test('an error of the network has words for its code, and one without keeps its own', async (t) => {
  const reported = (code: string, rest: object = {}) => {
    const { message, hint } = describeFetchFault(
      Object.assign(new Error('raw words of Node'), { code, ...rest }),
    );
    return `${message} | ${hint ?? ''}`;
  };
  for (const [code, words] of [
    ['ENOTFOUND', /^its name is not in DNS \(ENOTFOUND\) \| .*HTTPS_PROXY/],
    ['EAI_AGAIN', /could not be looked up .*DNS/],
    ['EHOSTUNREACH', /no route leads to its address/],
    ['UND_ERR_CONNECT_TIMEOUT', /no connection in time .*firewall/],
    ['ECONNRESET', /closed before/],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', /is self-signed .*keys\.ca/],
    ['SELF_SIGNED_CERT_IN_CHAIN', /not trusted .*NODE_EXTRA_CA_CERTS/],
    ['CERT_HAS_EXPIRED', /has expired .*renew/],
    ['CERT_NOT_YET_VALID', /not valid yet .*clock/],
    ['CERT_REVOKED', /is not valid \(/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /is for another name/],
    ['EPROTO', /handshake failed/],
    ['ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', /handshake failed/],
  ] as const) {
    t.match(reported(code), words, code);
    t.notMatch(reported(code), /raw words/, code);
  }
  t.match(reported('ENOTFOUND', { hostname: 'id.example' }), /^the name id\.example is not in DNS/);
  t.match(reported('ECONNREFUSED', { address: '::1', port: 443 }), /^nothing listens at \[::1\]:443/);
  t.equal(reported('constructor'), 'raw words of Node (constructor) | ');
  t.equal(
    describeFetchFault(new AggregateError([Object.assign(new Error('x'), { code: 'EPIPE' })])).message.slice(
      -7,
    ),
    '(EPIPE)',
  );
  t.same(describeFetchFault('text'), { message: 'failed', hint: undefined });
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
