import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { ClientConnection, connectionOf } from '../../../src/gateway/server/client-connection.ts';

const MIB = 1024 * 1024;

interface Pair {
  readonly client: Socket;
  readonly connection: ClientConnection;
  /** Checks the deadlines at this time; returns whether the connection is still open. */
  lookAt(nowMs: number, isDraining?: boolean): boolean;
  readonly stalls: () => number;
}

/** A connection as the gateway accepts it, on which nothing reads yet. */
async function accept(t: Test): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    allowHalfOpen: true,
  });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [Socket];
  const connection = new ClientConnection(socket);
  t.teardown(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  let stalls = 0;
  return {
    client,
    connection,
    lookAt(nowMs, isDraining = false) {
      if (!connection.tick(nowMs, { idleMs: 1_000, isDraining })) {
        stalls += 1;
        connection.reset();
      }
      return !socket.destroyed;
    },
    stalls: () => stalls,
  };
}

t.test('a connection is reset once its client took nothing of what waits for the whole time', async (t) => {
  const { client, connection, lookAt, stalls } = await accept(t);
  client.pause();
  connection.socket.write(Buffer.alloc(64 * MIB));
  t.equal(lookAt(1), true);
  t.equal(lookAt(1_000), true);
  t.equal(stalls(), 0);
  t.equal(lookAt(1_001), false);
  t.equal(stalls(), 1);
  client.resume();
  const [error] = await once(client, 'error').catch((reason) => [reason]);
  t.equal(error.code, 'ECONNRESET', 'what it has cannot pass for everything');
});

t.test('a client that takes little by little has the whole time again each time', async (t) => {
  const { client, connection, lookAt, stalls } = await accept(t);
  let taken = 0;
  client.on('data', (chunk: Buffer) => {
    taken += chunk.length;
    if (taken % (8 * MIB) < chunk.length) client.pause();
  });
  connection.socket.write(Buffer.alloc(64 * MIB));
  for (let nowMs = 1; connection.waits; nowMs += 900) {
    t.equal(lookAt(nowMs), true);
    client.resume();
    await once(client, 'pause');
  }
  t.equal(stalls(), 0);
});

t.test('the time of a client counts from the look that first saw bytes wait', async (t) => {
  const { client, connection, lookAt } = await accept(t);
  client.pause();
  t.equal(lookAt(1), true);
  t.equal(lookAt(100_000), true);
  connection.socket.write(Buffer.alloc(64 * MIB));
  t.equal(lookAt(200_000), true);
  t.equal(lookAt(200_999), true);
  t.equal(lookAt(201_000), false);
});

t.test('what was ended is closed with its client, or after 5 s of silence', async (t) => {
  const { client, connection, lookAt } = await accept(t);
  connection.socket.write('bye');
  connection.linger();
  t.equal(String((await once(client, 'data'))[0]), 'bye');
  await once(client, 'end');
  t.equal(lookAt(1), true);
  t.equal(lookAt(5_000), true);
  t.equal(lookAt(5_001), false);

  const other = await accept(t);
  other.connection.linger();
  other.client.end();
  await once(other.connection.socket, 'close');
});

t.test(
  'who goes on sending after the end is closed after 30 s, and after 1 s while the gateway ends',
  async (t) => {
    for (const [isDraining, limitMs] of [
      [false, 30_000],
      [true, 1_000],
    ] as const) {
      const { client, connection, lookAt } = await accept(t);
      connection.linger();
      t.equal(lookAt(1, isDraining), true);
      for (let nowMs = 1; nowMs < limitMs; nowMs += 900) {
        const before = connection.socket.bytesRead;
        client.write('more');
        while (connection.socket.bytesRead === before) await new Promise(setImmediate);
        t.equal(lookAt(nowMs, isDraining), true);
      }
      client.write('more');
      t.equal(lookAt(limitMs + 1, isDraining), false);
    }
  },
);

t.test('who takes slowly what it was sent has no less time because the connection is ended', async (t) => {
  const { client, connection, lookAt } = await accept(t);
  client.pause();
  connection.socket.write(Buffer.alloc(64 * MIB));
  connection.linger();
  t.equal(lookAt(1), true);
  t.equal(lookAt(900), true);
  client.resume();
  await once(client, 'end');
  t.equal(lookAt(40_000), true, 'the time for closing begins when everything is out');
  t.equal(lookAt(44_000), true);
  t.equal(lookAt(45_000), false);
});

t.test('an error of a connection ends that connection and nothing else', async (t) => {
  const { connection } = await accept(t);
  connection.socket.destroy(new Error('broken'));
  await new Promise((closed) => connection.socket.once('close', closed));
  t.equal(connectionOf(connection.socket), connection);
  t.throws(() => connectionOf(connect({ port: 1 }).on('error', () => {})), /without an owner/);
});
