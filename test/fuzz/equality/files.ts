/** One configuration, with the rules of every way of asking. */
export interface EqualityFile {
  /** What stands in the file besides listeners, issuers and upstreams. `backend` is the one upstream. */
  readonly file: Readonly<Record<string, unknown>>;
  /** Fields that the file of an asking proxy drops by name, because the reply sets them or nobody may send them. Lower case. */
  readonly dropped: readonly string[];
  /** Paths at which the gateway itself responds. */
  readonly own?: readonly string[];
  /** Further keys of each issuer, and of `listen`. */
  readonly issuer?: Readonly<Record<string, unknown>>;
  readonly listen?: Readonly<Record<string, unknown>>;
}

const backend = { upstream: 'backend' };
const PAGES = ['https://app.example', 'https://*.pages.example'];
const IDENTITY = ['x-user-id', 'x-user-issuer', 'x-user-scopes', 'authorization', 'dpop'];

/**
 * Every feature that a decision may hang on, in few files. All routes have an upstream, since routes without one differ by design. Names and
 * paths recur, so that one generated request means something in most of them.
 */
export const FILES: Readonly<Record<string, EqualityFile>> = {
  plain: {
    file: {
      routes: [
        { name: 'public', path: '/public', access: 'public', ...backend },
        { name: 'asked', path: '/asked', access: 'authenticated', ...backend },
        { name: 'admin', path: '/admin', access: { scopes: ['admin'] }, ...backend },
        { name: 'shop', path: '/shop', methods: ['GET'], access: 'optional', ...backend },
        { name: 'shop-write', path: '/shop', methods: ['POST'], access: { scopes: ['write'] }, ...backend },
        { name: 'socket', path: '/socket', access: 'authenticated', websocket: true, ...backend },
        {
          name: 'spelled',
          path: '/spelled',
          access: 'public',
          allow: ['encodedSlash', 'doubleSlash', 'semicolon'],
          ...backend,
        },
        { name: 'spelled-inside', path: '/spelled/inside', access: 'authenticated', ...backend },
        { name: 'elsewhere', host: 'admin.example', path: '/asked', access: 'public', ...backend },
      ],
    },
    dropped: IDENTITY,
  },
  forwarding: {
    file: {
      identity: {
        headers: {
          'x-user-email': { claim: 'email', required: true },
          'x-user-roles': { claim: ['realm', 'roles'], format: 'repeat' },
          'x-tenant': { template: '{tenant}/{sub}' },
          'x-user-scopes': null,
        },
        reserved: ['remote-user'],
        maxBytes: '1KiB',
      },
      routes: [
        { name: 'public', path: '/public', access: 'public', passAuthorization: true, ...backend },
        {
          name: 'asked',
          path: '/asked',
          access: 'authenticated',
          identity: { forwardToken: true },
          ...backend,
        },
        { name: 'shop', path: '/shop', access: 'optional', passAuthorization: true, ...backend },
        {
          name: 'admin',
          path: '/admin',
          access: { roles: ['admin'] },
          identity: { headers: { 'x-user-mail': 'email' } },
          ...backend,
        },
        {
          name: 'socket',
          path: '/socket',
          access: 'optional',
          identity: { forwardToken: true },
          websocket: true,
          ...backend,
        },
      ],
    },
    dropped: [...IDENTITY, 'x-user-email', 'x-user-roles', 'x-tenant', 'remote-user', 'x-user-mail'],
  },
  places: {
    file: {
      routes: [
        {
          name: 'asked',
          path: '/asked',
          access: 'authenticated',
          tokenFrom: [{ cookie: 'session' }, { query: 'token' }, { header: 'x-token' }],
          ...backend,
        },
        {
          name: 'shop',
          path: '/shop',
          access: 'optional',
          identity: { forwardToken: true },
          tokenFrom: [{ cookie: 'session' }, { query: 'token' }, { header: 'x-token' }],
          ...backend,
        },
        {
          name: 'socket',
          path: '/socket',
          access: 'authenticated',
          websocket: true,
          cors: { origins: PAGES },
          tokenFrom: [{ webSocketProtocol: 'bearer' }, { cookie: 'session' }],
          ...backend,
        },
        {
          name: 'admin',
          path: '/admin',
          access: { scopes: ['admin'] },
          tokenFrom: [{ header: 'x-forwarded-access-token' }],
          ...backend,
        },
        { name: 'public', path: '/public', access: 'public', ...backend },
      ],
    },
    dropped: [...IDENTITY, 'x-token', 'x-forwarded-access-token'],
  },
  conditions: {
    file: {
      matching: { case: 'insensitive' },
      routes: [
        {
          name: 'asked',
          path: '/asked/:id',
          access: { when: 'params.id == claims.sub || request.path.startsWith("/asked/7")' },
          ...backend,
        },
        { name: 'admin', path: '/admin', access: { when: 'request.host == "admin.example"' }, ...backend },
        {
          name: 'shop',
          path: '/shop',
          access: [
            { when: 'request.client.startsWith("203.0.113.")' },
            { scopes: ['write'], when: 'request.method == "POST"' },
          ],
          ...backend,
        },
        {
          name: 'socket',
          path: '/socket',
          access: { when: '"page" in request.query && request.query["page"][0] == "2"' },
          websocket: true,
          ...backend,
        },
        {
          name: 'public',
          path: '/public',
          access: { when: '"x-app" in request.headers && request.headers["x-app"] == "shop"' },
          ...backend,
        },
      ],
    },
    dropped: IDENTITY,
  },
  pages: {
    file: {
      mode: 'report',
      reportHeader: true,
      routes: [
        {
          name: 'asked',
          path: '/asked',
          access: { scopes: ['admin'] },
          cors: { origins: PAGES, credentials: true, exposeHeaders: ['x-total'] },
          rateLimit: { max: 1_000_000_000, window: '1h', by: 'ip' },
          ...backend,
        },
        {
          name: 'admin',
          path: '/admin',
          mode: 'enforce',
          access: { claims: { tenant: 'acme' } },
          cors: { origins: PAGES, methods: ['GET', 'PUT'] },
          rateLimit: [
            { max: 1_000_000_000, window: '1h', by: 'subject' },
            { max: 900_000_000, window: '2h', by: { claim: 'tenant' } },
          ],
          ...backend,
        },
        {
          name: 'shop',
          path: '/shop',
          methods: ['GET', 'POST'],
          access: 'optional',
          cors: { origins: '*' },
          ...backend,
        },
        {
          name: 'socket',
          path: '/socket',
          access: 'public',
          websocket: true,
          cors: { origins: PAGES },
          ...backend,
        },
      ],
    },
    dropped: IDENTITY,
  },
  /** The identity of config/examples/decisions/gateway.yaml, so that requests can go through real proxies with the files there. */
  example: {
    file: {
      identity: { headers: { 'x-user-email': 'email' } },
      routes: [
        { name: 'public', path: '/public', access: 'public', ...backend },
        { name: 'asked', path: '/asked', access: 'authenticated', ...backend },
        { name: 'shop', path: '/shop', methods: ['GET', 'POST'], access: 'optional', ...backend },
        { name: 'admin', path: '/admin', access: { scopes: ['admin'] }, ...backend },
        { name: 'socket', path: '/socket', access: 'authenticated', websocket: true, ...backend },
      ],
    },
    dropped: [...IDENTITY, 'x-user-email'],
  },
  issuers: {
    file: {
      policies: { staff: { roles: { any: ['admin', 'staff'] } } },
      identity: { headers: { 'x-user-client': '$client', 'x-user-origin': '$issuerName' } },
      routes: [
        { name: 'public', path: '/public', access: { issuers: ['main', 'other'] }, ...backend },
        { name: 'asked', path: '/asked', access: { issuers: ['other'] }, ...backend },
        {
          name: 'admin',
          path: '/admin',
          access: [{ policy: 'staff' }, { issuers: ['other'], scopes: { any: ['admin', 'write'] } }],
          ...backend,
        },
        { name: 'shop', path: '/shop', access: { audiences: ['shop'] }, ...backend },
      ],
    },
    dropped: [...IDENTITY, 'x-user-client', 'x-user-origin'],
  },
  stepUp: {
    file: {
      policies: { strong: { acr: ['urn:hwk', 'urn:mfa'] } },
      routes: [
        { name: 'asked', path: '/asked', access: { policy: 'strong', maxAuthAge: '1d' }, ...backend },
        {
          name: 'shop',
          path: '/shop',
          access: { acr: ['urn:mfa'] },
          mode: 'report',
          cors: { origins: PAGES },
          ...backend,
        },
        {
          name: 'admin',
          path: '/admin',
          access: [
            { scopes: ['admin'], maxAuthAge: '1d' },
            { roles: ['staff'], acr: ['urn:pwd'] },
          ],
          cors: { origins: PAGES },
          ...backend,
        },
        {
          name: 'socket',
          path: '/socket',
          access: { acr: ['urn:mfa'], maxAuthAge: '30d' },
          websocket: true,
          ...backend,
        },
      ],
    },
    dropped: IDENTITY,
  },
  bound: {
    issuer: { dpop: { replay: { maxEntries: 10_000_000 } } },
    listen: { clientCertHeader: { name: 'client-cert', format: 'rfc9440' } },
    file: {
      identity: { headers: { 'x-user-cert': '$certificateSha256' } },
      routes: [
        { name: 'public', path: '/public', access: 'public', ...backend },
        { name: 'asked', path: '/asked', access: 'authenticated', ...backend },
        { name: 'admin', path: '/admin', access: { binding: 'dpop', scopes: ['admin'] }, ...backend },
        { name: 'shop', path: '/shop', access: { binding: 'mtls' }, cors: { origins: PAGES }, ...backend },
        {
          name: 'socket',
          path: '/socket',
          access: { binding: 'any' },
          mode: 'report',
          websocket: true,
          ...backend,
        },
        { name: 'either', path: '/either', access: 'optional', identity: { forwardToken: true }, ...backend },
      ],
    },
    dropped: [...IDENTITY, 'x-user-cert', 'client-cert'],
  },
  own: {
    file: {
      identity: { assertion: { keys: 'assertion-keys.json', claims: ['tenant'] } },
      routes: [
        { name: 'public', path: '/public', access: 'public', ...backend },
        {
          name: 'asked',
          path: '/asked',
          access: 'authenticated',
          resource: { title: 'What is asked for' },
          ...backend,
        },
        { name: 'tools', path: '/tools', access: 'authenticated', mcp: {}, ...backend },
      ],
    },
    dropped: [...IDENTITY, 'x-sealgate-assertion'],
    own: ['/.well-known/sealgate/jwks.json', '/.well-known/oauth-protected-resource/asked'],
  },
};
