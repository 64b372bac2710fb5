import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import t, { type Test } from 'tap';
import { hasNginx, type Nginx, startNginx } from '../support/peers/nginx.ts';
import { type ForwarderProcess, startForwarderProcess } from './forwarder-process.ts';
import { hashOf, patternHash, patternStream } from './pattern.ts';

const MIB = 1024 * 1024;
const SIZES = [0, 1, 65_535, 65_537, MIB + 1, 50 * MIB, 100 * MIB];
/** Newer Node keeps more read data until garbage collection. */
const MAX_GROWTH = (Number.parseInt(process.versions.node, 10) > 22 ? 96 : 64) * MIB;
const HASHES = new Map(SIZES.map((bytes) => [bytes, patternHash(bytes)]));

interface Upload {
  readonly method: string;
  readonly path: string;
  readonly bytes: number;
  readonly chunked: boolean;
}

/** Sends the pattern and returns the response; the caller reads it. */
async function send(gateway: ForwarderProcess, upload: Upload): Promise<IncomingMessage> {
  const framing = upload.chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': upload.bytes };
  const req = httpRequest(`${gateway.url}${upload.path}`, { method: upload.method, headers: framing });
  const responded = once(req, 'response') as Promise<[IncomingMessage]>;
  await pipeline(patternStream(upload.bytes), req);
  return (await responded)[0];
}

async function receive(url: string): Promise<{ hash: string; bytes: number }> {
  const req = httpRequest(url).end();
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  return hashOf(res);
}

/** Warms up, then checks that the gateway's memory stays below the limit. */
async function bounded(t: Test, gateway: ForwarderProcess, work: () => Promise<void>): Promise<void> {
  await receive(gateway.url).catch(() => {});
  const before = gateway.peakMemory();
  await work();
  const growth = gateway.peakMemory() - before;
  t.ok(growth < MAX_GROWTH, `memory grew by ${(growth / MIB).toFixed(1)} MiB`);
}

t.test('bodies of 0 B to 100 MiB to and from Node are unchanged, in bounded memory', async (t) => {
  const backend = createServer(async (req, res) => {
    if (req.method === 'GET') {
      const bytes = Number(req.url?.slice(1) ?? 0);
      res.writeHead(200, req.headers['x-chunked'] ? {} : { 'content-length': bytes });
      patternStream(bytes).pipe(res);
      return;
    }
    const { hash, bytes } = await hashOf(req);
    res.end(JSON.stringify({ hash, bytes, length: req.headers['content-length'] }));
  });
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const gateway = await startForwarderProcess(`http://127.0.0.1:${(backend.address() as AddressInfo).port}`);
  t.teardown(async () => {
    await gateway.close();
    backend.closeAllConnections();
    backend.close();
  });
  await bounded(t, gateway, async () => {
    for (const bytes of SIZES) {
      const hash = HASHES.get(bytes);
      t.same(await receive(`${gateway.url}/${bytes}`), { hash, bytes }, `${bytes} bytes down`);
      for (const chunked of [false, true]) {
        const res = await send(gateway, { method: 'POST', path: '/', bytes, chunked });
        const text = Buffer.concat(await res.toArray()).toString();
        t.match(
          JSON.parse(text),
          { hash, bytes },
          `${bytes} bytes up, ${chunked ? 'chunked' : 'with length'}`,
        );
      }
    }
  });
});

t.test(
  'bodies of 0 B to 100 MiB to and from nginx are unchanged, in bounded memory',
  { skip: hasNginx ? false : 'nginx is not installed' },
  async (t) => {
    const nginx: Nginx = await startNginx('dav_methods PUT DELETE;');
    const gateway = await startForwarderProcess(nginx.url);
    t.teardown(async () => {
      await gateway.close();
      await nginx.close();
    });
    await bounded(t, gateway, async () => {
      for (const bytes of SIZES) {
        const hash = HASHES.get(bytes);
        await pipeline(patternStream(bytes), createWriteStream(join(nginx.root, 'down')));
        t.same(await receive(`${gateway.url}/down`), { hash, bytes }, `${bytes} bytes down`);
        for (const chunked of [false, true]) {
          const res = await send(gateway, { method: 'PUT', path: `/up-${bytes}-${chunked}`, bytes, chunked });
          t.match(res.statusCode, /^20[14]$/, 'nginx stored it');
          res.resume();
          const stored = await hashOf(createReadStream(join(nginx.root, `up-${bytes}-${chunked}`)));
          t.same(stored, { hash, bytes }, `${bytes} bytes up, ${chunked ? 'chunked' : 'with length'}`);
        }
      }
    });
  },
);

t.test('a slow reader slows its backend instead of filling memory', async (t) => {
  let produced = 0;
  const backend = createServer((_req, res) => {
    const source = patternStream(100 * MIB);
    source.on('data', (chunk: Buffer) => {
      produced += chunk.length;
    });
    source.pipe(res);
  });
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const gateway = await startForwarderProcess(`http://127.0.0.1:${(backend.address() as AddressInfo).port}`);
  const req = httpRequest(gateway.url).end();
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  t.teardown(async () => {
    req.destroy();
    await gateway.close();
    backend.closeAllConnections();
    backend.close();
  });
  // Nothing is read: the flow must stop well before the end.
  let last = -1;
  while (last !== produced) {
    last = produced;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  t.ok(
    produced < 30 * MIB,
    `${(produced / MIB).toFixed(1)} MiB were produced for a client that reads nothing`,
  );
  const { hash, bytes } = await hashOf(res);
  t.same(
    { hash, bytes },
    { hash: HASHES.get(100 * MIB), bytes: 100 * MIB },
    'the rest arrives once it reads',
  );
});
