import fc from 'fast-check';
import { FILES } from './files.ts';

/** A generated request of a client, and what the proxy in front reports of it. Text, so that a printed one can be played again. */
export interface ClientRequest {
  /** The file that decides on it: a name of `FILES`. */
  readonly file: string;
  readonly method: string;
  readonly target: string;
  readonly host: string;
  /** X-Forwarded-For as the last proxy writes it. */
  readonly client: string;
  /** `Name: value`; `<name>` in a value or the target stands for the token of that name. */
  readonly fields: readonly string[];
  /** Whether the asking proxy copies the fields of the client's connection into its question. */
  readonly copiesHops: boolean;
}

const TOKENS = [
  ...[
    'good',
    'good',
    'good',
    'good',
    'good',
    'good',
    'rich',
    'rich',
    'rich',
    'rich',
    'rich',
    'rich',
    'rich',
    'rich',
    'other',
    'other',
    'bob',
    'other',
    'bob',
    'chief',
    'strong',
    'strong',
    'stale',
    'weak',
    'bare',
    'long',
    'shop',
    'elsewhere',
  ],
  ...['unknown', 'expired', 'early', 'timeless', 'idToken', 'forged', 'stranger', 'unsigned', 'cut'],
];
const token = fc.constantFrom(...TOKENS).map((name) => `<${name}>`);

const METHODS = [
  ...[
    'GET',
    'GET',
    'GET',
    'GET',
    'GET',
    'GET',
    'GET',
    'GET',
    'GET',
    'GET',
    'GET',
    'GET',
    'GET',
    'GET',
    'GET',
    'GET',
    'GET',
    'GET',
    'GET',
  ],
  ...[
    'GET',
    'GET',
    'GET',
    'GET',
    'GET',
    'GET',
    'POST',
    'POST',
    'POST',
    'POST',
    'POST',
    'POST',
    'OPTIONS',
    'HEAD',
    'PUT',
    'DELETE',
    'PATCH',
  ],
  ...['TRACE', 'CONNECT', 'PROPFIND', 'QUERY', 'PURGE', 'get', 'Post', 'BREW'],
];

const HOSTS = [
  ...['api.example', 'api.example', 'api.example', 'api.example', 'admin.example', 'admin.example'],
  ...[
    'Admin.Example',
    'admin.example.',
    'admin.example:8443',
    'api.example:',
    '127.0.0.1',
    '[2001:db8::1]:80',
  ],
  ...[
    '[::1',
    'a b',
    'user@admin.example',
    'admin.example:99999',
    'admin.example,api.example',
    '-',
    'a..b',
    '',
    'a?b',
    'a#b',
  ],
];

const CLIENTS = [
  ...['203.0.113.7', '203.0.113.7', '198.51.100.1', '198.51.100.1, 203.0.113.8', 'junk, 203.0.113.9'],
  ...['2001:db8::7', '[2001:db8::7]:4711', '203.0.113.7:4711', '::ffff:203.0.113.7', '10.0.0.2, 10.0.0.1'],
];

/** Counts on from the paths of the file's own routes. */
const MORE_AREAS = ['/none', '/spelled', '/admin', ''];
const SEGMENTS = [
  ...['', '7', '7', 'ann', 'inside', 'x', 'a%20b', '%C3%A9', 'a:b@c', '~', '...', '%41', 'INSIDE', '100%25'],
  ...['.', '..', '%2e%2e', '.%2e', '%2E', 'a%2fb', '..%2finside', '%5c', '\\', ';x=1', 'a;b', '%3b', ';'],
  ...[
    '%23',
    '%3F',
    'c%23',
    'inside%3Fx',
    '%253f',
    '%25%32e',
    '%',
    '%zz',
    '%2',
    '%00',
    '%0d%0a',
    '%7f',
    '%ff',
  ],
  ...[
    '\xe9',
    '|',
    '^',
    '"',
    '<',
    '{',
    '`',
    '#',
    '#x',
    '%ef%bc%8f',
    '%c0%af',
    '%u002e',
    '*',
    ',',
    '=',
    '&',
    '+',
  ],
];
const QUERIES = [
  ...[
    '',
    '',
    '',
    '',
    '',
    '',
    '',
    '',
    '',
    '',
    '',
    '',
    '?',
    '?a=1',
    '?a=1',
    '?page=2',
    '?page=2',
    '?page=2',
    '?page=2&page=3',
    '?page=3',
    '?a=/../b',
    '?a=%00',
    '?a=%zz',
  ],
  ...['?a=;b', '?\xe9', '?a#b', '??', '?a=b?c', '?page=%32', '?token=', '?a=[]{}|'],
];

const path = fc
  .tuple(
    fc.nat(21),
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom([], ['7'], ['ann'], ['']) },
      { weight: 1, arbitrary: fc.array(fc.constantFrom(...SEGMENTS), { maxLength: 3 }) },
    ),
  )
  .map(([area, segments]) => [`{${area}}`, ...segments].join('/'));
const query = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...QUERIES) },
  { weight: 2, arbitrary: token.map((value) => `?token=${value}`) },
  { weight: 1, arbitrary: token.map((value) => `?a=1&token=${value}&b=%20`) },
);
const WHOLE_TARGETS = [
  ...['*', 'http://api.example/public', '//admin.example/asked', '/', '/.well-known/sealgate/jwks.json'],
  ...[
    '/.well-known/oauth-protected-resource/asked',
    '/.well-known/sealgate/jwks.json?a=1',
    '/PUBLIC',
    '/Asked/7',
  ],
  ...['/spelled//inside', '/spelled/a%2finside', '/spelled/;a/inside', '/public/..;/admin', 'public', '?a'],
];
const target = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(path, query).map((parts) => parts.join('')) },
  { weight: 1, arbitrary: fc.constantFrom(...WHOLE_TARGETS) },
);

/** Tokens that are bound, with what proves it and what does not. */
const BOUND: readonly (readonly string[])[] = [
  ['Authorization: DPoP <bound>', 'DPoP: <proof>'],
  ['Authorization: DPoP <bound>', 'DPoP: <proof>'],
  ['authorization: dpop <bound>', 'dpop: <proof>'],
  ['Authorization: DPoP <bound>', 'DPoP: <strangeProof>'],
  ['Authorization: DPoP <bound>', 'DPoP: <oldProof>'],
  ['Authorization: DPoP <bound>', 'DPoP: <otherProof>'],
  ['Authorization: DPoP <bound>', 'DPoP: <typelessProof>'],
  ['Authorization: DPoP <bound>', 'DPoP: made up'],
  ['Authorization: DPoP <bound>'],
  ['Authorization: DPoP <good>', 'DPoP: <proof>'],
  ['Authorization: Bearer <bound>', 'DPoP: <proof>'],
  ['Authorization: Bearer <bound>'],
  ['Authorization: Bearer <rich>', 'DPoP: <proof>'],
  ['DPoP: <proof>'],
  ['Authorization: Bearer <certified>', 'Client-Cert: <certificate>'],
  ['Authorization: Bearer <certified>', 'Client-Cert: <certificate>'],
  ['Authorization: Bearer <certified>', 'Client-Cert: <otherCertificate>'],
  ['Authorization: Bearer <certified>', 'Client-Cert: :AAAA:'],
  ['Authorization: Bearer <certified>', 'Client-Cert:'],
  ['Authorization: Bearer <certified>'],
  ['Authorization: Bearer <good>', 'Client-Cert: <certificate>'],
  ['Authorization: DPoP <twiceBound>', 'DPoP: <proof>', 'Client-Cert: <certificate>'],
  ['Authorization: DPoP <bound>', 'DPoP: <proof>', 'Client-Cert: <certificate>'],
  ['Authorization: Bearer <oddlyBound>'],
];

const credential = fc.oneof(
  { weight: 10, arbitrary: token.map((value) => [`Authorization: Bearer ${value}`]) },
  { weight: 2, arbitrary: fc.constant([]) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('bearer ', 'BEARER ', 'Bearer  ', 'Basic ', 'DPoP ', ''), token)
      .map(([scheme, value]) => [`authorization: ${scheme}${value}`]),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(token, token).map((pair) => pair.map((value) => `Authorization: Bearer ${value}`)),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(token, token).map((pair) => [`Authorization: Bearer ${pair.join(', Bearer ')}`]),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(['Authorization:'], ['Authorization: Basic YTpi'], ['Authorization: Bearer']),
  },
  { weight: 1, arbitrary: fc.constantFrom(...BOUND).map((fields) => [...fields]) },
  { weight: 2, arbitrary: token.map((value) => [`Cookie: a=b; session=${value}; c=d`]) },
  { weight: 1, arbitrary: token.map((value) => [`Cookie: session=${value}`]) },
  { weight: 1, arbitrary: token.map((value) => [`X-Token: ${value}`]) },
  { weight: 1, arbitrary: token.map((value) => [`X-Forwarded-Access-Token: ${value}`]) },
);

const HANDSHAKE = [
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
const origin = fc.constantFrom(
  ...['https://app.example', 'https://app.example', 'https://a.pages.example', 'https://evil.example'],
  ...['null', 'HTTPS://APP.EXAMPLE', 'https://app.example, https://evil.example', ''],
);
const kind = fc.oneof(
  { weight: 8, arbitrary: fc.constant([]) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        origin,
        fc.constantFrom('GET', 'PUT', 'POST', 'get', 'BREW'),
        fc.constantFrom('', 'authorization', 'x-none'),
      )
      .map(([from, method, names]) => [
        `Origin: ${from}`,
        `Access-Control-Request-Method: ${method}`,
        ...(names === '' ? [] : [`Access-Control-Request-Headers: ${names}`]),
      ]),
  },
  { weight: 1, arbitrary: origin.map((from) => [`Origin: ${from}`]) },
  { weight: 1, arbitrary: fc.constant(['Connection: Upgrade', ...HANDSHAKE]) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(origin, token, fc.boolean())
      .map(([from, value, isLast]) => [
        'Connection: keep-alive, Upgrade',
        ...HANDSHAKE,
        `Origin: ${from}`,
        `Sec-WebSocket-Protocol: chat, bearer, ${value}${isLast ? '' : ', more'}`,
      ]),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(HANDSHAKE.slice(0, 1), HANDSHAKE.slice(2), [
      'Connection: Upgrade',
      'Upgrade: h2c',
    ]),
  },
);

/** Fields that no client may send, and spellings of others that a backend may take for them. */
const SPOOFED = [
  ...['X-User-Id: mallory', 'x-user-id:', 'X-USER-ISSUER: evil', 'X-User-Scopes: admin', 'Remote-User: root'],
  ...['X_User_Id: mallory', 'X-User.Id: mallory', 'x_user-scopes: admin', 'Remote_User: root', 'X_Token: x'],
  ...[
    'X-Sealgate-Assertion: a.b.c',
    'X_Sealgate_Trust: x',
    'X-Sealgate: x',
    'X-Tenant: evil',
    'X_Tenant: evil',
  ],
  ...[
    'X-HTTP-Method-Override: DELETE',
    'X_HTTP_Method: DELETE',
    'X-Original-URL: /admin',
    'X-Rewrite-URL: /admin',
  ],
  ...[
    'X-Forwarded-Uri: /admin',
    'X-Forwarded-Method: GET',
    'X_Forwarded_Uri: /admin',
    'X-Original-Method: GET',
  ],
  ...['X-Original-URI: /admin', 'X-Forwarded-Path: /admin', 'X-Forwarded-Prefix: /x', 'Script-Name: /admin'],
  ...[
    'X-Accel-Mapping: /=/admin',
    'X_Sendfile_Type: X-Accel-Redirect',
    'Path.Info: /admin',
    'X-Host: admin.example',
  ],
  ...[
    'X-Forwarded-Host: admin.example',
    'X-Forwarded-Proto: http',
    'Forwarded: for=127.0.0.1;host=admin.example',
  ],
  ...[
    'X-Real-IP: 203.0.113.66',
    'X-Envoy-Original-Path: /admin',
    'X-Forwarded-Authorization: Bearer x',
    'True-Client-IP: 1.2.3.4',
  ],
  ...[
    'Content_Length: 9',
    'Content_Type: text/html',
    'Cookie_: a',
    'H_ost: admin.example',
    'Host_: x',
    'Authorization_: x',
  ],
  ...[
    'Author_ization: x',
    'Sec_WebSocket_Protocol: x',
    'Sec-WebSocket_Key: x',
    'Transfer_Encoding: chunked',
    'Up_grade: x',
  ],
  ...['X_Forwarded_For: 127.0.0.1', 'X-Real_IP: 127.0.0.1', 'X_Forwarded-Access-Token: x', 'Keep_Alive: x'],
];
const NOMINATED = [
  ...[
    'x-user-id',
    'X-User-Id, x-user-scopes',
    'authorization',
    'cookie, x-token',
    'keep-alive, x-app',
    'x-forwarded-for',
  ],
  ...['x-forwarded-uri, x-forwarded-method', 'x-original-url', 'x-sealgate-assertion', 'content-type', 'te'],
];
const ORDINARY = [
  ...[
    'X-App: shop',
    'X-App: shop',
    'x-app: other',
    'Accept: */*',
    'Cookie: a=b',
    'Cookie: c=d',
    'TE: trailers',
  ],
  ...[
    'Content-Type: application/grpc',
    'Content-Type: application/json',
    'Accept-Language: de',
    'Range: bytes=0-',
  ],
  ...['User-Agent: x/1', 'Referer: https://evil.example/?token=x', 'X-Empty:', 'Keep-Alive: timeout=9'],
  ...[
    'Proxy-Authorization: Basic YTpi',
    'Via: 1.1 x',
    `X-Long: ${'y'.repeat(900)}`,
    'If-None-Match: "a"',
    'DNT: 1',
    'Expect: 100-continue',
    'Expect: later',
  ],
];
const further = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...ORDINARY) },
    { weight: 2, arbitrary: fc.constantFrom(...SPOOFED) },
    { weight: 1, arbitrary: fc.constantFrom(...NOMINATED).map((names) => `Connection: ${names}`) },
  ),
  { maxLength: 2 },
);

/** Requests of honest and hostile clients, mixed. Nothing that HTTP/1.1 itself cannot carry, and no body. */
export const clientRequest: fc.Arbitrary<ClientRequest> = fc
  .record({
    file: fc.constantFrom(...Object.keys(FILES)),
    method: fc.constantFrom(...METHODS),
    target,
    host: fc.oneof(
      { weight: 3, arbitrary: fc.constant('api.example') },
      { weight: 1, arbitrary: fc.constantFrom(...HOSTS) },
    ),
    client: fc.constantFrom(...CLIENTS),
    credential,
    bound: fc.option(fc.constantFrom(...BOUND), { freq: 4 }),
    kind,
    further,
    copiesHops: fc.boolean(),
    hasBoth: fc.boolean(),
  })
  .map(({ credential, bound, kind, further, hasBoth, ...rest }) => {
    // Where tokens are bound, little else is allowed.
    const credentials = rest.file === 'bound' && bound !== null ? bound : credential;
    const isPreflight = kind.some((field) => field.startsWith('Access-Control-Request-Method'));
    const isHandshake = kind.some((field) => field.startsWith('Upgrade: websocket'));
    // A preflight or handshake by another method is mostly none.
    const { method } = rest;
    const fitting =
      isPreflight && method !== 'POST' ? 'OPTIONS' : isHandshake && method !== 'POST' ? 'GET' : method;
    const target = rest.target.replace(/^\{(\d+)\}/, (_, area) => areaOf(rest.file, Number(area)));
    return {
      ...rest,
      method: fitting,
      // The parser refuses either of the two for its own reason, whichever it reads first.
      target: method === 'CONNECT' ? target.replace(/[^!-~]/g, 'x') : target,
      // Two tokens are refused nearly everywhere.
      fields: [...(hasBoth || !target.includes('token=<') ? credentials : []), ...kind, ...further],
    };
  });

/** Mostly one of the file's own routes. */
function areaOf(file: string, index: number): string {
  const routes = FILES[file]?.file.routes as readonly { readonly path: string }[];
  const paths = routes.map(({ path }) => path.replace('/:id', ''));
  return MORE_AREAS[index - 18] ?? (paths[index % paths.length] as string);
}
