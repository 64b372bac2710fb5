import t from 'tap';
import { loadText } from '../../../support/config/config-text.ts';

interface Row {
  readonly name: string;
  /** Each in place of the default. */
  readonly decisions?: string | undefined;
  readonly route?: string;
  readonly listen?: string;
  readonly admin?: string;
  readonly upstreams?: string;
  readonly more?: string;
  /** Every problem of the file but notes on public routes: severity, path, words of message and hint. */
  readonly found: readonly (readonly [severity: string, path: string, words: RegExp, hint?: RegExp])[];
}

const ISSUERS = 'corp: { issuer: https://id.example, audiences: [https://api.example.com/shop] }';

function fileOf({
  route = 'upstream: none',
  listen = '{}',
  admin = '{}',
  upstreams = '{}',
  more = '',
  ...row
}: Row): string {
  const decisions = 'decisions' in row ? row.decisions : '{}';
  const access = /access:/.test(route) ? '' : ', access: authenticated';
  return `listen: ${listen}
admin: ${admin}
${decisions === undefined ? '' : `decisions: ${decisions}\n`}issuers:
  ${ISSUERS}
upstreams: ${upstreams}
routes:
  - { name: shop, path: /shop, ${route}${access} }
${more}`;
}

const SPOOFED: Row['found'][number] = [
  'error',
  '',
  /asking proxies would take .* for what was decided about the caller/,
  /another name/,
];
const spoofed = (name: string): Row['found'] => [
  [SPOOFED[0], `listen.responseHeaders.${name}`, SPOOFED[2], SPOOFED[3] as RegExp],
];

const ROWS: readonly Row[] = [
  { name: 'all defaults', found: [] },
  { name: 'a route that is proxied and asked about', route: 'upstream: "http://u"', found: [] },

  {
    name: 'an upstream that is the listener for questions',
    route: 'upstream: "http://127.0.0.1:8081"',
    found: [
      ['warning', 'routes[0].upstream', /leads back to the gateway itself \(`decisions`\)/, /of the backend/],
    ],
  },
  {
    name: 'an upstream that is the listener for Checks',
    decisions: '{ grpc: 9001 }',
    route: 'upstream: "http://127.0.0.1:9001"',
    found: [
      [
        'warning',
        'routes[0].upstream',
        /leads back to the gateway itself \(`decisions.grpc`\)/,
        /of the backend/,
      ],
    ],
  },

  // Routes without an upstream
  {
    name: 'nobody can ask',
    decisions: undefined,
    found: [['warning', 'routes[0].upstream', /route `shop` only makes its paths 404/, /set `decisions`/]],
  },
  {
    name: 'an upstream of this name',
    upstreams: '{ none: { url: "http://u" } }',
    found: [['error', 'upstreams.none', /stands for no upstream/, /another name/]],
  },
  {
    name: 'an upstream of this name, and no decisions',
    decisions: undefined,
    upstreams: '{ none: { url: "http://u" } }',
    found: [['error', 'upstreams.none', /stands for no upstream/]],
  },
  {
    name: 'rules on bodies',
    route: 'upstream: none, mcp: {}',
    found: [['warning', 'routes[0].mcp', /`shop` refuses every request: .* body/, /name an upstream/]],
  },
  {
    name: 'settings of forwarding',
    route: 'upstream: none, rewrite: /, timeouts: { response: 1s }, bodyLimit: 1KiB',
    found: ['rewrite', 'timeouts', 'bodyLimit'].map((key) => [
      'warning',
      `routes[0].${key}`,
      /has no effect: the gateway forwards nothing/,
      /in the proxy that asks/,
    ]),
  },
  {
    name: 'an upstream that only such a route could have used',
    upstreams: '{ shop: { url: "http://u" } }',
    found: [['warning', 'upstreams.shop', /no route leads to upstream/]],
  },

  // Tokens that the asking proxy would forward
  {
    name: 'a token in the query',
    route: 'upstream: none, tokenFrom: [{ header: x-token }, { query: token }]',
    found: [
      ['warning', 'routes[0].tokenFrom[1].query', /are refused: .*`shop` would forward it/, /forwardToken/],
    ],
  },
  {
    name: 'a token in a cookie',
    route: 'upstream: none, tokenFrom: [{ cookie: session }]',
    found: [
      [
        'note',
        'routes[0].tokenFrom[0].cookie',
        /refused at \/forward-auth and \/auth-request/,
        /\/ext-authz or over gRPC/,
      ],
    ],
  },
  {
    name: 'a token of a WebSocket',
    route: 'upstream: none, websocket: true, tokenFrom: [{ webSocketProtocol: bearer }]',
    found: [['note', 'routes[0].tokenFrom[0].webSocketProtocol', /refused at \/forward-auth/]],
  },
  {
    name: 'one that the backend may have',
    route:
      'upstream: none, tokenFrom: [{ cookie: session }, { query: token }], identity: { forwardToken: true }',
    found: [],
  },
  {
    name: 'one that all backends may have',
    route: 'upstream: none, tokenFrom: [{ query: token }]',
    more: 'identity: { forwardToken: true }\n',
    found: [],
  },
  {
    name: 'one that this backend may not have',
    route: 'upstream: none, tokenFrom: [{ query: token }], identity: { forwardToken: false }',
    more: 'identity: { forwardToken: true }\n',
    found: [['warning', 'routes[0].tokenFrom[0].query', /are refused/]],
  },
  {
    name: 'one that the gateway takes out itself',
    route: 'upstream: "http://u", tokenFrom: [{ query: token }, { cookie: session }]',
    found: [],
  },

  // Metadata
  {
    name: 'a protected resource',
    listen: '{ publicUrl: "https://api.example.com" }',
    route: 'upstream: none, resource: true',
    found: [
      [
        'note',
        'routes[0].resource',
        /metadata at \/\.well-known\/oauth-protected-resource\/shop, which no proxy gets by asking/,
        /to the gateway itself/,
      ],
    ],
  },
  {
    name: 'one that the gateway forwards',
    listen: '{ publicUrl: "https://api.example.com" }',
    route: 'upstream: "http://u", resource: true',
    found: [],
  },

  // Who may ask
  {
    name: 'an address that only strangers reach',
    decisions: '{ host: 0.0.0.0 }',
    found: [
      [
        'warning',
        'decisions.host',
        /those of other machines reach this address and get 403/,
        /decisions\.trustedProxies.*listen\.trustedProxies/,
      ],
    ],
  },
  {
    name: 'the same by IPv6',
    decisions: '{ host: "::", trustedProxies: ["::1", 127.0.0.1] }',
    found: [['warning', 'decisions.host', /get 403/]],
  },
  { name: 'named ones', decisions: '{ host: 0.0.0.0, trustedProxies: [10.0.0.0/8] }', found: [] },
  {
    name: 'named ones that cannot connect',
    decisions: '{ trustedProxies: [10.0.0.0/8] }',
    found: [
      [
        'warning',
        'decisions.trustedProxies',
        /nobody can ask: only this machine reaches 127\.0\.0\.1/,
        /decisions\.host/,
      ],
    ],
  },
  {
    name: 'everybody',
    decisions: '{ trustedProxies: [0.0.0.0/0] }',
    found: [['warning', 'decisions.trustedProxies[0]', /everyone who reaches/]],
  },
  {
    name: 'no address',
    decisions: '{ host: 0.0.0.0, trustedProxies: [nginx] }',
    found: [['error', 'decisions.trustedProxies[0]', /neither an address nor a CIDR/]],
  },
  {
    name: 'nobody',
    decisions: '{ trustedProxies: [] }',
    found: [['error', 'decisions.trustedProxies', /at least one address/]],
  },

  // Certificates of clients
  {
    name: 'a header that clients could send through a proxy that asks',
    listen: '{ clientCertHeader: { name: x-ssl-client-cert, format: pem } }',
    found: [
      [
        'warning',
        'listen.clientCertHeader.name',
        /each proxy that asks must set or drop `x-ssl-client-cert`/,
        /names `x-ssl-client-cert`.*include_peer_certificate/,
      ],
    ],
  },
  {
    name: 'the same where nobody asks',
    decisions: undefined,
    route: 'upstream: "http://u"',
    listen: '{ trustedProxies: [10.0.0.1], clientCertHeader: { name: x-ssl-client-cert, format: pem } }',
    found: [],
  },

  // What replies hold
  {
    name: 'an identity header in every reply',
    listen: '{ responseHeaders: { X-User-Id: admin } }',
    found: spoofed('X-User-Id'),
  },
  {
    name: 'in another spelling',
    listen: '{ responseHeaders: { X_User_Id: admin } }',
    found: spoofed('X_User_Id'),
  },
  {
    name: 'a reserved one',
    listen: '{ responseHeaders: { x-team: admins } }',
    more: 'identity: { reserved: [x-team] }\n',
    found: spoofed('x-team'),
  },
  {
    name: 'a credential',
    listen: '{ responseHeaders: { Authorization: Basic eA== } }',
    found: spoofed('Authorization'),
  },
  {
    name: 'where a route looks for a token',
    listen: '{ responseHeaders: { x-token: x } }',
    route: 'upstream: none, tokenFrom: [{ header: X-Token }]',
    found: spoofed('x-token'),
  },
  {
    name: 'what Envoy obeys',
    listen: '{ responseHeaders: { x-envoy-auth-headers-to-remove: x } }',
    found: spoofed('x-envoy-auth-headers-to-remove'),
  },
  {
    name: 'what is ours',
    listen: '{ responseHeaders: { x-sealgate-status: "200" } }',
    found: spoofed('x-sealgate-status'),
  },
  { name: 'any other', listen: '{ responseHeaders: { strict-transport-security: max-age=1 } }', found: [] },
  {
    name: 'an identity header where nobody asks',
    decisions: undefined,
    route: 'upstream: "http://u"',
    listen: '{ responseHeaders: { X-User-Id: admin } }',
    found: [],
  },

  // Ports
  ...(
    [
      ['{ port: 9000 }', '{ port: 9000 }', '{}', [['admin.port', 'listen']]],
      ['{ port: 9000 }', '{}', '{ port: 9000 }', [['decisions.port', 'listen']]],
      ['{ port: 8081 }', '{}', '{}', [['listen.port', 'decisions']]],
      ['{ port: 9000 }', '{}', '{ grpc: 9000 }', [['decisions.grpc', 'listen']]],
      ['{}', '{ port: 9000 }', '{ port: 9000 }', [['decisions.port', 'admin']]],
      ['{}', '{ port: 8081 }', '{}', [['admin.port', 'decisions']]],
      ['{}', '{ port: 9000 }', '{ grpc: 9000 }', [['decisions.grpc', 'admin']]],
      ['{}', '{}', '{ port: 9000, grpc: 9000 }', [['decisions.grpc', 'decisions']]],
      ['{}', '{}', '{ grpc: 8081 }', [['decisions.grpc', 'decisions']]],
      ['{}', '{}', '{ port: 9090 }', [['decisions.port', 'admin']]],
      ['{}', '{}', '{ grpc: 8080 }', [['decisions.grpc', 'listen']]],
      ['{ port: 0 }', '{ port: 0 }', '{ port: 0, grpc: 0 }', []],
      ['{}', '{}', '{ grpc: 9001 }', []],
      ['{ port: 9000 }', '{}', '{ port: 9000, host: 127.0.0.2 }', []],
      [
        '{ port: 9000 }',
        '{}',
        '{ port: 9000, host: 0.0.0.0, trustedProxies: [10.0.0.1] }',
        [['decisions.port', 'listen']],
      ],
    ] as const
  ).map(
    ([listen, admin, decisions, taken]): Row => ({
      name: `ports: ${listen} ${admin} ${decisions}`,
      listen,
      admin,
      decisions,
      found: taken.map(([path, by]) => [
        'error',
        path,
        new RegExp(`port \\d+ is taken by \`${by}\`$`),
        /each its own/,
      ]),
    }),
  ),

  // TLS
  {
    name: 'certificates that nobody is asked for',
    decisions: '{ tls: { cert: a.pem, key: b.pem, clientCert: optional } }',
    found: [['error', 'decisions.tls.clientCert', /without `clientCa`/]],
  },
];

for (const row of ROWS) {
  t.test(row.name, async (t) => {
    const { problems } = loadText(fileOf(row));
    const found = problems.filter(({ message }) => !/is public/.test(message));
    const listed = found.map(({ severity, path, message }) => `${severity} ${path}: ${message}`).join('; ');
    t.equal(found.length, row.found.length, listed);
    for (const [at, [severity, path, words, hint = /(?:)/]] of row.found.entries()) {
      const problem = found[at];
      t.equal(problem?.severity, severity);
      t.equal(problem?.path, path);
      t.match(problem?.message, words);
      t.match(problem?.hint ?? '', hint);
    }
  });
}
