import t from 'tap';
import { CAUSES, type Cause } from '../../../src/core/causes.ts';
import { exchangeRaw, rawRequest } from '../../support/clients/raw.ts';
import { startHarness } from '../../support/gateway/gateway-harness.ts';

const get = (path: string, ...headers: string[]): string => rawRequest(`GET ${path} HTTP/1.1`, headers);
const post = (...headers: string[]): string => rawRequest('POST /public HTTP/1.1', headers, 'x');
const HANDSHAKE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];

/** Bytes that a client sends, and their access line: causes that no command can show. */
const ROWS: readonly (readonly [cause: Cause, bytes: string, reason: RegExp])[] = [
  ['request_syntax', get('/public', 'no colon'), /not HTTP\/1\.1/],
  ['request_syntax', '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n', /not HTTP\/1\.1/],
  ['request_framing', post('Transfer-Encoding: gzip'), /not exactly chunked/],
  [
    'request_framing',
    rawRequest('POST /public HTTP/1.0', ['Transfer-Encoding: chunked']),
    /HTTP\/1\.0 request/,
  ],
  ['http_version', rawRequest('GET /public HTTP/2.0'), /version other than/],
  ['handshake_malformed', get('/socket', ...HANDSHAKE, 'Content-Length: 1'), /handshake has no body/],
  [
    'handshake_malformed',
    get('/socket', ...HANDSHAKE, 'Sec-WebSocket-Key: short'),
    /no valid Sec-WebSocket-Key/,
  ],
  ['target_unreadable', get('/pub\x01lic'), /no target may have/],
  ['host_missing', 'GET /public HTTP/1.1\r\n\r\n', /no Host/],
  [
    'header_count',
    get('/public', ...Array.from({ length: 16 }, (_, at) => `X-${at}: 1`)),
    /more header fields than listen\.limits\.headers/,
  ],
  ['header_overflow', get('/public', `X-Long: ${'a'.repeat(5000)}`), /listen\.limits\.headerBytes or/],
  ['header_timeout', 'GET /public HTTP/1.1\r\nHost: a', /listen\.limits\.headerTimeout/],
  ['body_stalled', post('Content-Length: 100'), /stalled/],
  [
    'body_too_large',
    rawRequest('POST /small HTTP/1.1', ['Content-Length: 100']),
    /larger than the route allows/,
  ],
  ['expectation_failed', post('Expect: wonders', 'Content-Length: 1'), /100-continue/],
  ['rate_limited', get('/rare'), /limit by ip/],
];

t.test('what only the wire can bring about has its code and its reason', async (t) => {
  const harness = await startHarness(t, {
    listen: { limits: { headers: 16, headerBytes: '4KiB', headerTimeout: '500ms', bodyIdle: '500ms' } },
    routes: [
      { name: 'public', path: '/public', upstream: 'backend', access: 'public' },
      { name: 'small', path: '/small', upstream: 'backend', access: 'public', bodyLimit: '10B' },
      { name: 'socket', path: '/socket', upstream: 'backend', access: 'public', websocket: true },
      {
        name: 'rare',
        path: '/rare',
        upstream: 'backend',
        access: 'public',
        rateLimit: { max: 1, window: '1h', by: 'ip' },
      },
    ],
  });
  await exchangeRaw(harness.port, get('/rare'));
  for (const [cause, bytes, reason] of ROWS) {
    const { response } = await exchangeRaw(harness.port, bytes);
    t.equal(response?.code, CAUSES[cause], `${cause}: the code`);
    while (harness.lines.at(-1)?.code !== CAUSES[cause]) await new Promise(setImmediate);
    t.match(harness.lines.at(-1)?.reason, reason, `${cause}: the reason`);
  }
});
