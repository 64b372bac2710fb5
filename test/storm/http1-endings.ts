import { once } from 'node:events';
import type { Socket } from 'node:net';
import { rawRequest } from '../support/clients/raw.ts';

/** Where an ending is played: it opens what it likes, and whatever it leaves open stays so until everything was counted. */
export interface StormStage {
  /** A connection for HTTP/1.1 over what the storm is about, ready to be written to. */
  connect(): Promise<Socket>;
  /** Resets a connection, below TLS where there is any. */
  reset(socket: Socket): void;
  /** A bare TCP connection to the same port. */
  connectTcp(): Promise<Socket>;
  /** A name for a path that no other ending has. */
  readonly id: string;
}

/** One way in which a client's connection can end, or not. */
export interface Ending {
  readonly play: (stage: StormStage) => Promise<void>;
  /**
   * The access lines it makes that have a path; undefined where that depends on how much the buffers between hold, under
   * `/protected/many`. What never was a request has a line without a path, or none where Node takes a reset for one.
   */
  readonly lines: number | undefined;
  /** Only over TLS. */
  readonly needsTls?: boolean;
}

const CHUNKED = ['Transfer-Encoding: chunked'];
const PIECE = Buffer.alloc(64 * 1024, 'x');
const HANDSHAKE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
const get = (path: string, headers: readonly string[] = []) => rawRequest(`GET ${path} HTTP/1.1`, headers);
const post = (path: string, headers: readonly string[], body = '') =>
  rawRequest(`POST ${path} HTTP/1.1`, headers, body);

/** Every kind of ending of a client of HTTP/1.1. */
export const HTTP1_ENDINGS: Readonly<Record<string, Ending>> = {
  'sends nothing': { lines: 0, play: async ({ connect }) => void (await connect()) },
  'closes without a word': { lines: 0, play: async ({ connect }) => void (await connect()).destroy() },
  'stops in the midst of its head': {
    lines: 0,
    play: ({ connect }) => send(connect, 'GET /public/ok/x HTTP/1.1\r\nHost: a'),
  },
  'resets in the midst of its head': {
    lines: 0,
    play: async ({ connect, reset }) =>
      reset(await connectAndSend(connect, 'GET /public/ok/x HTTP/1.1\r\nHost: a')),
  },
  'resets behind its request': {
    lines: 1,
    play: async ({ connect, reset, id }) => {
      const socket = await connectAndSend(connect, get(`/public/slow/${id}`));
      await pause(50);
      reset(socket);
    },
  },
  'half-closes behind its request': {
    lines: 1,
    play: async ({ connect, id }) => void (await connectAndSend(connect, get(`/public/slow/${id}`))).end(),
  },
  'leaves in the midst of a long response': {
    lines: 1,
    play: async ({ connect, id }) => {
      const socket = await connectAndSend(connect, get(`/public/long/${id}`));
      await once(socket, 'data').catch(() => {});
      socket.destroy();
    },
  },
  'never reads a long response': {
    lines: 1,
    play: ({ connect, id }) => sendUnread(connect, get(`/public/long/${id}`)),
  },
  'never reads the refusals of what it pipelines': {
    lines: undefined,
    play: async ({ connect, id }) => {
      const socket = await connect();
      socket.pause();
      const many = get(`/protected/many/${id}`).repeat(500);
      for (let sent = 0; sent < 40 && socket.write(many); sent++);
    },
  },
  'pipelines and leaves': {
    lines: 5,
    play: async ({ connect, id }) => {
      const one = get(`/public/slow/${id}`);
      const socket = await connectAndSend(connect, one.repeat(5));
      await pause(50);
      socket.destroy();
    },
  },
  'goes on with an upload that was refused': {
    lines: 1,
    play: async ({ connect, id }) => pour(await connectAndSend(connect, post(`/protected/${id}`, CHUNKED))),
  },
  'goes on with an upload that the backend refused': {
    lines: 1,
    play: async ({ connect, id }) =>
      pour(await connectAndSend(connect, post(`/public/early/${id}`, CHUNKED))),
  },
  'uploads more than the route allows': {
    lines: 1,
    play: async ({ connect, id }) => pour(await connectAndSend(connect, post(`/limited/ok/${id}`, CHUNKED))),
  },
  'stops in the midst of its upload': {
    lines: 1,
    play: ({ connect, id }) => send(connect, post(`/public/ok/${id}`, CHUNKED, '4\r\nsome\r\n')),
  },
  'resets in the midst of its upload': {
    lines: 1,
    play: async ({ connect, reset, id }) => {
      const socket = await connectAndSend(connect, post(`/public/ok/${id}`, CHUNKED, '4\r\nsome\r\n'));
      await pause(50);
      reset(socket);
    },
  },
  'waits for 100 Continue and vanishes': {
    lines: 1,
    play: ({ connect, id }) =>
      send(connect, post(`/public/ok/${id}`, ['Expect: 100-continue', 'Content-Length: 5'])),
  },
  'breaks its body': {
    lines: 1,
    play: ({ connect, id }) => send(connect, post(`/public/slow/${id}`, CHUNKED, 'zz\r\n')),
  },
  'sends bytes without a meaning behind a slow request, one by one': {
    lines: 1,
    play: async ({ connect, id }) => {
      const socket = await connectAndSend(connect, get(`/public/slow/${id}`));
      for (let sent = 0; sent < 50; sent++) {
        await pause(2);
        if (socket.writable) socket.write('\0');
      }
    },
  },
  'sends bytes without a meaning behind a response it never reads': {
    lines: 1,
    play: ({ connect, id }) => sendUnread(connect, `${get(`/public/long/${id}`)}\0\0`),
  },
  'goes on behind a request that closes the connection': {
    lines: 1,
    play: async ({ connect, id }) => {
      const socket = await connectAndSend(connect, get(`/public/ok/${id}`, ['Connection: close']));
      await pour(socket, Buffer.from(get('/public/ok/none').repeat(100)));
    },
  },
  'asks for CONNECT behind a long response': {
    lines: 2,
    play: ({ connect, id }) =>
      send(connect, `${get(`/public/long/${id}`)}${rawRequest('CONNECT a:1 HTTP/1.1')}`),
  },
  'asks for CONNECT behind a response it never reads': {
    lines: 2,
    play: ({ connect, id }) =>
      sendUnread(connect, `${get(`/public/long/${id}`)}${rawRequest('CONNECT a:1 HTTP/1.1')}`),
  },
  'asks for a WebSocket behind a long response': {
    lines: 2,
    play: ({ connect, id }) =>
      send(connect, `${get(`/public/long/${id}`)}${get(`/socket/declined/${id}`, HANDSHAKE)}`),
  },
  'asks for a WebSocket behind a response it never reads': {
    lines: 1,
    play: ({ connect, id }) =>
      sendUnread(connect, `${get(`/public/long/${id}`)}${get(`/socket/declined/${id}`, HANDSHAKE)}`),
  },
  'keeps the connection of a handshake that was declined': {
    lines: 1,
    play: ({ connect, id }) => send(connect, get(`/socket/declined/${id}`, HANDSHAKE)),
  },
  'never reads the long response to its handshake': {
    lines: 1,
    play: ({ connect, id }) => sendUnread(connect, get(`/socket/long/${id}`, HANDSHAKE)),
  },
  'leaves while the backend thinks about its handshake': {
    lines: 1,
    play: async ({ connect, id }) => {
      const socket = await connectAndSend(connect, get(`/socket/never/${id}`, HANDSHAKE));
      await pause(50);
      socket.destroy();
    },
  },
  'resets its WebSocket': {
    lines: 1,
    play: async ({ connect, reset, id }) => {
      const socket = await connectAndSend(connect, get(`/socket/yes/${id}`, HANDSHAKE));
      await once(socket, 'data').catch(() => {});
      reset(socket);
    },
  },
  'never reads from its WebSocket': {
    lines: 1,
    play: ({ connect, id }) => sendUnread(connect, get(`/socket/yes/${id}`, HANDSHAKE)),
  },
  'waits longer than the backend may take': {
    lines: 1,
    play: ({ connect, id }) => send(connect, get(`/impatient/never/${id}`, ['Connection: close'])),
  },
  'never begins its TLS handshake': {
    lines: 0,
    needsTls: true,
    play: async ({ connectTcp }) => void (await connectTcp()),
  },
  'breaks its TLS handshake': {
    lines: 0,
    needsTls: true,
    play: ({ connectTcp }) => send(connectTcp, get('/public/ok/plain')),
  },
};

async function connectAndSend(connect: () => Promise<Socket>, bytes: string): Promise<Socket> {
  const socket = await connect();
  socket.write(bytes, 'latin1');
  return socket;
}

async function send(connect: () => Promise<Socket>, bytes: string): Promise<void> {
  (await connectAndSend(connect, bytes)).resume();
}

async function sendUnread(connect: () => Promise<Socket>, bytes: string): Promise<void> {
  const socket = await connect();
  socket.pause();
  socket.write(bytes, 'latin1');
}

/** Sends for as long as the gateway reads it, in chunks by default. */
async function pour(socket: Socket, piece: Buffer = chunk(PIECE)): Promise<void> {
  socket.resume();
  const until = performance.now() + 500;
  while (socket.writable && performance.now() < until) {
    if (socket.write(piece)) await pause(5);
    else await Promise.race([once(socket, 'drain'), once(socket, 'close'), pause(100)]).catch(() => {});
  }
}

function chunk(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n')]);
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
