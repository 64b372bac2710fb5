import { createServer, type IncomingMessage } from 'node:http';
import t, { type Test } from 'tap';
import { listen } from '../../../demo/process/listen.ts';
import { folderWith, sealgate } from '../../support/cli/cli.ts';
import { signingKey } from '../../support/tokens/mint.ts';

interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object | string;
}

const ROOT = '/.well-known/oauth-protected-resource';
const SERVER = '/.well-known/oauth-authorization-server/id';
const key = signingKey('ES256', { kid: 'one' });

/** What a gateway, a provider and their metadata respond when all is well. */
function wellBehaved(origin: string): Record<string, Reply> {
  const resource = {
    resource: `${origin}/mcp`,
    authorization_servers: [`${origin}/id`],
    scopes_supported: ['mcp:use'],
    bearer_methods_supported: ['header'],
  };
  const server = {
    issuer: `${origin}/id`,
    authorization_endpoint: `${origin}/id/auth`,
    token_endpoint: `${origin}/id/token`,
    registration_endpoint: `${origin}/id/register`,
    jwks_uri: `${origin}/id/keys`,
    code_challenge_methods_supported: ['S256'],
  };
  const challenge = `Bearer realm="x", scope="mcp:use", resource_metadata="${origin}${ROOT}/mcp"`;
  return {
    '/mcp': { status: 401, headers: { 'www-authenticate': challenge } },
    [`${ROOT}/mcp`]: { body: resource },
    [ROOT]: { body: resource },
    [SERVER]: { body: server },
    '/id/.well-known/openid-configuration': { body: server },
    '/id/keys': { body: { keys: [key.jwk] } },
  };
}

/** Runs `check --online` on a guarded route whose public address and provider are one scripted server. */
async function check(
  t: Test,
  change: (replies: Record<string, Reply>, origin: string) => void = () => {},
  { route = '', isDown = false } = {},
) {
  const asked: Pick<IncomingMessage, 'method' | 'url' | 'headers'>[] = [];
  let replies: Record<string, Reply> = {};
  const server = await listen(
    createServer(({ method, url = '', headers }, res) => {
      asked.push({ method, url, headers });
      const { status = 200, headers: more = {}, body } = replies[url] ?? { status: 404 };
      res.writeHead(status, { 'content-type': 'application/json', ...more });
      res.end(typeof body === 'string' ? body : JSON.stringify(body ?? {}));
    }),
    {},
  );
  t.teardown(() => server.close());
  const origin = server.url;
  replies = wellBehaved(origin);
  change(replies, origin);
  const publicUrl = isDown ? 'http://127.0.0.1:1' : origin;
  const file = await folderWith(
    {
      'gateway.yaml': `listen: { publicUrl: "${publicUrl}" }
issuers:
  corp: { issuer: "${origin}/id", audiences: ["${publicUrl}/mcp"] }
routes:
  - { name: tools, path: /mcp, upstream: "${origin}", resource: true, access: { scopes: [mcp:use] }${route} }
`,
    },
    t,
  );
  const { code, stdout } = await sealgate(['check', '--online', '-c', file('gateway.yaml')]);
  return { code, stdout, asked, origin };
}

/** Another body at a place. */
const merge = (replies: Record<string, Reply>, place: string, members: object) => {
  replies[place] = { body: { ...(replies[place]?.body as object), ...members } };
};

t.test('a client that finds everything is a note, and only reads without credentials', async (t) => {
  const { code, stdout, asked, origin } = await check(t);

  t.equal(code, 0);
  t.match(stdout, `note: routes[0].resource: clients find ${origin}/mcp and log in at ${origin}/id`);
  for (const { method, headers } of asked) t.same([method, headers.authorization], ['GET', undefined]);
  const places = asked.map(({ url }) => url);
  for (const place of ['/mcp', `${ROOT}/mcp`, ROOT, SERVER]) t.ok(places.includes(place), place);
});

const TROUBLES: readonly {
  readonly what: string;
  readonly change: (replies: Record<string, Reply>, origin: string) => void;
  readonly severity: 'error' | 'warning';
  readonly message: RegExp;
  readonly hint?: RegExp;
}[] = [
  {
    what: 'an identifier with a slash more',
    change: (replies, origin) => merge(replies, `${ROOT}/mcp`, { resource: `${origin}/mcp/` }),
    severity: 'error',
    message:
      /the resource named at \S+oauth-protected-resource\/mcp is `\S+\/mcp\/`, not `\S+\/mcp`: .*byte for byte/,
  },
  {
    what: 'other metadata at the bare place',
    change: (replies) => merge(replies, ROOT, { scopes_supported: ['all'] }),
    severity: 'error',
    message: /the metadata at \S+oauth-protected-resource is not what this file publishes/,
    hint: /reload/,
  },
  {
    what: 'no metadata',
    change: (replies) => {
      replies[`${ROOT}/mcp`] = { status: 404, body: { code: 'route_unknown' } };
    },
    severity: 'error',
    message: /clients find no metadata at \S+: the response is 404 route_unknown/,
    hint: /listen\.publicUrl/,
  },
  {
    what: 'a page in the place of metadata',
    change: (replies) => {
      replies[`${ROOT}/mcp`] = { body: '<html>' };
    },
    severity: 'error',
    message: /clients find no metadata at \S+: the response is 200/,
  },
  {
    what: 'a challenge that lost its metadata',
    change: (replies) => {
      replies['/mcp'] = { status: 401, headers: { 'www-authenticate': 'Basic realm="proxy"' } };
    },
    severity: 'error',
    message: /the challenge of \S+\/mcp names no metadata/,
    hint: /between clients and this gateway/,
  },
  {
    what: 'a challenge with the metadata of another address',
    change: (replies) => {
      const challenge = 'Bearer resource_metadata="http://inside/x"';
      replies['/mcp'] = { status: 401, headers: { 'www-authenticate': challenge } };
    },
    severity: 'error',
    message: /the challenge of \S+\/mcp names metadata at http:\/\/inside\/x, not http:/,
  },
  {
    what: 'a server that lets everybody in',
    change: (replies) => {
      replies['/mcp'] = {};
    },
    severity: 'error',
    message: /\/mcp without a token: expected 401, got 200/,
  },
  {
    what: 'a provider without PKCE in its metadata',
    change: (replies) => merge(replies, SERVER, { code_challenge_methods_supported: ['plain'] }),
    severity: 'warning',
    message: /does not announce PKCE with S256/,
    hint: /set `oauthProxy` on the issuer/,
  },
  {
    what: 'a provider that registers nobody',
    change: (replies) => merge(replies, SERVER, { registration_endpoint: undefined }),
    severity: 'warning',
    message: /does not register clients/,
    hint: /`oauthProxy\.clientId`/,
  },
  {
    what: 'metadata of another issuer',
    change: (replies, origin) => merge(replies, SERVER, { issuer: `${origin}/id/` }),
    severity: 'error',
    message: /clients compare the issuer of \S+ with \S+\/id and refuse it/,
  },
  {
    what: 'metadata without a token endpoint',
    change: (replies) => merge(replies, SERVER, { token_endpoint: 1 }),
    severity: 'error',
    message: /names no token_endpoint, so no client can log in/,
  },
];

for (const { what, change, severity, message, hint } of TROUBLES) {
  t.test(`${what} is reported, with the step at which a client fails`, async (t) => {
    const { code, stdout } = await check(t, change);

    const reported = stdout.split('\n').filter((line) => line.includes('routes[0].resource: '));
    t.equal(reported.length, 1, stdout);
    t.match(reported[0], new RegExp(`: ${severity}: `));
    t.match(reported[0], message);
    if (hint) t.match(stdout, hint);
    t.equal(code, severity === 'error' ? 1 : 0);
  });
}

t.test(
  'metadata of OpenID Connect will do, and a client id that is an address needs no registration',
  async (t) => {
    const { code, stdout, asked } = await check(t, (replies) => {
      delete replies[SERVER];
      merge(replies, '/id/.well-known/openid-configuration', {
        registration_endpoint: undefined,
        client_id_metadata_document_supported: true,
      });
    });

    t.equal(code, 0);
    t.match(stdout, /note: routes\[0\]\.resource: clients find/);
    t.ok(asked.some(({ url }) => url === '/.well-known/openid-configuration/id'));
  },
);

t.test('a gateway that does not run yet is a warning, and the provider is asked all the same', async (t) => {
  const { code, stdout } = await check(
    t,
    (replies) => merge(replies, SERVER, { registration_endpoint: undefined }),
    { isDown: true },
  );

  t.equal(code, 0);
  t.match(
    stdout,
    /warning: routes\[0\]\.resource: clients cannot reach http:\/\/127\.0\.0\.1:1\S+: .*\n +hint: start the gateway/,
  );
  t.match(stdout, /warning: routes\[0\]\.resource: \S+ does not register clients/);
});

t.test('a route that a GET without a token may pass is not asked', async (t) => {
  const { code, asked } = await check(t, () => {}, { route: ', methods: [POST]' });

  t.equal(code, 0);
  t.notOk(asked.some(({ url }) => url === '/mcp'));
});
