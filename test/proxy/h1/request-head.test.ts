import t from 'tap';
import type { UpstreamRequest } from '../../../src/proxy/dispatcher.ts';
import { RequestUnfit, renderRequestHead } from '../../../src/proxy/h1/request-head.ts';
import { emptyBody, request } from '../../support/proxy/h1-harness.ts';

const HOST = 'backend.example:8080';
const render = (parts: Partial<UpstreamRequest>, isLast = false): string =>
  renderRequestHead(request(parts), HOST, isLast);

t.test('a head has each field once', async (t) => {
  const body = emptyBody();
  const start = 'host: backend.example:8080\r\n';
  const cases: readonly (readonly [Partial<UpstreamRequest>, head: string, isLast?: boolean])[] = [
    [{}, `GET / HTTP/1.1\r\n${start}\r\n`],
    [{ path: '/a%2Fb?c=d|e' }, `GET /a%2Fb?c=d|e HTTP/1.1\r\n${start}\r\n`],
    [{}, `GET / HTTP/1.1\r\n${start}connection: close\r\n\r\n`, true],
    [{ headers: ['A', 'b', 'a', ''] }, `GET / HTTP/1.1\r\n${start}A: b\r\na: \r\n\r\n`],
    [{ headers: ['A', '\x80\xff\t~'] }, `GET / HTTP/1.1\r\n${start}A: \x80\xff\t~\r\n\r\n`],
    [{ headers: ['Host', 'client.example'] }, 'GET / HTTP/1.1\r\nhost: client.example\r\n\r\n'],
    [
      { headers: ['a', 'b'], isHandshake: true },
      `GET / HTTP/1.1\r\n${start}connection: upgrade\r\nupgrade: websocket\r\na: b\r\n\r\n`,
    ],
    [{ method: 'DELETE' }, `DELETE / HTTP/1.1\r\n${start}\r\n`],
    [{ method: 'POST' }, `POST / HTTP/1.1\r\n${start}content-length: 0\r\n\r\n`],
    [{ method: 'PUT' }, `PUT / HTTP/1.1\r\n${start}content-length: 0\r\n\r\n`],
    [{ method: 'PATCH' }, `PATCH / HTTP/1.1\r\n${start}content-length: 0\r\n\r\n`],
    [{ method: 'POST', body }, `POST / HTTP/1.1\r\n${start}transfer-encoding: chunked\r\n\r\n`],
    [{ method: 'GET', body, bodyLength: 0 }, `GET / HTTP/1.1\r\n${start}content-length: 0\r\n\r\n`],
    [{ method: 'M-SEARCH', body, bodyLength: 7 }, `M-SEARCH / HTTP/1.1\r\n${start}content-length: 7\r\n\r\n`],
    // The length that the client stated is not written.
    [
      { method: 'POST', body, bodyLength: 7, headers: ['content-length', '99', 'A', 'b'] },
      `POST / HTTP/1.1\r\n${start}A: b\r\ncontent-length: 7\r\n\r\n`,
    ],
    [
      { method: 'POST', body, headers: ['Content-Length', '99'] },
      `POST / HTTP/1.1\r\n${start}transfer-encoding: chunked\r\n\r\n`,
    ],
    [{ headers: ['CONTENT-LENGTH', '99'] }, `GET / HTTP/1.1\r\n${start}\r\n`],
  ];
  for (const [parts, head, isLast] of cases) t.equal(render(parts, isLast), head);
});

/** What could be read as more than one request, or as another one. */
const UNFIT: Readonly<Record<string, Partial<UpstreamRequest>>> = {
  'a line break in the target': { path: '/\r\nA: b' },
  'a line feed in the target': { path: '/\nA: b' },
  'a blank in the target': { path: '/ HTTP/1.1' },
  'a tab in the target': { path: '/\t' },
  'a NUL in the target': { path: '/\0' },
  'a DEL in the target': { path: '/\x7f' },
  'a line break at the end of the target': { path: '/\n' },
  'a byte beyond ASCII in the target': { path: '/\xe4' },
  'a character that would become a line feed': { path: '/\u010a' },
  'an empty target': { path: '' },
  'a line break in the method': { method: 'GET\r\n' },
  'a blank in the method': { method: 'GET /admin' },
  'a blank at the end of the method': { method: 'GET ' },
  'an empty method': { method: '' },
  'a character in the method that would become a letter': { method: '\u0147ET' },
  'a line break in a value': { headers: ['a', 'b\r\nc: d'] },
  'a carriage return in a value': { headers: ['a', 'b\rc'] },
  'a line feed in a value': { headers: ['a', 'b\nc'] },
  'a line feed at the end of a value': { headers: ['a', 'b\n'] },
  'a folded value': { headers: ['a', 'b\r\n c'] },
  'a NUL in a value': { headers: ['a', 'b\0'] },
  'a DEL in a value': { headers: ['a', 'b\x7f'] },
  'an escape in a value': { headers: ['a', '\x1b[0m'] },
  'a character in a value that would become CR': { headers: ['a', 'b\u010dc'] },
  'a character in a value that would become LF': { headers: ['a', 'b\u560ac'] },
  'a line break in the host': { headers: ['host', 'x\r\nA: b'] },
  'a line break in a length that is not written': { headers: ['content-length', '0\r\nA: b'] },
  'an empty name': { headers: ['', 'b'] },
  'a line break in a name': { headers: ['a\r\nb', 'c'] },
  'a colon in a name': { headers: ['a: b\r\nc', 'd'] },
  'a blank in a name': { headers: ['a b', 'c'] },
  'a blank before the colon': { headers: ['content-length ', '5'] },
  'a tab after a name': { headers: ['a\t', 'c'] },
  'a name beyond ASCII': { headers: ['\xe4', 'c'] },
  'a last field that breaks the line': { headers: ['a', 'b', 'c', 'd\r\n\r\nGET /admin HTTP/1.1'] },
  'a coding': { headers: ['transfer-encoding', 'chunked'] },
  'a coding in capitals': { headers: ['Transfer-Encoding', 'identity'] },
};

t.test('what could be read as more than one request is not written', async (t) => {
  for (const [name, parts] of Object.entries(UNFIT)) {
    t.throws(() => render(parts), { constructor: RequestUnfit, code: 'SEALGATE_REQUEST_UNFIT' }, name);
  }
});

t.test('whatever control characters come, a head has one empty line, and that at its end', async (t) => {
  for (let code = 0; code < 0x300; code++) {
    const text = `x${String.fromCharCode(code)}y`;
    for (const parts of [
      { path: `/${text}` },
      { method: text },
      { headers: [text, 'a'] },
      { headers: ['a', text] },
    ]) {
      let head: string;
      try {
        head = render(parts);
      } catch {
        continue;
      }
      const lines = Buffer.from(head, 'latin1')
        .toString('latin1')
        .split(/\r\n|[\r\n]/);
      if (lines.length !== ('headers' in parts ? 5 : 4) || lines.at(-1) !== '') t.fail(JSON.stringify(parts));
    }
  }
});
