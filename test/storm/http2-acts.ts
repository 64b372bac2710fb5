import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import {
  connectFrames,
  type FrameClient,
  type FrameClientOptions,
  frame,
  literal,
  TYPE,
} from '../support/clients/http2-client.ts';
import type { StormStage } from './http1-endings.ts';

/** The streams that an ending has. */
export const STREAMS = Array.from({ length: 10 }, (_, at) => 2 * at + 1);
/** More than a response has. */
export const LONG_WINDOW = 16 * 1024 * 1024;
export const NO_WINDOW = { initialWindow: 0 };
export const HALF_OPEN = { halfOpen: true };
export const PIECE = Buffer.alloc(16 * 1024, 'x');
/** END_HEADERS. */
const WHOLE_FIELDS = 4;

export async function open(stage: StormStage, options: FrameClientOptions = {}): Promise<FrameClient> {
  return connectFrames(await stage.connectTcp(), options);
}

/** Asks for the same on every stream. */
export async function get(
  stage: StormStage,
  behavior: string,
  options: FrameClientOptions = {},
): Promise<FrameClient> {
  const client = await open(stage, options);
  for (const stream of STREAMS) client.request(stream, `/public/${behavior}/${stage.id}`);
  return client;
}

export function upload(client: FrameClient, stream: number, path: string, bytes: number): void {
  client.request(stream, path, { method: 'POST', ends: false });
  client.data(stream, Buffer.alloc(bytes, 'x'));
}

/** A request of these fields, and of a body. */
export function send(client: FrameClient, stream: number, fields: readonly string[]): void {
  client.send(frame({ type: TYPE.headers, flags: WHOLE_FIELDS, stream, body: literal(fields) }));
}

/** Sends as much as its windows allow, whatever comes back; at the end it leaves. */
export async function goOn(client: FrameClient, path: string): Promise<void> {
  for (const stream of STREAMS) upload(client, stream, path, 0);
  const until = performance.now() + 500;
  // Of the connection, and of each of its ten streams.
  for (let sent = 0; sent < 48 * 1024 && performance.now() < until; sent += 4096) {
    for (const stream of STREAMS) client.data(stream, PIECE.subarray(0, 4096));
    await pause(10);
  }
  leaveAtTheEnd(client);
}

/** Leaves when the gateway has taken all that was sent before. */
export function leaveAfterPing(client: FrameClient): void {
  void wereRead(client).then(() => client.socket.destroy());
}

export async function saw(client: FrameClient, type: number): Promise<void> {
  while (!client.socket.destroyed && !client.frames.some((one) => one.type === type)) {
    await Promise.race([once(client.socket, 'data'), once(client.socket, 'close')]).catch(() => {});
  }
}

/** The gateway has read all that was sent: what a server has not read may be lost with its connection. */
export async function wereRead(client: FrameClient): Promise<void> {
  client.send(frame({ type: TYPE.ping, stream: 0, body: Buffer.from('read all') }));
  const isAcknowledgment = ({ type, flags }: { type: number; flags: number }): boolean =>
    type === TYPE.ping && flags === 1;
  while (!client.socket.destroyed && !client.frames.some(isAcknowledgment)) {
    await Promise.race([once(client.socket, 'data'), once(client.socket, 'close')]).catch(() => {});
  }
}

/** Goes on until its connection has gone. */
export function repeat({ socket }: FrameClient, act: () => void): void {
  const timer = setInterval(() => {
    if (socket.destroyed || !socket.writable) clearInterval(timer);
    else act();
  }, 100);
}

/** A client that has nothing open would be let stay for as long as any that is idle. */
export function leaveAtTheEnd(client: FrameClient, streams = STREAMS): void {
  leaveWhen(client, () =>
    streams.every((stream) => client.isWhole(stream) || client.resetOf(stream) !== undefined),
  );
}

export function leaveWhen(client: FrameClient, isOver: () => boolean): void {
  repeat(client, () => {
    if (isOver()) client.socket.destroy();
  });
}
