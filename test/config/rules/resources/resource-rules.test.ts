import t from 'tap';
import { loadText } from '../../../support/config/config-text.ts';

interface Row {
  readonly name: string;
  readonly routes: readonly string[];
  /** Over `listen`, `issuers` and the rest of the file. */
  readonly listen?: string;
  readonly issuers?: string;
  readonly more?: string;
  /** Every problem of the file but notes on public routes: severity, path below `routes`, words of message and hint. */
  readonly found: readonly (readonly [severity: string, path: string, words: RegExp, hint?: RegExp])[];
}

const LISTEN = 'publicUrl: https://api.example.com';
const ISSUERS = `corp: { issuer: https://id.example, audiences: [${[
  'https://api.example.com',
  'https://api.example.com/mcp',
  'https://b.example.com/mcp',
].join(', ')}] }`;

/** Below `routes`, unless it begins with `!`. */
function placeOf(path: string): string {
  return path.startsWith('!') ? path.slice(1) : `routes${path}`;
}

function fileOf({ routes, listen = LISTEN, issuers = ISSUERS, more = '' }: Row): string {
  const lines = routes.map((route, at) => {
    const access = /access:/.test(route) ? '' : ', access: { issuers: [corp] }';
    const name = /name:/.test(route) ? '' : `name: r${at}, `;
    return `  - { ${name}upstream: "http://u", ${route}${access} }\n`;
  });
  return `listen: { ${listen} }\nissuers:\n  ${issuers}\nroutes:\n${lines.join('')}${more}`;
}

const ROWS: readonly Row[] = [
  { name: 'all defaults', routes: ['path: /mcp, resource: true'], found: [] },
  { name: 'no resource, nothing to report', listen: 'port: 8080', routes: ['path: /:id'], found: [] },
  {
    name: 'no URL of the gateway',
    listen: 'port: 8080',
    routes: ['path: /mcp, resource: true'],
    found: [['error', '[0].resource', /nothing to make the identifier of/, /listen.publicUrl.*resource.url/]],
  },
  {
    name: 'a URL of its own needs none of the gateway',
    listen: 'port: 8080',
    routes: ['path: /mcp, resource: { url: "https://api.example.com/mcp" }'],
    found: [],
  },
  {
    name: 'a path with parameters',
    routes: ['path: "/:tenant/mcp", resource: true'],
    found: [['error', '[0].resource', /the path has parameters/, /resource\.url/]],
  },
  {
    name: 'a path that URLs encode',
    routes: ['path: /größe, resource: true'],
    found: [
      [
        'error',
        '[0].resource',
        /characters that URLs encode/,
        /https:\/\/api\.example\.com\/gr%C3%B6%C3%9Fe/,
      ],
    ],
  },
  {
    name: 'a query in the URL',
    routes: ['path: /mcp, resource: { url: "https://api.example.com/mcp?a=1" }'],
    found: [['error', '[0].resource.url', /no query or fragment/]],
  },
  {
    name: 'a fragment in the URL',
    routes: ['path: /mcp, resource: { url: "https://api.example.com/mcp#" }'],
    found: [['error', '[0].resource.url', /no query or fragment/]],
  },
  {
    name: 'a user in the URL',
    routes: ['path: /mcp, resource: { url: "https://u:p@api.example.com/mcp" }'],
    found: [['error', '[0].resource.url', /no user/]],
  },
  {
    name: 'a placeholder for the host',
    routes: ['path: /mcp, resource: { url: "https://{host}/mcp" }'],
    found: [['error', '[0].resource.url', /`{host}` is not a host name/]],
  },
  {
    name: 'a relative URL',
    routes: ['path: /mcp, resource: { url: /mcp }'],
    found: [['error', '[0].resource.url', /expected an http:\/\/ or https:\/\/ URL/]],
  },
  {
    name: 'another scheme',
    routes: ['path: /mcp, resource: { url: "urn:example:mcp" }'],
    found: [['error', '[0].resource.url', /expected an http:\/\/ or https:\/\/ URL/]],
  },
  {
    name: 'dot segments in the URL',
    routes: ['path: /mcp, resource: { url: "https://api.example.com/a/../mcp" }'],
    found: [
      [
        'error',
        '[0].resource.url',
        /no client writes the path like this/,
        /write https:\/\/api\.example\.com\/mcp/,
      ],
    ],
  },
  {
    name: 'settings without any',
    routes: ['path: /mcp, resource: {}'],
    found: [['error', '[0].resource', /expected at least one key; write `true`/]],
  },
  {
    name: 'false',
    routes: ['path: /mcp, resource: "false"'],
    found: [['error', '[0].resource', /expected `true`, without quotes, or the name of another route/]],
  },
  {
    name: 'the name of another route',
    routes: ['path: /mcp, name: tools, resource: true', 'path: /mcp/files, resource: tools'],
    found: [],
  },
  {
    name: 'a misspelled name',
    routes: ['path: /mcp, name: tools, resource: true', 'path: /mcp/files, resource: tolls'],
    found: [['error', '[1].resource', /unknown route `tolls`/, /did you mean `tools`/]],
  },
  {
    name: 'an unknown name',
    routes: ['path: /mcp, name: tools, resource: true', 'path: /mcp/files, resource: orders'],
    found: [['error', '[1].resource', /unknown route `orders`/, /with a resource: tools/]],
  },
  {
    name: 'its own name',
    routes: ['path: /mcp, name: tools, resource: tools'],
    found: [['error', '[0].resource', /names itself/, /resource: true/]],
  },
  {
    name: 'a chain',
    routes: [
      'path: /mcp, name: a, resource: true',
      'path: /mcp/b, name: b, resource: a',
      'path: /mcp/c, resource: b',
    ],
    found: [['error', '[2].resource', /belongs to the resource of another route itself/, /resource: a/]],
  },
  {
    name: 'a circle',
    routes: ['path: /a, name: a, resource: b', 'path: /b, name: b, resource: a'],
    found: [
      ['error', '[0].resource', /belongs to the resource of another/],
      ['error', '[1].resource', /belongs to the resource of another/],
    ],
  },
  {
    name: 'a route without a resource',
    routes: ['path: /a, name: a', 'path: /b, resource: a'],
    found: [['error', '[1].resource', /`a` declares no resource/, /set `resource: true` on `a`/]],
  },
  {
    name: 'a route that has an error of its own is known',
    routes: ['path: "a", name: a, resource: true', 'path: /b, resource: a'],
    found: [['error', '[0].path', /starts with/]],
  },
  {
    name: 'two routes with one identifier',
    routes: ['path: /mcp, methods: [GET], resource: true', 'path: /mcp, methods: [POST], resource: true'],
    found: [['error', '[1].resource', /`r0` \(line 5\) has the same identifier/, /resource: r0/]],
  },
  {
    name: 'two identifiers with one place',
    routes: [
      'path: /a, resource: { url: "https://api.example.com/mcp" }',
      'path: /b, resource: { url: "https://b.example.com/mcp" }',
    ],
    found: [
      ['error', '[1].resource', /its metadata has the same place as that of route `r0` \(line 5\)/, /host/],
    ],
  },
  {
    name: 'one place on two hosts is two places',
    routes: ['path: /mcp, resource: true', 'path: /mcp, host: b.example.com, resource: true'],
    found: [['warning', '[0].path', /is hidden by `r1`/]],
  },
  {
    name: 'a host that takes the place of another resource on its own host',
    routes: [
      'path: /mcp, resource: true',
      'path: /other, host: api.example.com, resource: { url: "https://API.example.com/mcp" }',
    ],
    found: [
      ['error', '[1].resource', /same place/],
      ['warning', '[1].resource.url', /clients write this URL as/],
      ['warning', '[1].resource', /not among the audiences/],
    ],
  },
  {
    name: 'a public route',
    routes: ['path: /mcp, access: public, resource: true', 'path: /used'],
    found: [['error', '[0].access', /`r0` is public: it is no protected resource/, /remove `resource`/]],
  },
  { name: 'an optional route', routes: ['path: /mcp, access: optional, resource: true'], found: [] },
  {
    name: 'a token in the query',
    routes: ['path: /mcp, tokenFrom: [{ cookie: c }, { query: access_token }], resource: true'],
    found: [['error', '[0].tokenFrom[1]', /no token from the query/]],
  },
  {
    name: 'a token in the query of a route that belongs to one',
    routes: ['path: /mcp, name: a, resource: true', 'path: /mcp/b, tokenFrom: [{ query: t }], resource: a'],
    found: [['error', '[1].tokenFrom[0]', /no token from the query/]],
  },
  {
    name: 'Authorization passed on',
    routes: ['path: /mcp, access: optional, passAuthorization: true, resource: true'],
    found: [
      ['error', '[0].passAuthorization', /passes no token on unverified/],
      ['warning', '[0].passAuthorization', /passes Authorization on/],
    ],
  },
  {
    name: 'offline_access',
    routes: ['path: /mcp, resource: { scopes: [a, offline_access] }'],
    found: [['error', '[0].resource.scopes[1]', /no scope of a resource/]],
  },
  {
    name: 'no scope at all',
    routes: ['path: /mcp, resource: { scopes: [] }'],
    found: [['error', '[0].resource.scopes', /at least one scope/]],
  },
  {
    name: 'an authorization server with a query',
    routes: ['path: /mcp, resource: { authorizationServers: ["https://id.example/?a"] }'],
    found: [['error', '[0].resource.authorizationServers[0]', /no query, fragment or user/]],
  },
  {
    name: 'an authorization server over plain http',
    routes: ['path: /mcp, resource: { authorizationServers: ["http://id.example", "http://localhost:1"] }'],
    found: [['warning', '[0].resource.authorizationServers[0]', /plain http: to another machine/, /https:/]],
  },
  {
    name: 'an identifier that is no audience',
    routes: ['path: /orders, resource: true'],
    found: [
      [
        'warning',
        '[0].resource',
        /`https:\/\/api.example.com\/orders` is not among the audiences of issuer `corp`/,
        /RFC 8707/,
      ],
    ],
  },
  {
    name: 'an audience of the route',
    routes: ['path: /orders, access: { audiences: ["https://api.example.com/orders"] }, resource: true'],
    found: [],
  },
  {
    name: 'an audience of the policy',
    routes: ['path: /orders, access: { policy: p }, resource: true'],
    more: 'policies: { p: { audiences: ["https://api.example.com/orders"] } }\n',
    found: [],
  },
  {
    name: 'an audience with a slash',
    routes: ['path: /orders, access: { audiences: ["https://api.example.com/orders/"] }, resource: true'],
    found: [['warning', '[0].resource', /not among the audiences/, /differs by its slash/]],
  },
  ...(['entra', 'keycloak', 'cognito'] as const).map((preset) => ({
    name: `the preset ${preset}, whose tokens cannot name it`,
    issuers: `corp: { preset: ${preset}, ${
      {
        entra: 'tenant: 11111111-2222-3333-4444-555555555555',
        keycloak: 'issuer: https://kc.example/realms/a',
        cognito: 'userPool: eu-central-1_a1b2c3d4e',
      }[preset]
    }, audiences: [x] }`,
    routes: ['path: /mcp, resource: true'],
    found: [['note', '[0].resource', /issuer `corp`, whose tokens never name it/]] as const,
  })),
  {
    name: 'a forwarded token that is for the resource',
    routes: ['path: /mcp, identity: { forwardToken: true }, resource: true'],
    found: [],
  },
  {
    name: 'a forwarded token that is not',
    routes: [
      'path: /mcp, access: { audiences: [x] }, identity: { forwardToken: true }, resource: true',
      'path: /used',
    ],
    found: [
      ['warning', '[0].resource', /not among the audiences/],
      ['warning', '[0].identity.forwardToken', /`r0` forwards tokens that are not issued for its resource/],
    ],
  },
  {
    name: 'tokens that the whole file forwards',
    routes: [
      'path: /mcp, access: { audiences: [x] }, resource: true',
      'path: /orders, access: { audiences: [x] }, identity: { forwardToken: false }, resource: true',
      'path: /used',
    ],
    more: 'identity: { forwardToken: true }\n',
    found: [
      ['warning', '[0].resource', /not among the audiences/],
      ['warning', '[1].resource', /not among the audiences/],
      ['warning', '!identity.forwardToken', /`r0` forwards tokens/],
    ],
  },
  {
    name: 'plain http to another machine',
    listen: 'publicUrl: http://api.example.com',
    routes: ['path: /mcp, access: { audiences: ["http://api.example.com/mcp"] }, resource: true'],
    found: [['warning', '[0].resource', /is plain http:/, /https:/]],
  },
  {
    name: 'plain http on this machine',
    listen: 'publicUrl: http://localhost:8080',
    routes: ['path: /mcp, access: { audiences: ["http://localhost:8080/mcp"] }, resource: true'],
    found: [],
  },
  ...[
    ['a slash at the end', 'https://api.example.com/mcp/', /without the slash at its end/],
    [
      'the default port',
      'https://api.example.com:443/mcp',
      /clients write this URL as `https:\/\/api.example.com\/mcp`/,
    ],
    [
      'a host in upper case',
      'https://API.example.com/mcp',
      /clients write this URL as `https:\/\/api.example.com\/mcp`/,
    ],
  ].map(([name, url, words]) => ({
    name: `${name}, which clients write otherwise`,
    routes: [`path: /mcp, access: { audiences: ["${url}"] }, resource: { url: "${url}" }`],
    found: [['warning', '[0].resource.url', words as RegExp]] as const,
  })),
  { name: 'the root', routes: ['path: /, resource: true'], found: [] },
  {
    name: 'the root with a slash',
    routes: [
      'path: /, access: { audiences: ["https://api.example.com/"] }, resource: { url: "https://api.example.com/" }',
    ],
    found: [],
  },
  {
    name: 'a public URL with a path',
    listen: 'publicUrl: https://api.example.com/gw',
    routes: ['path: /mcp, resource: true'],
    found: [['warning', '[0].resource', /leaves out the path of `listen.publicUrl`/, /resource.url/]],
  },
  {
    name: 'a URL of another host than that of the route',
    routes: ['path: /mcp, host: b.example.com, resource: { url: "https://api.example.com/mcp" }'],
    found: [['warning', '[0].resource.url', /clients ask `api.example.com` for the metadata/]],
  },
  {
    name: 'a route that is not below the resource it belongs to',
    routes: ['path: /mcp, name: a, resource: true', 'path: /mcpx, resource: a'],
    found: [['warning', '[1].resource', /`r1` is not below `https:\/\/api.example.com\/mcp`/]],
  },
  {
    name: 'routes that the metadata hides',
    routes: [
      'path: /mcp, resource: true',
      'path: /.well-known/oauth-protected-resource',
      'path: "/.well-known/oauth-protected-resource/:name"',
      'path: /.well-known/oauth-protected-resource/mcp, methods: [POST]',
      'path: /.well-known/oauth-protected-resource/mcp/files',
      'path: /.well-known/oauth-protected-resource/mcp, host: b.example.com',
      'path: /.well-known',
    ],
    found: [
      ['warning', '[1].path', /the gateway itself serves metadata here: that of the resource of route `r0`/],
      ['warning', '[2].path', /the gateway itself/],
      ['warning', '[3].path', /the gateway itself/],
      ['warning', '[3].path', /is hidden by `r5`/],
      ['warning', '[4].path', /is hidden by `r5`/],
      ['warning', '[5].path', /the gateway itself/],
    ],
  },
];

t.test('check finds what clients of a protected resource would trip over', async (t) => {
  for (const row of ROWS) {
    const problems = loadText(fileOf(row)).problems.filter(
      ({ message }) => !/is public: it needs no token|upper or lower case/.test(message),
    );
    const got = problems.map(({ severity, path }) => `${severity} ${path}`);
    const wanted = row.found.map(([severity, path]) => `${severity} ${placeOf(path)}`);
    if (!t.strictSame(got.sort(), wanted.sort(), row.name)) t.comment(JSON.stringify(problems, null, 1));
    for (const [severity, path, words, hint] of row.found) {
      const fits = problems.some(
        (problem) =>
          problem.severity === severity &&
          problem.path === placeOf(path) &&
          words.test(problem.message) &&
          (hint?.test(problem.hint ?? '') ?? true),
      );
      t.ok(fits, `${row.name}: ${path} ${words}`);
    }
    for (const { message, hint } of problems)
      t.ok(hint !== undefined || /at least one|expected|public/.test(message), `a hint for: ${message}`);
  }
});
