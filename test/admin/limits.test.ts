import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { createAdmin } from '../../src/admin/app.ts';
import { adminSources } from '../support/admin/admin-sources.ts';

// They wait more than they work.
t.jobs = 4;

async function startAdmin(t: Test, metrics = async () => '# nothing\n') {
  const app = createAdmin(adminSources({ metrics }));
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => app.close());
  const { port } = app.server.address() as { port: number };
  const open = async (): Promise<{ socket: Socket; gone: Promise<unknown> }> => {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    t.teardown(() => socket.destroy());
    const gone = new Promise((resolve) => socket.once('close', resolve));
    await once(socket, 'connect');
    return { socket, gone };
  };
  const live = async () =>
    (await fetch(`http://127.0.0.1:${port}/live`, { headers: { connection: 'close' } })).status;
  return { open, live };
}

t.test('idle connections keep nobody out, and are closed', async (t) => {
  const { open, live } = await startAdmin(t);
  const silent = await Promise.all(Array.from({ length: 250 }, open));
  for (let n = 0; n < 10; n += 1) t.equal(await live(), 200);
  for (const { socket } of silent) socket.resume();
  await Promise.all(silent.map(({ gone }) => gone));
});

t.test('connections with requests under way keep nobody out either', async (t) => {
  const { open, live } = await startAdmin(t, () => new Promise(() => {}));
  const busy = await Promise.all(Array.from({ length: 150 }, open));
  for (const { socket } of busy) socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
  for (let n = 0; n < 10; n += 1) t.equal(await live(), 200);
  t.ok(busy.filter(({ socket }) => !socket.destroyed).length <= 100);
});

for (const [name, first, rest] of [
  ['head', 'GET /live HTTP/1.1\r\n', 'X: y\r\n'],
  ['body', 'POST /keys/refresh HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n', 'x'],
] as const) {
  t.test(`a ${name} that never ends is cut off, however it drips`, async (t) => {
    const { open, live } = await startAdmin(t);
    const { socket, gone } = await open();
    socket.resume();
    socket.write(first);
    const drip = setInterval(() => socket.write(rest), 100);
    await gone;
    clearInterval(drip);
    t.equal(await live(), 200);
  });
}
