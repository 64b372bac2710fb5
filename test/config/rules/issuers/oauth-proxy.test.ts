import t from 'tap';
import { parse, stringify } from 'yaml';
import { loadText } from '../../../support/config/config-text.ts';

const BASE = `
listen: { publicUrl: https://api.example.com }
issuers:
  corp:
    issuer: https://id.example.com
    audiences: [https://api.example.com/mcp]
    oauthProxy: { path: /oauth, clientId: c, redirectUris: [https://app.example/callback] }
routes:
  - name: tools
    path: /mcp
    upstream: http://127.0.0.1:3000
    resource: true
    access: { scopes: [mcp:use] }
`;

type File = {
  listen: Record<string, unknown>;
  issuers: Record<string, Record<string, unknown>>;
  routes: Record<string, unknown>[];
};

/** The problems of the file with changes, one short line each. */
function problemsOf(change: (file: File) => void): readonly string[] {
  const file = parse(BASE) as File;
  change(file);
  return loadText(stringify(file)).problems.map(
    ({ severity, path, message }) => `${severity} ${path}: ${message}`,
  );
}

t.test('a good file has no problem', async (t) => {
  t.strictSame(
    problemsOf(() => {}),
    [],
  );
  t.strictSame(
    problemsOf(({ issuers }) => {
      Object.assign(issuers.corp?.oauthProxy as object, {
        path: undefined,
        redirectUris: [
          'https://chatgpt.com/connector_platform_oauth_redirect',
          'http://localhost/callback',
          'http://127.0.0.1:8080/callback',
          'http://[::1]/callback?x=1',
          'https://localhost/callback',
          'cursor://anysphere.cursor-mcp/oauth/callback',
          'com.example.app:/callback',
        ],
      });
    }),
    [],
  );
});

t.test('the endpoints need an address that clients reach safely', async (t) => {
  t.match(
    problemsOf((file) => {
      file.listen = {};
      file.routes[0] = { ...file.routes[0], resource: undefined };
    }),
    [/^error issuers\.corp\.oauthProxy: `listen\.publicUrl` is missing/],
  );
  t.match(
    problemsOf((file) => {
      file.listen = { publicUrl: 'http://api.example.com' };
      file.issuers.corp = { ...file.issuers.corp, audiences: ['http://api.example.com/mcp'] };
    }),
    [/^error listen\.publicUrl: the endpoints of a front for OAuth clients must be https/],
  );
  t.strictSame(
    problemsOf((file) => {
      file.listen = { publicUrl: 'http://127.0.0.1:8080' };
      file.issuers.corp = { ...file.issuers.corp, audiences: ['http://127.0.0.1:8080/mcp'] };
    }),
    [],
  );
  t.match(
    problemsOf((file) => {
      file.listen = { publicUrl: 'https://api.example.com/base' };
    }),
    [/^warning listen\.publicUrl: the front for OAuth clients does not use the path/],
  );
});

t.test('the provider must publish metadata below its issuer', async (t) => {
  const rows: readonly Record<string, unknown>[] = [
    { issuer: 'corp', jwksUri: 'https://id.example.com/keys' },
    { issuer: 'https://id.example.com/?a', jwksUri: 'https://id.example.com/keys' },
    { issuer: undefined, preset: 'google' },
    { issuer: undefined, preset: 'kubernetes' },
    { issuer: undefined, preset: 'entra-multitenant', tenants: ['6babcaad-604b-40ac-a9d7-9fd97c0b779f'] },
  ];
  for (const issuer of rows) {
    const problems = problemsOf(({ issuers }) => {
      issuers.corp = { ...issuers.corp, ...issuer };
    });
    t.ok(
      problems.some((line) =>
        /^error issuers\.corp\.oauthProxy: (?:no front leads|the endpoints)/.test(line),
      ),
      JSON.stringify([issuer, problems]),
    );
  }
  t.strictSame(
    problemsOf(({ issuers }) => {
      issuers.corp = { ...issuers.corp, jwksUri: 'https://keys.example.com/' };
    }),
    [],
    'with `jwksUri`, too',
  );
});

t.test('two fronts have two paths, and a route at one is hidden', async (t) => {
  t.match(
    problemsOf(({ issuers, routes }) => {
      issuers.other = { ...issuers.corp, issuer: 'https://other.example.com' };
      routes[0] = { ...routes[0], access: { issuers: ['corp', 'other'] } };
    }),
    [/^error issuers\.other\.oauthProxy\.path: the front of `corp` \(line \d+\) has this path/],
  );
  t.match(
    problemsOf(({ routes }) => {
      routes.push({ ...routes[0], name: 'hidden', path: '/oauth/token', resource: undefined });
      routes.push({ ...routes[0], name: 'apart', path: '/oauth', resource: undefined });
    }),
    [/^warning routes\[1\]\.path: the front of issuer `corp` serves this path itself/],
  );
});

t.test('a front without a resource refuses whatever clients ask for', async (t) => {
  t.match(
    problemsOf(({ routes }) => {
      routes[0] = { ...routes[0], resource: undefined };
    }),
    [/^warning issuers\.corp\.oauthProxy: no route whose `access` accepts it has `resource`/],
  );
});

t.test('a dropped scope that a route requires is in no token', async (t) => {
  const dropping = (drop: string, prefix?: string): readonly string[] =>
    problemsOf(({ issuers }) => {
      Object.assign(issuers.corp as object, {
        oauthProxy: { ...(issuers.corp?.oauthProxy as object), scopes: { drop: [drop] } },
        ...(prefix === undefined ? {} : { scopePrefix: prefix }),
      });
    });
  const message =
    'warning issuers.corp.oauthProxy.scopes.drop[0]: `X` is dropped from every login, and route `tools` requires it';
  t.strictSame(dropping('mcp:use'), [message.replace('X', 'mcp:use')]);
  t.strictSame(dropping('api://a/mcp:use', 'api://a/'), [message.replace('X', 'api://a/mcp:use')]);
  t.strictSame(dropping('other'), []);
});
