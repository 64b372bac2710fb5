// The upstream without nginx: 1 KiB at every path, 10 MiB below /large. Argument: the port.
import { createServer } from 'node:http';

const small = Buffer.from(JSON.stringify({ text: 'x'.repeat(1013) }));
const large = Buffer.alloc(10 * 1024 * 1024, 0x61);

createServer((request, response) => {
  const body = request.url.startsWith('/large') ? large : small;
  request.resume();
  response.writeHead(200, ['Content-Type', 'application/json', 'Content-Length', String(body.length)]);
  response.end(body);
}).listen(Number(process.argv[2]), '127.0.0.1', 4096);
