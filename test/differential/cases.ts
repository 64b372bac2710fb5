import fc from 'fast-check';

/** One generated conversation: the bytes of a connection from its first to its last. */
export interface Case {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly body: string;
}

const PIECES = [
  ...[
    'public',
    'admin',
    'Public',
    'ADMIN',
    '%61dmin',
    'adm%69n',
    '%70ublic',
    'x',
    'a.b',
    '~',
    'a b',
    'a%20b',
  ],
  ...[
    '.',
    '..',
    '...',
    '%2e',
    '%2E%2e',
    '.%2e',
    '%2e.',
    '%252e%252e',
    '..;',
    '.;x',
    '..%00',
    '..%09',
    '%u002e',
  ],
  ...['', '%2f', '%2F', '%5c', '\\', '%252f', '%255c', '%ef%bc%8f', '%c0%af', '%c0%ae', '%e0%80%af', '∕'],
  ...[
    ';',
    ';x=y',
    '%3b',
    '?',
    '%3f',
    '#',
    '%23',
    '%',
    '%2',
    '%zz',
    '%00',
    '%0a',
    '%0d%0a',
    '%7f',
    '%ff',
    '%25',
    '%2523',
    '%253f',
    '..%3f',
    '.%23',
    '..%3b',
  ],
  ...[
    '*',
    '@',
    ':',
    ':80',
    '[',
    '|',
    '^',
    '`',
    '{}',
    '"',
    '<',
    '\t',
    '\x01',
    '\x7f',
    'é',
    '\xff',
    '+',
    ',',
    '=',
    '&',
  ],
  ...['..%2fadmin', '..%5cadmin', '%2e%2e%2fadmin', 'admin%2f', '%2fadmin', 'http:', 'a'.repeat(300)],
];

const STARTS = [
  '/',
  '/public',
  '/public/',
  '/admin',
  '/public/../',
  '//',
  '/./',
  '/%2e/',
  '',
  '*',
  'http://x',
  '\\',
  '/Public/',
];

const target = fc
  .tuple(
    fc.constantFrom(...STARTS, '/public/', '/public/'),
    fc.array(fc.tuple(fc.constantFrom('/', '/', ''), fc.constantFrom(...PIECES)), { maxLength: 5 }),
  )
  .map(([start, pieces]) => start + pieces.flat().join(''));

/** Requests of honest clients, in every unambiguous spelling. */
const PLAIN = [
  '/public',
  '/public/',
  '/public/x/y',
  '/%70ublic/a%20b?c=/../d',
  '/public/%C3%A9',
  '/public/...',
  '/public/a:b@c',
];

const METHODS = [
  ...['GET', 'GET', 'GET', 'GET', 'POST', 'POST'],
  'GET',
  'GET',
  'GET',
  'GET',
  'POST',
  'PUT',
  'HEAD',
  'OPTIONS',
  'DELETE',
  'PATCH',
  'TRACE',
  'CONNECT',
  'PROPFIND',
  'get',
  'G ET',
];

const HEADERS = [
  ...[
    'X-Original-URL: /admin',
    'X-Rewrite-URL: /admin',
    'X-Forwarded-Uri: /admin',
    'X-Forwarded-Path: /admin',
  ],
  ...['X-HTTP-Method-Override: GET', 'X-Forwarded-Host: admin', 'Forwarded: for=127.0.0.1;host=admin'],
  ...['X-User-Id: admin', 'X_User_Id: admin', 'x.user.id: admin', 'X-USER-ID: admin', 'Remote-User: admin'],
  ...[
    'Connection: x-user-id',
    'Connection: keep-alive, upgrade',
    'Connection: content-length',
    'Keep-Alive: timeout=9',
  ],
  ...[
    'Authorization: Bearer x',
    'Authorization: Bearer a.b.c',
    'Authorization: Basic YTpi',
    'Authorization:',
  ],
  ...[
    'Host: admin.example',
    'Host:',
    'Content-Length: 0',
    'Content-Length: 5',
    'Content-Length: 05',
    'Content-Length: -1',
  ],
  ...[
    'Content-Length : 5',
    'Content-Length: 5, 5',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: xchunked',
  ],
  ...[
    'Transfer-Encoding : chunked',
    'Transfer-Encoding:\tchunked',
    'Transfer-Encoding: chunked, identity',
    'transfer-encoding: CHUNKED',
  ],
  ...[
    'Transfer-Encoding: identity',
    ' Transfer-Encoding: chunked',
    'X: y\n Z: w',
    'X: y\nTransfer-Encoding: chunked',
    'X: \0',
  ],
  ...[
    'Expect: 100-continue',
    'Expect: x',
    'Upgrade: h2c',
    'Upgrade: websocket',
    'TE: trailers',
    'Trailer: x',
    'Range: bytes=0-',
  ],
  ...[
    'Origin: https://evil.example',
    'Access-Control-Request-Method: GET',
    'Cookie: a=b',
    'X: y',
    'no colon',
    ': no name',
  ],
];

const SMUGGLED = 'GET /admin/smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
const BODIES = [
  ...['', '', '', 'hello', '0\r\n\r\n', '5\r\nhello\r\n0\r\n\r\n', `0\r\n\r\n${SMUGGLED}`, SMUGGLED],
  ...[
    `5;${'x'.repeat(20)}\r\nhello\r\n0\r\n\r\n`,
    `0\r\nX: y\r\n\r\n${SMUGGLED}`,
    `2a\r\n${SMUGGLED}\r\n0\r\n\r\n`,
    `-1\r\n${SMUGGLED}`,
  ],
  ...[`5\nhello\n0\n\n${SMUGGLED}`, `5\r\nhelloX\r\n0\r\n\r\n${SMUGGLED}`, `hello${SMUGGLED}`],
];

/** Targets, headers and framings of every hostile kind, mixed with each other and with plain ones. */
export const arbitraryCase: fc.Arbitrary<Case> = fc.record({
  method: fc.constantFrom(...METHODS),
  target: fc.oneof({ weight: 3, arbitrary: target }, { weight: 2, arbitrary: fc.constantFrom(...PLAIN) }),
  headers: fc.array(fc.constantFrom(...HEADERS), { maxLength: 3 }),
  body: fc.constantFrom(...BODIES),
});

/** The bytes of a case; the host selects the backend. */
export function bytesOf({ method, target, headers, body }: Case, host: string): Buffer {
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${host}`, ...headers];
  return Buffer.from(`${lines.join('\r\n')}\r\nConnection: close\r\n\r\n${body}`, 'latin1');
}
