import { constants } from 'node:http2';
import { setTimeout as pause } from 'node:timers/promises';
import { connectFrames, resetFrame, TYPE } from '../support/clients/http2-client.ts';
import type { Ending } from './http1-endings.ts';
import {
  get,
  goOn,
  HALF_OPEN,
  LONG_WINDOW,
  leaveAfterPing,
  leaveAtTheEnd,
  leaveWhen,
  NO_WINDOW,
  open,
  PIECE,
  repeat,
  STREAMS,
  saw,
  upload,
  wereRead,
} from './http2-acts.ts';

/** Every kind of ending of a stream of HTTP/2, with its connection or without; what goes on by itself ends with its socket. */
export const STREAM_ENDINGS: Readonly<Record<string, Ending>> = {
  'leaves while its uploads are refused': {
    lines: undefined,
    play: async (stage) => {
      const client = await open(stage);
      for (const stream of [...STREAMS, ...STREAMS.map((one) => one + 20)]) {
        upload(client, stream, `/protected/many/${stage.id}`, 9000);
      }
      setImmediate(() => client.socket.destroy());
    },
  },
  'resets below TLS amid uploads': {
    lines: 10,
    play: async (stage) => {
      const tcp = await stage.connectTcp();
      const client = await connectFrames(tcp);
      for (const stream of STREAMS) upload(client, stream, `/public/ok/${stage.id}`, 2000);
      await wereRead(client);
      stage.reset(tcp);
    },
  },
  'leaves amid responses': {
    lines: 10,
    play: async (stage) => {
      const client = await get(stage, 'long');
      await saw(client, TYPE.data);
      client.socket.destroy();
    },
  },
  'never reads': {
    lines: 10,
    play: async (stage) => {
      const client = await get(stage, 'long', { initialWindow: LONG_WINDOW });
      client.grant(0, 10 * LONG_WINDOW);
      await wereRead(client);
      client.socket.pause();
    },
  },
  'acknowledges no ping': {
    lines: 10,
    play: async (stage) => {
      const client = await open(stage, { responses: false });
      for (const stream of STREAMS) client.request(stream, `/public/never/${stage.id}`);
    },
  },
  'takes nothing of refusals': {
    lines: 10,
    play: async (stage) => {
      const client = await open(stage, NO_WINDOW);
      for (const stream of STREAMS) client.request(stream, `/protected/${stage.id}`);
      leaveAtTheEnd(client);
    },
  },
  'takes nothing of responses': {
    lines: 10,
    play: async (stage) => leaveAtTheEnd(await get(stage, 'long', NO_WINDOW)),
  },
  'takes nothing on its connection': {
    lines: 10,
    play: async (stage) => leaveAtTheEnd(await get(stage, 'long', { initialWindow: LONG_WINDOW })),
  },
  'takes nothing of one response and all of the others': {
    lines: 41,
    play: async (stage) => {
      const client = await open(stage, NO_WINDOW);
      client.request(1, `/public/long/${stage.id}`);
      for (let stream = 3; stream < 83; stream += 2) {
        client.request(stream, `/public/ok/${stage.id}`, { method: 'HEAD' });
        await pause(100);
      }
      leaveAtTheEnd(client, [1]);
    },
  },
  'stops amid bodies': {
    lines: 10,
    play: async (stage) => {
      const client = await open(stage);
      for (const stream of STREAMS) upload(client, stream, `/public/ok/${stage.id}`, 4);
      leaveAtTheEnd(client);
    },
  },
  'goes on with a body that the backend refused': {
    lines: 10,
    play: async (stage) => goOn(await open(stage), `/public/early/${stage.id}`),
  },
  'goes on with a body that was refused': {
    lines: 10,
    play: async (stage) => goOn(await open(stage), `/protected/${stage.id}`),
  },
  'sends more than the route allows': {
    lines: 10,
    play: async (stage) => goOn(await open(stage), `/limited/ok/${stage.id}`),
  },
  'sends more than its windows allow': {
    lines: 10,
    play: async (stage) => {
      const client = await open(stage, HALF_OPEN);
      for (const stream of STREAMS) upload(client, stream, `/public/deaf/${stage.id}`, 4);
      await wereRead(client);
      for (let sent = 0; sent < LONG_WINDOW; sent += PIECE.length) client.data(1, PIECE);
      leaveAtTheEnd(client);
    },
  },
  'never ends a refused body': {
    lines: 10,
    play: async (stage) => {
      const client = await open(stage);
      for (const stream of STREAMS) upload(client, stream, `/protected/${stage.id}`, 4);
      repeat(client, () => client.data(1, Buffer.from('x')));
      await pause(200);
      leaveWhen(client, () => STREAMS.every((stream) => client.resetOf(stream) !== undefined));
    },
  },
  'takes nothing of a refusal and never ends its body': {
    lines: 10,
    play: async (stage) => {
      const client = await open(stage, NO_WINDOW);
      for (const stream of STREAMS) upload(client, stream, `/protected/${stage.id}`, 4);
      leaveWhen(client, () => STREAMS.every((stream) => client.resetOf(stream) !== undefined));
    },
  },
  'resets every stream': {
    lines: 10,
    play: async (stage) => {
      const client = await get(stage, 'long');
      await saw(client, TYPE.headers);
      for (const stream of STREAMS) client.send(resetFrame(stream, constants.NGHTTP2_CANCEL));
      await pause(500);
      client.socket.destroy();
    },
  },
  'resets every stream before it has its response': {
    lines: 10,
    play: async (stage) => {
      const client = await get(stage, 'slow');
      for (const stream of STREAMS) client.send(resetFrame(stream, constants.NGHTTP2_CANCEL));
      leaveAfterPing(client);
    },
  },
  'resets every body without an error': {
    lines: 10,
    play: async (stage) => {
      const client = await open(stage);
      for (const stream of STREAMS) {
        upload(client, stream, `/public/ok/${stage.id}`, 2000);
        client.send(resetFrame(stream, constants.NGHTTP2_NO_ERROR));
      }
      leaveAfterPing(client);
    },
  },
  'opens and resets without a pause': {
    lines: undefined,
    play: async (stage) => {
      const client = await open(stage);
      for (let stream = 1; stream < 2000; stream += 2) {
        client.request(stream, `/protected/many/${stage.id}`);
        client.send(resetFrame(stream, constants.NGHTTP2_CANCEL));
      }
      await pause(500);
      client.socket.destroy();
    },
  },
};
