import t from 'tap';
import { loadText, MINIMAL, problemLines } from '../../support/config/config-text.ts';

type Table = readonly (readonly [name: string, text: string, problems: readonly string[]])[];

const route = (line: string): string => `${MINIMAL}    ${line}\n`;
const path = (text: string): string => MINIMAL.replace('/orders', JSON.stringify(text));
const issuer = (line: string): string => MINIMAL.replace('routes:', `    ${line}\nroutes:`);
const iss = (text: string, more = ''): string =>
  MINIMAL.replace('https://issuer.example.com', text).replace('routes:', `${more}routes:`);
const upstream = (text: string): string => MINIMAL.replace('http://127.0.0.1:3000', text);
const header = (line: string): string => `${MINIMAL}identity: { headers: { ${line} } }\n`;
const twoIssuers = (access: string, more = ''): string => `issuers:
  a: { issuer: https://a.example, audiences: [x] }
  b: { issuer: https://b.example, audiences: [x] }
routes:
  - { name: r, path: /, upstream: http://u, access: ${access} }
${more}`;

const PREFIX_IS_THE_DEFAULT = 'a path takes everything below it; `exact: true` turns that off';
const HOST = 'write a name or address alone: no scheme, port or wildcard; letters beyond ASCII as xn--';
const HTTPS =
  'expected an https: URL, because the keys are found through it — set `jwksUri` if the issuer is not a URL';
const NAME_OR_SECURE =
  'use https:; if it is only the name in `iss`, set an https: `jwksUri`; or accept the risk with `insecure: true`';
const SECURE = 'use https:, or accept the risk with `insecure: true`';

const ANOTHER = 'use another name, such as x-auth-request-user or remote-user';
const REASONS: readonly (readonly [names: RegExp, words: string])[] = [
  [
    /^x.forwarded/i,
    `x-forwarded-* describe the path of a request, not its caller, and proxies on the path write them — ${ANOTHER}`,
  ],
  [
    /^(?:host|forwarded|x.request.id)$/i,
    `it describes the request, and proxies on the path write it — ${ANOTHER}`,
  ],
  [
    /^authorization$/,
    'it carries the credentials of the client — to pass the token on, set `identity.forwardToken: true`; else use another name',
  ],
  [/^cookie$/i, `it carries the cookies of the client — ${ANOTHER}`],
  [/^/, `it belongs to the connection or the body, and proxies drop or rewrite it — ${ANOTHER}`],
];
const reasonAndHint = (name: string): string => REASONS.find(([names]) => names.test(name))?.[1] ?? '';

const ERRORS: Table = [
  ['a path without a slash', path('orders'), ['7:11 expected a path that starts with `/`']],
  [
    'an empty path',
    MINIMAL.replace('/orders', '""'),
    ['7:11 expected a non-empty string, got an empty text'],
  ],
  ['a star', path('/orders/*'), [`7:11 \`*\` has no meaning in a path — ${PREFIX_IS_THE_DEFAULT}`]],
  [
    'a star within a segment',
    path('/or*ers'),
    [`7:11 \`*\` has no meaning in a path — ${PREFIX_IS_THE_DEFAULT}`],
  ],
  ['a query', path('/orders?x=1'), ['7:11 a path has no query or fragment — the query is not matched']],
  ['a fragment', path('/orders#x'), ['7:11 a path has no query or fragment — the query is not matched']],
  ['an empty segment', path('/a//b'), ['7:11 a path has no empty segments — write one `/`']],
  ['two slashes at the front', path('//a'), ['7:11 a path has no empty segments — write one `/`']],
  ['a dot segment', path('/a/./b'), ['7:11 a path has no `.` or `..` segments']],
  ['two dots at the end', path('/a/..'), ['7:11 a path has no `.` or `..` segments']],
  [
    'an escape',
    path('/a%20b'),
    [
      '7:11 a path is written decoded — write the character itself: requests are decoded before they are compared',
    ],
  ],
  ['a backslash', path('/a\\b'), ['7:11 a path has no `\\`, `;` or control characters']],
  ['a semicolon', path('/a;b'), ['7:11 a path has no `\\`, `;` or control characters']],
  ['a control character', path('/a\u0001'), ['7:11 the value ends with a control character — remove it']],
  [
    'a slash at the end',
    path('/orders/'),
    ['7:11 a path does not end with `/` — without it, the path takes both spellings'],
  ],
  [
    'a parameter without a name',
    path('/a/:'),
    ['7:11 `:` is not a parameter — a name has letters, digits and `_`, such as `:orderId`'],
  ],
  [
    'a parameter with a hyphen',
    path('/a/:order-id'),
    ['7:11 `:order-id` is not a parameter — a name has letters, digits and `_`, such as `:orderId`'],
  ],
  [
    'a parameter with a pattern',
    path('/a/:id(\\d+)'),
    ['7:11 `:id(\\d+)` is not a parameter here — a parameter is a whole segment: write `:id`'],
  ],
  ['a parameter twice', path('/a/:id/b/:id'), ['7:11 the path has the parameter `:id` twice']],

  [
    'a host with a port',
    route('host: a.example:80'),
    [`10:11 \`a.example:80\` is not a host name — ${HOST}`],
  ],
  [
    'a host with a scheme',
    route('host: https://a.example'),
    [`10:11 \`https://a.example\` is not a host name — ${HOST}`],
  ],
  ['a wildcard host', route('host: "*.example"'), [`10:11 \`*.example\` is not a host name — ${HOST}`]],
  ['a host with a space', route('host: a b'), [`10:11 \`a b\` is not a host name — ${HOST}`]],
  [
    'a host with an umlaut',
    route('host: bücher.example'),
    [`10:11 \`bücher.example\` is not a host name — ${HOST}`],
  ],
  [
    'a host with an empty label',
    route('host: a..example'),
    [`10:11 \`a..example\` is not a host name — ${HOST}`],
  ],
  ['a broken IPv6 address', route('host: "[::g]"'), [`10:11 \`[::g]\` is not a host name — ${HOST}`]],

  ['a method in lower case', route('methods: [get]'), ['10:15 methods are upper case — write GET']],
  ['a method with a space', route('methods: ["GET "]'), ['10:15 the value ends with a space — remove it']],
  ['CONNECT', route('methods: [CONNECT]'), ['10:15 CONNECT is never forwarded']],
  ['TRACE', route('methods: [GET, TRACE]'), ['10:20 TRACE is never forwarded']],
  ['a method twice', route('methods: [GET, GET]'), ['10:20 GET is listed twice']],

  ['a rewrite without a slash', route('rewrite: v2'), ['10:14 expected a path that starts with `/`']],
  [
    'a rewrite with a parameter',
    route('rewrite: /:id'),
    ['10:14 a rewrite has no parameters — it only replaces `path` at the front'],
  ],
  [
    'a rewrite with a query',
    route('rewrite: /a?b'),
    ['10:14 a rewrite has no query or fragment — the query is not matched'],
  ],
  [
    'a rewrite with an escaped slash',
    route('rewrite: /a%2Fb'),
    ['10:14 a rewrite has no escaped `.`, `/`, `\\`, `%` or control character'],
  ],
  [
    'a rewrite with escaped dots',
    route('rewrite: /%2e%2e/b'),
    ['10:14 a rewrite has no escaped `.`, `/`, `\\`, `%` or control character'],
  ],
  [
    'a rewrite with a broken escape',
    route('rewrite: /a%zz'),
    ['10:14 a `%` starts an escape of two hex digits — write a literal `%` as %25'],
  ],
  [
    'a rewrite with a space',
    route('rewrite: /a b'),
    ['10:14 a rewrite is written as it is sent — percent-encode other characters'],
  ],
  ['a rewrite that climbs', route('rewrite: /a/../b'), ['10:14 a rewrite has no `.` or `..` segments']],
  [
    'a rewrite with a slash at the end',
    route('rewrite: /v2/'),
    ['10:14 a rewrite does not end with `/` — without it, the path takes both spellings'],
  ],

  [
    'an unknown upstream without any',
    upstream('orders'),
    ['8:15 unknown upstream `orders` — name one under `upstreams`, or give a URL'],
  ],
  [
    'an unknown upstream',
    `${upstream('order')}upstreams: { orders: { url: http://o } }\n`,
    ['8:15 unknown upstream `order` — did you mean `orders`?'],
  ],
  [
    'an upstream with a query',
    upstream('http://o/?a=1'),
    ['8:15 the URL of an upstream has no query or fragment'],
  ],
  [
    'an upstream with a password',
    upstream('http://user:secret@o'),
    ['8:15 the URL of an upstream has no user or password'],
  ],
  ['an upstream that is no URL', upstream('http://'), ['8:15 expected an http: or https: URL']],
  [
    'an upstream of another scheme',
    upstream('ftp://o'),
    ['8:15 unknown upstream `ftp://o` — name one under `upstreams`, or give a URL'],
  ],
  [
    'WebSockets towards an upstream of h2',
    `${upstream('o')}    websocket: true\nupstreams: { o: { url: http://o, protocol: h2 } }\n`,
    ['10:16 WebSockets need an upstream of `protocol: h1`'],
  ],
  [
    'WebSockets of a cookie without a list of origins',
    route('websocket: true\n    tokenFrom: [{ query: t }, { cookie: session }]'),
    [
      "11:41 every site could open a WebSocket here with the cookie of its visitor — list the allowed pages in `cors.origins`; `cors: { origins: '*' }` allows every site",
    ],
  ],
  [
    'a balance of one address',
    `${upstream('o')}upstreams: { o: { url: http://o, balance: roundRobin } }\n`,
    ['10:43 `balance` needs several `urls`'],
  ],
  [
    'an ejection of one address',
    `${upstream('o')}upstreams: { o: { urls: [http://o], ejection: {} } }\n`,
    ['10:47 `ejection` needs several `urls`'],
  ],
  [
    'addresses of two schemes',
    `${upstream('o')}upstreams: { o: { urls: [http://o, https://p] } }\n`,
    ['10:25 one backend has both http: and https: addresses'],
  ],
  [
    'an address twice',
    `${upstream('o')}upstreams: { o: { urls: [http://o, http://o] } }\n`,
    ['10:25 an address is listed twice'],
  ],
  [
    'a socket with several addresses',
    `${upstream('o')}upstreams: { o: { urls: [http://o, http://p], socket: s } }\n`,
    ['10:55 a socket is one address: it needs `url`'],
  ],
  [
    'a second address with a password',
    `${upstream('o')}upstreams: { o: { urls: [http://o, "http://u:p@p"] } }\n`,
    ['10:36 the URL of an upstream has no user or password'],
  ],
  [
    'an upstream without address',
    `${upstream('o')}upstreams: { o: {} }\n`,
    ['10:17 expected either `url` or `urls`'],
  ],
  [
    'a named upstream with a fragment',
    `${MINIMAL}upstreams: { o: { url: "http://o/#x" } }\n`,
    ['10:24 the URL of an upstream has no query or fragment'],
  ],

  [
    'an issuer over http:',
    iss('http://id.example'),
    [`3:13 \`issuer\` is plain http: to another machine — ${NAME_OR_SECURE}`],
  ],
  [
    'a name over http: does not make its keys safe',
    issuer('jwksUri: http://10.0.0.1/keys').replace('https://issuer.example.com', 'http://id.example/trust'),
    [`5:14 \`jwksUri\` is plain http: to another machine — ${SECURE}`],
  ],
  [
    'keys over http:',
    issuer('jwksUri: http://10.0.0.1/keys'),
    [`5:14 \`jwksUri\` is plain http: to another machine — ${SECURE}`],
  ],
  [
    'a host that only starts like loopback',
    iss('http://127.0.0.1.example'),
    [`3:13 \`issuer\` is plain http: to another machine — ${NAME_OR_SECURE}`],
  ],
  ['an issuer that is a URN', iss('urn:example'), [`3:13 ${HTTPS}`]],
  ['an issuer that is a name', iss('corp'), [`3:13 ${HTTPS}`]],
  [
    'an issuer with a query',
    iss('https://id.example/?a'),
    ['3:13 an issuer whose keys are discovered has no query, fragment or user'],
  ],
  [
    'one iss twice',
    iss(
      'https://id.example',
      '  twin: { issuer: https://id.example, audiences: [a] }\ndefaults: { issuers: [corp] }\n',
    ),
    [
      '5:19 `corp` (line 3) has the same `issuer` — an `iss` belongs to one issuer; give that one several audiences',
    ],
  ],
  [
    'keys asked for too often',
    issuer('keys: { cooldown: 999ms, refresh: 0s }'),
    ['5:23 one second is the shortest interval', '5:39 one second is the shortest interval'],
  ],

  [
    'two issuers and none named',
    twoIssuers('authenticated'),
    [
      '5:53 this access does not name which of the 2 issuers it accepts — name them in `issuers` here, or for all routes in `defaults.issuers`',
    ],
  ],
  [
    'two issuers and none named by optional',
    twoIssuers('optional'),
    [
      '5:53 this access does not name which of the 2 issuers it accepts — name them in `issuers` here, or for all routes in `defaults.issuers`',
    ],
  ],
  [
    'two issuers and one alternative without',
    twoIssuers('[{ issuers: [a] }, { scopes: [x] }]'),
    [
      '5:72 this access does not name which of the 2 issuers it accepts — name them in `issuers` here, or for all routes in `defaults.issuers`',
    ],
  ],
  ['an unknown issuer', twoIssuers('{ issuers: [a, c3] }'), ['5:68 unknown issuer `c3` — known here: a, b']],
  [
    'an unknown issuer by default',
    twoIssuers('authenticated', 'defaults: { issuers: [A] }\n'),
    ['6:23 unknown issuer `A` — did you mean `a`?'],
  ],
  [
    'no issuer at all',
    MINIMAL.replace(/issuers:.*?routes/s, 'routes'),
    [
      '5:13 the file has no issuer whose tokens could be accepted — add one under `issuers`, or make the route `public`',
    ],
  ],

  [
    'passAuthorization on a guarded route',
    route('passAuthorization: true'),
    [
      '10:24 `passAuthorization` is for public and optional routes only — to pass on a verified token, set `identity.forwardToken: true`',
    ],
  ],

  ...[
    'Host',
    'authorization',
    'Cookie',
    'forwarded',
    'x-forwarded-for',
    'X-Forwarded-Anything',
    'x-request-id',
    'content-length',
    'transfer-encoding',
    'connection',
    'keep-alive',
    'proxy-authorization',
    'te',
    'trailer',
    'upgrade',
    'x_forwarded_for',
    'X.Request.Id',
  ].map((name): Table[number] => [
    `${name} as identity header`,
    header(`${name}: sub`),
    [`10:24 \`${name}\` cannot be an identity header: ${reasonAndHint(name)}`],
  ]),
  [
    'a taken header unset',
    header('host: ~'),
    [`10:24 \`host\` cannot be an identity header: ${reasonAndHint('host')}`],
  ],
  [
    'a taken header reserved',
    `${MINIMAL}identity: { reserved: [a, Host] }\n`,
    ['10:27 `Host` cannot be reserved: it describes the request, and proxies on the path write it'],
  ],
  [
    'a taken header in a route',
    route('identity: { headers: { host: sub } }'),
    [`10:28 \`host\` cannot be an identity header: ${reasonAndHint('host')}`],
  ],
  [
    'two headers that fold to one',
    header('x-user: sub, X_User: sub'),
    ['10:37 `X_User` and `x-user` are one header to many backends'],
  ],
  [
    'an unknown special source',
    header('x-a: $role'),
    ['10:29 unknown source `$role` — did you mean `$roles`?'],
  ],
  [
    'a source without claim or template',
    header('x-a: { format: csv }'),
    ['10:29 expected `claim` or `template`'],
  ],
  [
    'a source with both',
    header('x-a: { claim: sub, template: "{sub}" }'),
    ['10:29 expected `claim` or `template`, not both'],
  ],

  [
    'one response header in two spellings',
    `${MINIMAL}listen: { responseHeaders: { etag: a, ETag: b } }\n`,
    ['10:39 `ETag` and `etag` are one header'],
  ],
  [
    'a proxy that is a name',
    `${MINIMAL}listen: { trustedProxies: [proxy] }\n`,
    ['10:28 `proxy` is neither an address nor a CIDR — such as 10.0.0.0/8, 192.0.2.7 or fd00::/8'],
  ],
  [
    'a prefix too long',
    `${MINIMAL}listen: { trustedProxies: [10.0.0.0/33] }\n`,
    ['10:28 `10.0.0.0/33` is neither an address nor a CIDR — such as 10.0.0.0/8, 192.0.2.7 or fd00::/8'],
  ],
  [
    'an address cut short',
    `${MINIMAL}listen: { trustedProxies: [10.0/8] }\n`,
    ['10:28 `10.0/8` is neither an address nor a CIDR — such as 10.0.0.0/8, 192.0.2.7 or fd00::/8'],
  ],
  [
    'one port for both listeners',
    `${MINIMAL}listen: { port: 9090 }\n`,
    ['10:17 port 9090 is taken by `admin` — give each its own port'],
  ],
  [
    'one port for both on every address',
    `${MINIMAL}listen: { host: 0.0.0.0 }\nadmin: { port: 8080 }\n`,
    ['11:16 port 8080 is taken by `listen` — give each its own port'],
  ],
];

for (const [name, text, expected] of ERRORS) {
  t.test(`${name} is an error`, async (t) => {
    t.same(problemLines(text), expected);
    t.equal(loadText(text).config, undefined);
  });
}

const FINE: readonly (readonly [string, string])[] = [
  ['the root', path('/')],
  ['a colon within a segment', path('/v1/orders:batch')],
  ['letters beyond ASCII and a space in a path', path('/bücher und mehr')],
  ['dots that are no dot segment', path('/a/.well-known/...')],
  ['a host with a trailing dot, in any case', route('host: API.example.com.')],
  ['an IPv6 host', route('host: "[::1]"')],
  ['an own method', route('methods: [PURGE, M-SEARCH]')],
  ['a rewrite to the root', route('rewrite: /')],
  ['an escaped space in a rewrite', route('rewrite: /a%20b')],
  ['an upstream with a path', upstream('https://o:8443/base')],
  ['http: on loopback', iss('http://127.0.0.1:4000')],
  ['http: on localhost', iss('http://localhost:4000')],
  ['http: on IPv6 loopback', iss('http://[::1]:4000')],
  [
    'any issuer text with jwksUri',
    issuer('jwksUri: https://id.example/keys').replace('https://issuer.example.com', 'corp'),
  ],
  [
    'an issuer over http: that is but a name, as of AD FS',
    issuer('jwksUri: https://id.example/keys').replace(
      'https://issuer.example.com',
      'http://id.example/trust',
    ),
  ],
  ['two issuers by default', twoIssuers('authenticated', 'defaults: { issuers: [a] }\n')],
  ['two issuers and a public route', twoIssuers('public')],
  [
    'passAuthorization on a public route',
    route('passAuthorization: true').replace('authenticated', 'public'),
  ],
  ['an identity header unset', header('x-user-id: ~')],
  ['a special source', header('x-a: $issuerName')],
  [
    'addresses and ranges',
    `${MINIMAL}listen: { trustedProxies: [10.0.0.0/8, 192.0.2.7, "fd00::/8", "::1"] }\n`,
  ],
  [
    'WebSockets of a cookie with a list of origins',
    route('websocket: true\n    tokenFrom: [{ cookie: a }]\n    cors: { origins: [https://a.example] }'),
  ],
  [
    'WebSockets of a cookie for every origin, stated explicitly',
    route("websocket: true\n    tokenFrom: [{ cookie: a }]\n    cors: { origins: '*' }"),
  ],
  [
    'WebSockets of a token in a protocol',
    route('websocket: true\n    tokenFrom: [{ webSocketProtocol: a }]'),
  ],
  ['a token in a header where a proxy moved it', route('tokenFrom: [{ header: X-Forwarded-Access-Token }]')],
  ['free ports', `${MINIMAL}listen: { port: 0 }\nadmin: { port: 0 }\n`],
];

for (const [name, text] of FINE) {
  t.test(`${name} is fine`, async (t) => t.same(problemLines(text), []));
}
