import t from 'tap';
import { startCountingUpstream } from '../../support/backends/counting-upstream.ts';
import { connectRaw, exchangeRaw, rawRequest } from '../../support/clients/raw.ts';
import { startHarness } from '../../support/gateway/gateway-harness.ts';

t.test('every response has the headers of the file, from the backend or the gateway', async (t) => {
  const upstream = await startCountingUpstream((_, res) => {
    res.writeHead(200, { 'x-content-type-options': 'own', 'content-length': 0 });
    res.end();
  });
  const harness = await startHarness(t, {
    upstream,
    listen: {
      responseHeaders: {
        'X-Content-Type-Options': 'nosniff',
        'content-security-policy': "default-src 'none'",
      },
    },
  });
  for (const bytes of [
    rawRequest('GET /public HTTP/1.1'),
    rawRequest('GET /protected HTTP/1.1'),
    rawRequest('GET /nowhere HTTP/1.1'),
    rawRequest('GET /public HTTP/1.1', ['Transfer-Encoding : chunked']),
  ]) {
    const { response } = await exchangeRaw(harness.port, bytes);
    t.strictSame(response?.headers['x-content-type-options'], ['nosniff'], String(response?.status));
    t.strictSame(response?.headers['content-security-policy'], ["default-src 'none'"]);
  }
});

t.test(
  'headers that the gateway states itself, or that no header can be, are errors of the file',
  async (t) => {
    for (const responseHeaders of [
      { 'content-length': '5' },
      { Connection: 'close' },
      { 'Proxy-Connection': 'close' },
      { 'http2-settings': 'x' },
      { etag: 'a', ETag: 'b' },
      { 'Access-Control-Allow-Origin': '*' },
      { 'set-cookie': 'a=b' },
      { 'x-test': 'a\r\nb: c' },
      { 'x-test': '' },
      { 'x test': 'a' },
    ]) {
      await t.rejects(startHarness(t, { listen: { responseHeaders } }), JSON.stringify(responseHeaders));
    }
  },
);

t.test('a connection closes after as many requests as it may carry', async (t) => {
  const harness = await startHarness(t, { listen: { limits: { requests: 3 } } });
  const connection = await connectRaw(harness.port);
  for (const expected of ['keep-alive', 'keep-alive', 'close']) {
    connection.send(rawRequest('GET /public HTTP/1.1'));
    t.strictSame((await connection.read())?.headers.connection, [expected]);
  }
  t.equal(await connection.closed(), true);
});
