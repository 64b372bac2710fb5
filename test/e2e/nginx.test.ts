import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { hasNginx, startNginx } from '../support/peers/nginx.ts';
import { startForwarder } from '../support/proxy/forwarder.ts';

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

t.test(
  'nginx works unchanged behind the gateway',
  { skip: hasNginx ? false : 'nginx is not installed' },
  async (t) => {
    const nginx = await startNginx(`
    gzip on; gzip_types text/plain; gzip_min_length 1;
    location /echo { return 200 "$request_method $request_uri $http_x_user_id"; }
    location /status/ { rewrite ^/status/(\\d+)$ /code/$1; }
    location = /code/204 { return 204; }
    location = /code/304 { return 304; }
    location = /code/302 { return 302 /elsewhere; }
    location = /code/418 { return 418 "teapot"; }
    location = /code/503 { return 503 "busy"; }
    location /dav/ { dav_methods PUT DELETE MKCOL COPY MOVE; create_full_put_path on; }
    location /old { chunked_transfer_encoding off; keepalive_timeout 0; return 200 "old"; }`);
    const gateway = await startForwarder(nginx.url, { identityPairs: ['x-user-id', 'alice'] });
    t.teardown(async () => {
      await gateway.close();
      await nginx.close();
    });
    const text = 'a line of text\n'.repeat(1_000);
    mkdirSync(join(nginx.root, 'files'));
    writeFileSync(join(nginx.root, 'files', 'text.txt'), text);
    writeFileSync(join(nginx.root, 'files', 'empty'), '');

    const ask = async (
      path: string,
      options: { method?: string; headers?: Record<string, string>; body?: string } = {},
    ): Promise<Reply> => {
      const req = request(`${gateway.url}${path}`, {
        method: options.method ?? 'GET',
        headers: options.headers ?? {},
      });
      req.end(options.body);
      const [res] = (await once(req, 'response')) as [IncomingMessage];
      return { status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(await res.toArray()) };
    };

    t.test('every status, with and without body', async (t) => {
      for (const [code, body] of [
        [204, ''],
        [304, ''],
        [302, undefined],
        [418, 'teapot'],
        [503, 'busy'],
      ] as const) {
        const response = await ask(`/status/${code}`);
        t.equal(response.status, code);
        if (body !== undefined) t.equal(response.body.toString(), body);
      }
      t.match((await ask('/status/302')).headers.location, /\/elsewhere$/, 'relayed, not followed');
    });

    t.test('the target is forwarded byte for byte, with the identity', async (t) => {
      for (const target of ['/echo', '/echo/', '/echo/%41%2C;a?x=%zz&y=//']) {
        t.equal((await ask(target)).body.toString(), `GET ${target} alice`);
      }
    });

    t.test('compressed responses stay compressed, byte for byte', async (t) => {
      const { headers, body } = await ask('/files/text.txt', { headers: { 'accept-encoding': 'gzip' } });
      t.equal(headers['content-encoding'], 'gzip');
      t.equal(gunzipSync(body).toString(), text);
    });

    t.test('ranges, conditions, HEAD and empty files', async (t) => {
      const range = await ask('/files/text.txt', { headers: { range: 'bytes=2-5' } });
      t.match(range, { status: 206, headers: { 'content-range': `bytes 2-5/${text.length}` } });
      t.equal(range.body.toString(), text.slice(2, 6));
      const beyond = await ask('/files/text.txt', { headers: { range: 'bytes=99999999-' } });
      t.equal(beyond.status, 416);
      const { headers } = await ask('/files/text.txt');
      const same = await ask('/files/text.txt', { headers: { 'if-none-match': String(headers.etag) } });
      t.match(same, { status: 304, headers: { etag: headers.etag } });
      const head = await ask('/files/text.txt', { method: 'HEAD' });
      t.match(head, { status: 200, headers: { 'content-length': String(text.length) } });
      t.equal(head.body.length, 0);
      t.match(await ask('/files/empty'), { status: 200, headers: { 'content-length': '0' } });
      t.match(await ask('/files/none'), { status: 404 });
    });

    t.test('WebDAV methods, with their bodies', async (t) => {
      t.equal((await ask('/dav/a', { method: 'PUT', body: 'hello' })).status, 201);
      t.equal((await ask('/dav/b/', { method: 'MKCOL' })).status, 201);
      t.equal((await ask('/dav/a', { method: 'COPY', headers: { destination: '/dav/c' } })).status, 204);
      t.equal((await ask('/dav/c')).body.toString(), 'hello');
      t.equal((await ask('/dav/c', { method: 'DELETE' })).status, 204);
      t.equal((await ask('/dav/c')).status, 404);
    });

    t.test('responses that end with their connection are complete', async (t) => {
      t.match((await ask('/old')).body.toString(), 'old');
    });
  },
);
