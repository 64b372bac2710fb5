import { constants } from 'node:http2';
import { connectFrames, frame, goawayFrame, literal, TYPE } from '../support/clients/http2-client.ts';
import type { Ending } from './http1-endings.ts';
import {
  get,
  HALF_OPEN,
  leaveAtTheEnd,
  leaveWhen,
  NO_WINDOW,
  open,
  PIECE,
  repeat,
  STREAMS,
  saw,
  send,
  upload,
  wereRead,
} from './http2-acts.ts';

/** More than a frame may have that nobody agreed on (RFC 9113 §4.2). */
const TOO_LONG = Buffer.alloc(16 * 1024 + 1);
/** What breaks a connection (RFC 9113 §5.4.1, RFC 7541 §6.1). */
const BROKEN: Readonly<Record<string, Buffer>> = {
  'a window of nothing': frame({ type: TYPE.window, stream: 0, body: Buffer.alloc(4) }),
  'a frame that is too long': frame({ type: TYPE.data, stream: 1, body: TOO_LONG }),
  'a body of no stream': frame({ type: TYPE.data, stream: 101, body: Buffer.alloc(1) }),
  'a ping that is too short': frame({ type: TYPE.ping, stream: 0, body: Buffer.alloc(1) }),
  'a field of no table': frame({
    type: TYPE.headers,
    flags: 5,
    stream: 101,
    body: Buffer.from([0xff, 0xff, 0x7f]),
  }),
  'fields that are cut short': frame({
    type: TYPE.headers,
    flags: 5,
    stream: 101,
    body: Buffer.from([0, 50, 1]),
  }),
};

/** Every kind of ending of a connection of HTTP/2; what goes on by itself ends with its socket. */
export const CONNECTION_ENDINGS: Readonly<Record<string, Ending>> = {
  'sends nothing but the preface': { lines: 0, play: async (stage) => void (await open(stage)) },
  'pings and asks for nothing': {
    lines: 0,
    play: async (stage) => {
      const client = await open(stage, HALF_OPEN);
      repeat(client, () => client.send(frame({ type: TYPE.ping, stream: 0, body: Buffer.alloc(8) })));
    },
  },
  'never ends the fields of a request': {
    lines: 0,
    play: async (stage) => {
      const client = await open(stage, HALF_OPEN);
      const body = literal([':method', 'GET', ':scheme', 'https', ':path', '/public/ok/x']);
      client.send(frame({ type: TYPE.headers, stream: 1, body }));
      repeat(client, () =>
        client.send(frame({ type: TYPE.continuation, stream: 1, body: literal(['x', 'y']) })),
      );
    },
  },
  'sends GOAWAY and stays': {
    lines: 10,
    play: async (stage) => {
      const client = await get(stage, 'slow', HALF_OPEN);
      client.send(goawayFrame(constants.NGHTTP2_NO_ERROR));
    },
  },
  'sends GOAWAY, reads nothing and stays': {
    lines: 10,
    play: async (stage) => {
      const client = await get(stage, 'long', { ...HALF_OPEN, ...NO_WINDOW });
      client.send(goawayFrame(constants.NGHTTP2_NO_ERROR));
    },
  },
  'sends GOAWAY with an error and stays': {
    lines: 10,
    play: async (stage) => {
      const client = await get(stage, 'long', HALF_OPEN);
      await saw(client, TYPE.headers);
      client.send(goawayFrame(constants.NGHTTP2_INTERNAL_ERROR));
    },
  },
  'ends its side amid bodies and stays': {
    lines: 10,
    play: async (stage) => {
      const client = await open(stage, HALF_OPEN);
      for (const stream of STREAMS) upload(client, stream, `/public/ok/${stage.id}`, 4);
      await wereRead(client);
      client.socket.end();
    },
  },
  'ends its side behind its requests and stays': {
    lines: 10,
    play: async (stage) => {
      const client = await get(stage, 'slow', HALF_OPEN);
      await wereRead(client);
      client.socket.end();
    },
  },
  'ends its side below TLS and stays': {
    lines: 10,
    play: async (stage) => {
      const tcp = await stage.connectTcp();
      const client = await connectFrames(tcp, HALF_OPEN);
      for (const stream of STREAMS) upload(client, stream, `/public/ok/${stage.id}`, 4);
      await wereRead(client);
      tcp.end();
    },
  },
  'vanishes amid uploads': {
    lines: 10,
    play: async (stage) => {
      const client = await open(stage);
      for (const stream of STREAMS) upload(client, stream, `/public/ok/${stage.id}`, 2000);
      await wereRead(client);
      client.socket.pause();
    },
  },
  'never reads the acknowledgments of its pings': {
    lines: 0,
    play: async (stage) => {
      const client = await open(stage);
      client.socket.pause();
      const pings = Buffer.concat(
        Array.from({ length: 1000 }, () => frame({ type: TYPE.ping, stream: 0, body: Buffer.alloc(8) })),
      );
      for (let sent = 0; sent < 100 && client.socket.writable && client.socket.write(pings); sent++);
    },
  },
  'asks for CONNECT and keeps it open': {
    lines: 0,
    play: async (stage) => {
      const client = await open(stage);
      send(client, 1, [':method', 'CONNECT', ':authority', 'localhost:1']);
      repeat(client, () => client.data(1, Buffer.from('x')));
      leaveWhen(client, () => client.resetOf(1) !== undefined);
    },
  },
  'asks for a WebSocket in the way that was not offered': {
    lines: 0,
    play: async (stage) => {
      const client = await open(stage);
      send(client, 1, [
        ...[':method', 'CONNECT', ':protocol', 'websocket', ':scheme', 'https'],
        ...[':authority', 'localhost', ':path', `/socket/yes/${stage.id}`],
      ]);
      leaveWhen(client, () => client.resetOf(1) !== undefined);
    },
  },
  'stops amid a frame': {
    lines: 10,
    play: async (stage) => {
      const client = await open(stage);
      for (const stream of STREAMS) upload(client, stream, `/public/ok/${stage.id}`, 4);
      client.send(frame({ type: TYPE.data, stream: 1, body: PIECE }).subarray(0, 100));
      leaveAtTheEnd(client);
    },
  },
  'sends no preface': {
    lines: 0,
    play: async (stage) => {
      const { socket } = await open(stage, { ...HALF_OPEN, preface: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n' });
      socket.resume();
    },
  },
  ...Object.fromEntries(
    Object.entries(BROKEN).map(([name, bytes]) => [`sends ${name} and stays`, breaking(bytes)]),
  ),
};

/** Breaks the connection amid responses. */
function breaking(bytes: Buffer): Ending {
  return {
    lines: 10,
    play: async (stage) => {
      const client = await get(stage, 'long', HALF_OPEN);
      await saw(client, TYPE.headers);
      client.send(bytes);
    },
  };
}
