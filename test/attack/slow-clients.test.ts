import t from 'tap';
import { startEdge } from '../support/edge.ts';
import { connectRaw, exchangeRaw, rawRequest } from '../support/raw.ts';

// They wait more than they work.
t.jobs = 5;

const FAST = { limits: { headerTimeout: '1s', bodyIdle: '500ms' } };

t.test('O9: a head that takes too long gets 408 and is closed, however it dawdles', async (t) => {
  const edge = await startEdge(t, { listen: FAST });
  const dawdlers = [
    'GET /public HTTP/1.1\r\n',
    'GET /public',
    rawRequest('GET /public HTTP/1.1').slice(0, -2),
  ].map(async (start) => {
    const connection = await connectRaw(edge.port);
    connection.send(start);
    const drip = setInterval(() => connection.socket.writable && connection.send('X'), 100);
    const response = await connection.read();
    clearInterval(drip);
    return { response, closed: await connection.closed() };
  });
  for (const { response, closed } of await Promise.all(dawdlers)) {
    t.equal(response?.code, 'request_timeout');
    t.equal(response?.status, 408);
    t.equal(closed, true);
  }
  t.equal(edge.upstream.bytes(), 0);
});

t.test('O9: a body that stops gets 408 and its request is taken back from the backend', async (t) => {
  const edge = await startEdge(t, { listen: FAST });
  for (const bytes of [
    rawRequest('POST /public HTTP/1.1', ['Content-Length: 1000000'], 'some'),
    rawRequest('POST /public HTTP/1.1', ['Transfer-Encoding: chunked'], '4\r\nsome\r\n'),
    rawRequest('POST /public HTTP/1.1', ['Transfer-Encoding: chunked'], '4'),
  ]) {
    const { response, closed } = await exchangeRaw(edge.port, bytes);
    t.equal(response?.code, 'request_timeout');
    t.equal(closed, true);
    t.equal(edge.upstream.requests.length, 0);
  }
});

t.test('O9: a refused body is not waited for much longer than any other', async (t) => {
  const edge = await startEdge(t, { listen: FAST });
  const connection = await connectRaw(edge.port);
  connection.send(rawRequest('POST /protected HTTP/1.1', ['Content-Length: 1000'], 'some'));
  t.equal((await connection.read())?.code, 'token_missing');
  t.equal(await connection.closed(7000), true);
  t.equal(edge.upstream.bytes(), 0);
});

t.test('O9: a body that keeps coming may take as long as it likes', async (t) => {
  const edge = await startEdge(t, { listen: FAST });
  const connection = await connectRaw(edge.port);
  connection.send(rawRequest('POST /public HTTP/1.1', ['Content-Length: 16']));
  await connection.sendSlowly(
    Array.from({ length: 16 }, () => 'x'),
    120,
  );
  t.equal((await connection.read())?.status, 200, 'after some two seconds, four times the idle limit');
  t.equal(edge.upstream.requests[0]?.body.length, 16);
  connection.destroy();
});
