import { once } from 'node:events';
import { request as requestPlain } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { request as requestTls } from 'node:https';
import type { Readable } from 'node:stream';
import t from 'tap';
import { startCountingUpstream } from '../support/backends/counting-upstream.ts';
import { startHarness } from '../support/gateway/gateway-harness.ts';
import { hasOpenssl, makeAuthority } from '../support/tls/certificates.ts';

/** More than the system takes off the gateway for a client that does not read. */
const BYTES = 12 * 1024 * 1024;
const READERS = 9;
const ROUNDS = 3;
/** How the backend marks the end of its responses. */
const FRAMINGS = ['length', 'chunked', 'close'] as const;
const MANNERS = ['eager', 'slow', 'leaves'] as const;
type Manner = (typeof MANNERS)[number];
const skip = hasOpenssl() ? false : 'openssl is not installed';
const authority = skip ? undefined : makeAuthority('test-ca');
const own = authority?.issue('localhost');

/** Every four bytes encode their reader and their position. */
function bodyOf(reader: number): Buffer {
  const words = new Uint32Array(BYTES / 4);
  for (let at = 0; at < words.length; at++) words[at] = reader * 2 ** 24 + at;
  return Buffer.from(words.buffer);
}

const BODIES = Array.from({ length: READERS }, (_, reader) => bodyOf(reader));

async function upstreamOfBodies() {
  return startCountingUpstream((req, res) => {
    const [, , reader, framing] = (req.url ?? '').split('/');
    const body = BODIES[Number(reader)] as Buffer;
    if (framing === 'length') res.setHeader('content-length', body.length);
    if (framing === 'close') res.removeHeader('transfer-encoding');
    if (framing === 'close') res.useChunkedEncodingByDefault = false;
    res.writeHead(200);
    res.end(body);
  });
}

type Ask = (path: string) => Promise<Readable>;

const CLIENTS = {
  'HTTP/1.1': (port: number): Ask => {
    return async (path) => {
      const req = requestPlain({ port, path }).end();
      const [res] = await once(req, 'response');
      return res;
    };
  },
  'HTTP/1.1 over TLS': (port: number): Ask => {
    return async (path) => {
      const req = requestTls({ port, path, host: 'localhost', ca: authority?.cert }).end();
      const [res] = await once(req, 'response');
      return res;
    };
  },
  'HTTP/2': (port: number): Ask => {
    let session: ClientHttp2Session | undefined;
    return async (path) => {
      session ??= connectHttp2(`https://localhost:${port}`, { ca: authority?.cert });
      session.unref();
      const stream = session.request({ ':path': path });
      await once(stream, 'response');
      return stream;
    };
  },
} as const;

/** Reads a response to its end, or leaves in the middle; returns what was wrong with it. */
async function read(response: Readable, reader: number, manner: Manner): Promise<string> {
  const expected = BODIES[reader] as Buffer;
  let at = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    // Held for a while, as a slow client does, so that the gateway has to wait with what it has.
    if (manner === 'slow') for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate);
    if (!piece.equals(expected.subarray(at, at + piece.length))) return `${reader} got other bytes at ${at}`;
    at += piece.length;
    if (manner === 'leaves' && at > BYTES / 4) return '';
  }
  return at === BYTES ? '' : `${reader} got ${at} bytes`;
}

for (const [protocol, open] of Object.entries(CLIENTS)) {
  t.test(
    `each of many readers over ${protocol} gets its own large response, byte for byte, while others read slowly or leave`,
    { skip: protocol === 'HTTP/1.1' ? false : skip },
    async (t) => {
      const isTls = protocol !== 'HTTP/1.1';
      const harness = await startHarness(t, {
        upstream: await upstreamOfBodies(),
        files: { 'tls.crt': own?.cert ?? '', 'tls.key': own?.key ?? '' },
        listen: isTls ? { tls: { cert: 'tls.crt', key: 'tls.key' } } : {},
      });
      const ask = open(harness.port);
      const wrong: string[] = [];
      await Promise.all(
        BODIES.map(async (_, reader) => {
          for (let round = 0; round < ROUNDS; round++) {
            const framing = FRAMINGS[(reader + round) % FRAMINGS.length];
            const manner = MANNERS[(Math.floor(reader / 3) + round) % MANNERS.length] as Manner;
            const response = await ask(`/public/${reader}/${framing}`);
            wrong.push(await read(response, reader, manner));
            response.destroy();
          }
        }),
      );
      t.strictSame(
        wrong.filter((fault) => fault !== ''),
        [],
      );
      t.equal(wrong.length, READERS * ROUNDS);
    },
  );
}
