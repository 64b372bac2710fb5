import t from 'tap';
import { startCountingUpstream } from '../support/backends/counting-upstream.ts';
import { connectRaw, exchangeRaw, type RawConnection, rawRequest } from '../support/clients/raw.ts';
import { startHarness } from '../support/gateway/gateway-harness.ts';

const get = (path: string) => rawRequest(`GET ${path} HTTP/1.1`);

t.test('readers that do not read hold no more than a few buffers, and others are served', async (t) => {
  const piece = Buffer.alloc(1024 * 1024, 'x');
  let written = 0;
  const upstream = await startCountingUpstream((req, res) => {
    if (req.url !== '/public/big') {
      res.end('ok');
      return;
    }
    let left = 200;
    const write = () => {
      while (left > 0 && !res.destroyed) {
        left -= 1;
        written += piece.length;
        if (!res.write(piece)) {
          res.once('drain', write);
          return;
        }
      }
      res.end();
    };
    write();
  });
  const harness = await startHarness(t, { upstream });
  const readers: RawConnection[] = [];
  for (let i = 0; i < 10; i++) {
    const reader = await connectRaw(harness.port);
    reader.socket.pause();
    reader.send(get('/public/big'));
    readers.push(reader);
  }
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 50; i++) {
    t.equal((await exchangeRaw(harness.port, get('/public'))).response?.status, 200);
  }
  const grown = (process.memoryUsage().rss - before) / 1024 ** 2;
  t.ok(
    written < 150 * 1024 ** 2,
    `${Math.round(written / 1024 ** 2)} of 2,000 MiB were taken from the backend`,
  );
  t.ok(grown < 100, `RSS grew by ${grown.toFixed()} MiB`);
  for (const reader of readers) reader.destroy();
});

t.test('1,000 idle sockets leave others served, and cost little', async (t) => {
  const harness = await startHarness(t);
  await exchangeRaw(harness.port, get('/public'));
  const before = process.memoryUsage().rss;
  const idle: RawConnection[] = [];
  for (let i = 0; i < 1000; i += 50) {
    idle.push(...(await Promise.all(Array.from({ length: 50 }, () => connectRaw(harness.port)))));
  }
  t.equal((await exchangeRaw(harness.port, get('/public'))).response?.status, 200);
  const perSocket = (process.memoryUsage().rss - before) / idle.length / 1024;
  t.ok(perSocket < 64, `${perSocket.toFixed(1)} KiB for both ends of one`);
  for (const connection of idle) connection.destroy();
});

t.test('connections beyond the limit are closed at once, and the open ones are served', async (t) => {
  const harness = await startHarness(t, { listen: { limits: { connections: 5 } } });
  const five: RawConnection[] = [];
  for (let i = 0; i < 5; i++) {
    const connection = await connectRaw(harness.port);
    connection.send(get('/public'));
    t.equal((await connection.read())?.status, 200);
    five.push(connection);
  }
  const sixth = await connectRaw(harness.port).catch(() => undefined);
  t.equal(sixth === undefined || (await sixth.closed(2000)), true);
  five[0]?.send(get('/public'));
  t.equal((await five[0]?.read())?.status, 200);
  for (const connection of five) connection.destroy();
});
