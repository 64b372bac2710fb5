import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import type { Dispatcher } from '../../../src/proxy/dispatcher.ts';
import { Listener, listen, openDispatcher, request } from '../../support/proxy/h1-harness.ts';
import { makeCertificates } from '../../support/tls/certificates.ts';

const CLIENTS = 32;
const SECONDS = Number(process.env.SHARED_SECONDS ?? 2);
const SEED = Number(process.env.SHARED_SEED ?? Date.now() % 1_000_000_000);
/** Bodies have fewer bytes than one of these. */
const SIZES = [1, 20, 40_000, 40_000, 300 * 1024];
const FRAMINGS = ['length', 'chunked', 'close'] as const;
/** What becomes of a request; most come to a good end. */
const ENDINGS = [
  ...Array.from({ length: 12 }, () => 'whole' as const),
  'early',
  'reset',
  'cut',
  'abort',
  'surplus',
] as const;

interface Asked {
  readonly id: number;
  readonly bytes: number;
  readonly framing: (typeof FRAMINGS)[number];
  readonly action: (typeof ENDINGS)[number];
  /** Bytes of the body upwards. */
  readonly upwards: number;
}

const POISON = Buffer.from('HTTP/1.1 200 OK\r\nx-id: 0\r\nContent-Length: 6\r\n\r\npoison');

/** Park and Miller's generator. */
function createRandom(seed: number): (below: number) => number {
  let state = (seed % 2_147_483_646) + 1;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

/** A body whose every eight bytes name their request and their position. */
function bodyOf({ id, bytes }: Pick<Asked, 'id' | 'bytes'>): Buffer {
  const body = Buffer.alloc(bytes + 8);
  for (let at = 0; at < bytes; at += 8) body.writeUInt32LE(at, body.writeUInt32LE(id, at));
  return body.subarray(0, bytes);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function pause(random: (below: number) => number): Promise<void> {
  for (let turns = random(4); turns > 0; turns--) await turn();
}

/** Responds in pieces and pauses of the seed's choice, and breaks some responses in the middle. */
function respondBy(random: (below: number) => number) {
  return async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const asked = JSON.parse(decodeURIComponent((req.url ?? '').slice(1))) as Asked;
    const { socket } = req;
    res.on('error', () => {});
    if (asked.action !== 'early') for await (const _ of req);
    if (asked.action === 'reset') {
      await pause(random);
      breakOff(socket);
      return;
    }
    const body = bodyOf(asked);
    const cutAt = asked.action === 'cut' ? random(asked.bytes + 1) : Number.POSITIVE_INFINITY;
    if (asked.framing === 'length') res.setHeader('content-length', asked.bytes);
    if (asked.framing === 'close') {
      res.useChunkedEncodingByDefault = false;
      res.setHeader('connection', 'close');
    }
    res.setHeader('x-id', asked.id);
    if (asked.action === 'surplus') {
      // At once with the response: what comes after its end looks like the next response.
      const head = `HTTP/1.1 200 OK\r\nx-id: ${asked.id}\r\nContent-Length: ${body.length}\r\n\r\n`;
      socket.write(Buffer.concat([Buffer.from(head), body, POISON]));
      return;
    }
    for (let at = 0; at < asked.bytes; ) {
      const piece = 1 + random(random(2) === 0 ? 2_000 : 90_000);
      if (socket.destroyed) return;
      if (at + piece > cutAt) {
        breakOff(socket);
        return;
      }
      if (!res.write(body.subarray(at, at + piece))) await Promise.race([drained(res), closed(res)]);
      at += piece;
      await pause(random);
    }
    res.end();
  };
}

/** TLS cannot be reset; that it is cut shows as its closing alert is missing. */
function breakOff(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}

const drained = (res: ServerResponse): Promise<void> => new Promise((resolve) => res.once('drain', resolve));
const closed = (res: ServerResponse): Promise<void> => new Promise((resolve) => res.once('close', resolve));

t.test(`responses of many clients over shared connections never mix (seed ${SEED})`, async (t) => {
  const random = createRandom(SEED);
  const certificates = makeCertificates();
  const respond = respondBy(random);
  const plain = createServer((req, res) => void respond(req, res));
  await drill(t, openDispatcher(t, await listen(t, plain)), random);
  if (certificates === undefined) return;
  const { ca, cert, key } = certificates;
  const secure = createTlsServer({ cert, key }, (req, res) => void respond(req, res));
  const tls = { ca, cert: undefined, key: undefined, serverName: 'localhost' };
  await drill(t, openDispatcher(t, await listen(t, secure), { tls }), random, true);
});

async function drill(
  t: Test,
  dispatcher: Dispatcher,
  random: (below: number) => number,
  isSecure = false,
): Promise<void> {
  const wrong: unknown[] = [];
  const tally: Record<string, number> = { reused: 0 };
  const until = performance.now() + SECONDS * 1_000;
  let id = 0;

  const client = async (): Promise<void> => {
    while (performance.now() < until && wrong.length === 0) {
      id += 1;
      const action = ENDINGS[random(ENDINGS.length)] ?? 'whole';
      const most = action === 'surplus' ? 20_000 : SIZES[random(SIZES.length)];
      const bytes = random(most ?? 1);
      // Node does not report whether TLS was closed or only cut, which is all that ends such a body.
      const framings = action === 'surplus' ? 1 : action === 'cut' && isSecure ? 2 : 3;
      const framing = FRAMINGS[random(framings)] ?? 'length';
      const asked: Asked = { id, bytes, framing, action, upwards: random(3) === 0 ? random(100_000) : 0 };
      const heard = await converse(dispatcher, asked, random);
      const outcome = `${action} ${heard.calls.at(-1)}`;
      tally[outcome] = (tally[outcome] ?? 0) + 1;
      if ((heard.controller?.served ?? 0) > 1) tally.reused = (tally.reused ?? 0) + 1;
      const fault = faultOf(heard, asked);
      if (fault !== undefined) wrong.push({ fault, asked, calls: heard.calls, error: heard.error?.message });
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  t.comment(JSON.stringify({ asked: id, ...tally }));
  t.strictSame(wrong, []);
  t.ok((tally['whole complete'] ?? 0) > 30, 'many responses were whole');
  t.ok((tally.reused ?? 0) > 30, 'and many connections reused');
  await dispatcher.close();
  t.equal(dispatcher.connections, 0);
}

async function converse(
  dispatcher: Dispatcher,
  asked: Asked,
  random: (below: number) => number,
): Promise<Listener> {
  const abortAfter = asked.action === 'abort' ? random(asked.bytes + 1) : Number.POSITIVE_INFINITY;
  let read = 0;
  const heard: Listener = new Listener({
    onResponseData(chunk) {
      read += chunk.length;
      if (read > abortAfter) {
        heard.controller?.destroy(new Error('the client left'));
        return false;
      }
      if (random(4) !== 0) return true;
      void pause(random).then(() => isReading(heard) && heard.controller?.resume());
      return false;
    },
  });
  const { upwards } = asked;
  dispatcher.send(
    request({
      path: `/${encodeURIComponent(JSON.stringify(asked))}`,
      ...(upwards > 0 && {
        method: 'POST',
        body: bodyUpwards(upwards),
        bodyLength: random(2) === 0 ? upwards : undefined,
      }),
    }),
    heard,
  );
  return heard.over;
}

const isReading = ({ calls }: Listener): boolean => ['data', 'quiet'].includes(calls.at(-1) ?? '');

function bodyUpwards(bytes: number): Readable {
  const pieces: Buffer[] = [];
  for (let left = bytes; left > 0; left -= 30_000) pieces.push(Buffer.alloc(Math.min(left, 30_000), 'u'));
  return Readable.from(pieces);
}

/** Whether what came is the response that was asked for, or an honest piece of it; every byte is looked at. */
function faultOf(heard: Listener, asked: Asked): string | undefined {
  const { action, bytes } = asked;
  const body = Buffer.from(heard.body, 'latin1');
  const end = heard.calls.at(-1);
  const [head, ...more] = heard.heads;
  if (more.length > 0) return 'two heads';
  if (heard.calls.some((call) => call.startsWith('late'))) return 'something after the end';
  if (head !== undefined && fieldOf(head.headers, 'x-id') !== String(asked.id))
    return 'the response to another request';
  if (!body.equals(bodyOf(asked).subarray(0, body.length))) return 'bytes of another response';
  if (end === 'complete' && body.length !== bytes) return 'half a response for a whole one';
  const mayFail = action === 'reset' || action === 'cut' || action === 'abort' || action === 'early';
  if (end === 'error' && !mayFail) return 'a good response broken';
  if (end === 'complete' && action === 'reset') return 'a response from nowhere';
  return undefined;
}

function fieldOf(headers: readonly string[], name: string): string | undefined {
  const at = headers.findIndex((part, index) => index % 2 === 0 && part.toLowerCase() === name);
  return at === -1 ? undefined : headers[at + 1];
}
