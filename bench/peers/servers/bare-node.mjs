// The minimum with Node: http in front, an undici pool behind, nothing between. It streams with back-pressure,
// drops hop-by-hop headers and aborts the upstream request when the client leaves; it checks and logs nothing.
import { createServer } from 'node:http';
import { Pool } from 'undici';

const pool = new Pool(process.env.UPSTREAM, { connections: 256, pipelining: 1 });
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
]);

class Handler {
  constructor(response) {
    this.response = response;
    this.abort = undefined;
    this.resume = undefined;
    this.done = false;
    response.on('close', () => this.done || this.abort?.());
  }

  onConnect(abort) {
    this.abort = abort;
    if (this.response.destroyed) abort();
  }

  onHeaders(status, raw, resume) {
    const headers = [];
    for (let index = 0; index < raw.length; index += 2) {
      const name = raw[index].latin1Slice();
      if (!HOP_BY_HOP.has(name.toLowerCase())) headers.push(name, raw[index + 1].latin1Slice());
    }
    this.resume = resume;
    this.response.writeHead(status, headers);
    return true;
  }

  onData(chunk) {
    if (this.response.write(chunk)) return true;
    this.response.once('drain', this.resume);
    return false;
  }

  onComplete() {
    this.done = true;
    this.response.end();
  }

  onError(error) {
    this.done = true;
    if (this.response.headersSent) this.response.destroy(error);
    else this.response.writeHead(502).end();
  }
}

const server = createServer((request, response) => {
  const { rawHeaders, method } = request;
  const headers = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (!HOP_BY_HOP.has(rawHeaders[index].toLowerCase()))
      headers.push(rawHeaders[index], rawHeaders[index + 1]);
  }
  const body = method === 'GET' || method === 'HEAD' ? null : request;
  pool.dispatch({ path: request.url, method, headers, body }, new Handler(response));
});
server.listen(Number(process.env.PORT), '127.0.0.1', 4096);
