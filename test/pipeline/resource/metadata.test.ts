import t from 'tap';
import { isRefusal } from '../../../src/core/refusals.ts';
import type { Gate } from '../../../src/pipeline/gate.ts';
import { type DirectResponse, isDirectResponse } from '../../../src/pipeline/messages/direct-response.ts';
import {
  type ConfigInput,
  compileFile,
  decideNow,
  fieldsOf,
  fileWith,
  gateOf,
  requestOf,
  resultOf,
} from '../../support/pipeline/gate.ts';

const ROOT = '/.well-known/oauth-protected-resource';
const LISTEN = { publicUrl: 'https://gw.example' };

type Metadata = Readonly<Record<string, unknown>>;

/** The document at a path, or the code of the refusal; undefined where the routes decide. */
function metadataAt(gate: Gate, path: string, ...rawHeaders: string[]): Metadata | string | undefined {
  const { outcome } = decideNow(gate, requestOf(`GET ${path}`, ...rawHeaders));
  if (isRefusal(outcome)) return outcome.code;
  return isDirectResponse(outcome) ? JSON.parse(outcome.body ?? '') : undefined;
}

const resourceAt = (gate: Gate, path: string, host?: string): unknown => {
  const found = metadataAt(gate, path, ...(host === undefined ? [] : ['Host', host]));
  return typeof found === 'object' ? found.resource : found;
};

t.test('a document has what the file has, and nothing else', async (t) => {
  const gate = await gateOf(
    fileWith([{ path: '/mcp', access: 'authenticated', resource: true }], { listen: LISTEN }),
  );
  t.strictSame(metadataAt(gate, `${ROOT}/mcp`), {
    resource: 'https://gw.example/mcp',
    authorization_servers: ['https://corp.example'],
    bearer_methods_supported: ['header'],
  });
});

t.test('every setting is in the document', async (t) => {
  const resource = {
    url: 'https://api.example.com/tools',
    title: 'Bücher',
    documentation: 'https://docs.example/x',
    scopes: ['b', 'a', 'b'],
    authorizationServers: ['https://login.example/', 'https://other.example'],
  };
  const gate = await gateOf(fileWith([{ path: '/mcp', access: { scopes: ['hidden'] }, resource }]));
  t.strictSame(metadataAt(gate, `${ROOT}/tools`), {
    resource: 'https://api.example.com/tools',
    authorization_servers: ['https://login.example/', 'https://other.example'],
    scopes_supported: ['b', 'a'],
    bearer_methods_supported: ['header'],
    resource_name: 'Bücher',
    resource_documentation: 'https://docs.example/x',
  });
  t.equal(metadataAt(gate, `${ROOT}/mcp`), 'route_unknown', 'the place is that of the identifier');
});

t.test('the response is for everybody to read and cache', async (t) => {
  const gate = await gateOf(
    fileWith([{ path: '/mcp', access: 'authenticated', resource: { title: 'Bücher' } }], { listen: LISTEN }),
  );
  const { outcome, addedHeaders = [] } = decideNow(gate, requestOf(`GET ${ROOT}/mcp`));
  t.ok(isDirectResponse(outcome));
  if (!isDirectResponse(outcome)) return;
  t.strictSame(fieldsOf([...outcome.headers, ...addedHeaders]), {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(outcome.body ?? '')),
    'cache-control': 'max-age=300',
    'access-control-allow-origin': '*',
  });
});

t.test('the identifier is the origin of the gateway and the path, byte for byte', async (t) => {
  const rows: readonly (readonly [publicUrl: string, route: object, identifier: string, place: string])[] = [
    ['https://gw.example', { path: '/mcp' }, 'https://gw.example/mcp', '/mcp'],
    ['https://gw.example/', { path: '/mcp/v1' }, 'https://gw.example/mcp/v1', '/mcp/v1'],
    ['https://gw.example:8443', { path: '/' }, 'https://gw.example:8443', ''],
    ['https://GW.example:443', { path: '/mcp' }, 'https://gw.example/mcp', '/mcp'],
    ['https://gw.example:8443', { path: '/mcp', host: 'B.example.' }, 'https://b.example:8443/mcp', '/mcp'],
    ['http://localhost:8080', { path: '/', host: 'b.example' }, 'http://b.example:8080', ''],
    ['https://gw.example', { path: '/', host: '[::1]' }, 'https://[::1]', ''],
    ['https://gw.example', { path: '/Mcp-_.~' }, 'https://gw.example/Mcp-_.~', '/Mcp-_.~'],
  ];
  for (const [publicUrl, route, identifier, place] of rows) {
    const file = fileWith([{ access: 'authenticated', resource: true, ...route }], { listen: { publicUrl } });
    const gate = await gateOf(file);
    const { host } = route as { host?: string };
    t.equal(resourceAt(gate, ROOT + place, host), identifier, identifier);
    t.equal(
      gate.routes[0]?.resource?.resourceMetadata,
      new URL(ROOT + place, identifier).href,
      'where challenges point',
    );
  }
});

t.test('a URL of its own is kept byte for byte, and its place too', async (t) => {
  const rows: readonly (readonly [url: string, metadataUrl: string, place: string])[] = [
    ['https://api.example', `https://api.example${ROOT}`, ROOT],
    ['https://api.example/', `https://api.example${ROOT}`, ROOT],
    ['https://api.example/mcp/', `https://api.example${ROOT}/mcp/`, `${ROOT}/mcp/`],
    ['https://API.example:443/Mcp', `https://API.example:443${ROOT}/Mcp`, `${ROOT}/Mcp`],
    ['https://api.example/a%20b', `https://api.example${ROOT}/a%20b`, `${ROOT}/a%20b`],
  ];
  for (const [url, metadataUrl, place] of rows) {
    const gate = await gateOf(fileWith([{ access: 'authenticated', path: '/:x', resource: { url } }]));
    t.equal(resourceAt(gate, place), url);
    t.equal(gate.routes[0]?.resource?.resourceMetadata, metadataUrl);
  }
});

t.test('what no request can ask for is an error', async (t) => {
  for (const path of ['/a;b', '/a%2Fb', '/a//b', '/a%252Fb', '/a|b', '/a%3Fb']) {
    const { problems } = await compileFile(
      fileWith([{ access: 'authenticated', resource: { url: `https://gw.example${path}` } }]),
    );
    t.match(
      problems,
      [{ severity: 'error', path: ['routes', 0, 'resource', 'url'], message: /more than one reading/ }],
      path,
    );
  }
});

t.test('the host and the query of a request do not matter; another spelling is for the routes', async (t) => {
  const file = fileWith([{ path: '/mcp', access: 'authenticated', resource: true }, { path: '/' }], {
    listen: LISTEN,
  });
  const gate = await gateOf(file);
  for (const path of ['/mcp', '/mcp/', '/mcp?a=1', '', '/', '?resource=x'])
    t.equal(resourceAt(gate, ROOT + path, 'any.example'), 'https://gw.example/mcp', path);
  for (const path of ['/Mcp', '/m%63p', '/mcp/more', '/mcpx'])
    t.equal(resourceAt(gate, ROOT + path), undefined, path);
  t.equal(resourceAt(gate, '/.well-known/OAuth-Protected-Resource/mcp'), undefined);
  t.equal(resourceAt(gate, `/x/..${ROOT}/mcp`), 'ambiguous_path');
});

t.test('metadata can only be read, and any page may read it', async (t) => {
  const gate = await gateOf(
    fileWith([{ path: '/mcp', access: 'authenticated', resource: true }, { path: '/' }], { listen: LISTEN }),
  );
  t.equal(resultOf(gate, requestOf(`HEAD ${ROOT}/mcp`)), 'metadata');
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'BREW']) {
    const { outcome, addedHeaders } = decideNow(gate, requestOf(`${method} ${ROOT}/mcp`));
    t.match(outcome, { code: 'method_not_allowed', allow: ['GET', 'HEAD'] }, method);
    t.strictSame(addedHeaders, ['access-control-allow-origin', '*'], method);
  }
  const preflight = decideNow(
    gate,
    requestOf(
      `OPTIONS ${ROOT}/mcp`,
      ...['Origin', 'https://app.example', 'Access-Control-Request-Method', 'GET'],
      ...['Access-Control-Request-Headers', 'mcp-protocol-version'],
    ),
  );
  t.match(preflight, {
    outcome: { directResponse: 'preflight', status: 204, body: undefined },
    addedHeaders: ['access-control-allow-origin', '*'],
  });
  t.strictSame(fieldsOf((preflight.outcome as DirectResponse).headers), {
    'access-control-allow-methods': 'GET, HEAD',
    'access-control-allow-headers': '*, Authorization, MCP-Protocol-Version',
    'access-control-max-age': '300',
  });
  const upgrade = { ...requestOf(`GET ${ROOT}/mcp`), isUpgrade: true };
  t.equal(resultOf(gate, upgrade), 'upgrade_refused');
});

t.test('each host has its resources, and the bare place where it has one', async (t) => {
  const routes = (names: readonly (readonly [path: string, host?: string])[]) =>
    names.map(([path, host]) => ({
      path,
      access: 'authenticated' as const,
      resource: true as const,
      ...(host !== undefined && { host }),
    }));
  const one = await gateOf(fileWith([...routes([['/a'], ['/b', 'two.example']])], { listen: LISTEN }));
  t.equal(resourceAt(one, ROOT), 'https://gw.example/a');
  t.equal(resourceAt(one, `${ROOT}/b`), 'route_unknown', 'not on other hosts');
  t.equal(resourceAt(one, `${ROOT}/b`, 'two.example'), 'https://two.example/b');
  t.equal(
    resourceAt(one, `${ROOT}/a`, 'two.example'),
    'https://gw.example/a',
    'without a host: on every host',
  );
  t.equal(resourceAt(one, ROOT, 'two.example'), 'route_unknown', 'two there');
  t.equal(resourceAt(one, `${ROOT}/`, 'two.example'), 'route_unknown');

  const own = await gateOf(
    fileWith(
      [
        ...routes([
          ['/a', 'one.example'],
          ['/b', 'two.example'],
        ]),
        { path: '/' },
      ],
      { listen: LISTEN },
    ),
  );
  t.equal(resourceAt(own, ROOT, 'one.example'), 'https://one.example/a');
  t.equal(resourceAt(own, ROOT, 'two.example'), 'https://two.example/b');
  t.equal(
    resourceAt(own, ROOT, 'three.example'),
    undefined,
    'a host without resources is left to the routes',
  );
  t.equal(resourceAt(own, `${ROOT}/a`, 'two.example'), undefined);

  const several = await gateOf(fileWith([...routes([['/a'], ['/b']]), { path: '/' }], { listen: LISTEN }));
  t.equal(resourceAt(several, ROOT), 'route_unknown');
  t.equal(resourceAt(several, `${ROOT}/a`), 'https://gw.example/a');
  t.equal(resourceAt(several, `${ROOT}/b`), 'https://gw.example/b');

  const rooted = await gateOf(fileWith(routes([['/'], ['/b']]), { listen: LISTEN }));
  t.equal(resourceAt(rooted, ROOT), 'https://gw.example', 'the place of the resource that has no path');
  t.equal(resourceAt(rooted, `${ROOT}/b`), 'https://gw.example/b');

  const taken = await gateOf(fileWith(routes([['/a'], ['/a', 'two.example']]), { listen: LISTEN }));
  t.equal(resourceAt(taken, `${ROOT}/a`), 'https://gw.example/a');
  t.equal(resourceAt(taken, `${ROOT}/a`, 'two.example'), 'https://two.example/a', 'its own comes first');
  t.equal(resourceAt(taken, ROOT, 'two.example'), 'https://two.example/a');
});

t.test('two resources that differ by a slash each keep their own place', async (t) => {
  const gate = await gateOf(
    fileWith([
      { path: '/a', access: 'authenticated', resource: { url: 'https://gw.example/mcp' } },
      { path: '/b', access: 'authenticated', resource: { url: 'https://gw.example/mcp/' } },
    ]),
  );
  t.equal(resourceAt(gate, `${ROOT}/mcp`), 'https://gw.example/mcp');
  t.equal(resourceAt(gate, `${ROOT}/mcp/`), 'https://gw.example/mcp/');
});

const TENANT = '11111111-2222-3333-4444-555555555555';
const OTHER_TENANT = '11111111-2222-3333-4444-666666666666';

t.test(
  'the authorization servers are the issuers that access accepts, by the URL of their metadata',
  async (t) => {
    const issuers: ConfigInput['issuers'] = {
      corp: { issuer: 'https://corp.example/', audiences: ['api'] },
      other: { issuer: 'https://other.example', audiences: ['api'] },
      name: { issuer: 'a-name', jwksUri: 'https://name.example/keys', audiences: ['api'] },
      entra: { preset: 'entra', tenant: TENANT, audiences: ['api'] },
      tenants: { preset: 'entra-multitenant', tenants: [TENANT, OTHER_TENANT], audiences: ['api'] },
      google: { preset: 'google', audiences: ['api'] },
      older: { issuer: `https://sts.windows.net/${OTHER_TENANT}/`, audiences: ['api'] },
    };
    const rows: readonly (readonly [issuers: readonly string[], servers: readonly string[]])[] = [
      [['corp'], ['https://corp.example/']],
      [
        ['other', 'corp'],
        ['https://other.example', 'https://corp.example/'],
      ],
      [['name', 'corp'], ['https://corp.example/']],
      [['entra'], [`https://login.microsoftonline.com/${TENANT}/v2.0`]],
      [
        ['tenants'],
        [
          `https://login.microsoftonline.com/${TENANT}/v2.0`,
          `https://login.microsoftonline.com/${OTHER_TENANT}/v2.0`,
        ],
      ],
      [['google'], ['https://accounts.google.com']],
      [['older'], [`https://sts.windows.net/${OTHER_TENANT}/`]],
    ];
    for (const [names, servers] of rows) {
      const access = { issuers: [...names] };
      const { tenants: _, older: __, ...rest } = issuers;
      const used = names.some((name) => name === 'tenants' || name === 'older')
        ? { [names[0] as string]: issuers[names[0] as string] as NonNullable<typeof issuers>[string] }
        : rest;
      const gate = await gateOf(
        fileWith([{ path: '/mcp', access, resource: true }], { listen: LISTEN, issuers: used }),
      );
      t.match(metadataAt(gate, `${ROOT}/mcp`), { authorization_servers: servers }, names.join());
    }
  },
);

t.test('a resource without any URL of an issuer is an error, unless it names its servers', async (t) => {
  const issuers = { corp: { issuer: 'a-name', jwksUri: 'https://name.example/keys', audiences: ['api'] } };
  const lost = await compileFile(
    fileWith([{ access: 'authenticated', resource: true }], { listen: LISTEN, issuers }),
  );
  t.match(lost.problems, [
    { severity: 'error', path: ['routes', 0, 'resource'], hint: /authorizationServers/, message: /is a URL/ },
  ]);
  const named = await compileFile(
    fileWith([{ access: 'authenticated', resource: { authorizationServers: ['https://a.example'] } }], {
      listen: LISTEN,
      issuers,
    }),
  );
  t.strictSame(named.problems, []);
  const any = await compileFile(
    fileWith([{ access: 'authenticated', resource: true }], {
      listen: LISTEN,
      issuers: { corp: { preset: 'entra-multitenant', tenants: 'any', audiences: ['api'] } },
    }),
  );
  t.match(any.problems, [{ severity: 'error', path: ['routes', 0, 'resource'] }]);
});

t.test('the scopes are all that access names, in any form, on every route of the resource', async (t) => {
  const policies = { p: { scopes: ['p1', 'p2'] }, q: { scopes: { any: ['q1'], all: ['q2'] } } };
  const rows: readonly (readonly [access: unknown, scopes: readonly string[] | undefined])[] = [
    ['authenticated', undefined],
    ['optional', undefined],
    [{ roles: ['r'] }, undefined],
    [{ scopes: ['a', 'b'] }, ['a', 'b']],
    [{ scopes: { any: ['a', 'b'] } }, ['a', 'b']],
    [{ scopes: { any: ['a'], all: ['b'] } }, ['b', 'a']],
    [{ policy: 'p' }, ['p1', 'p2']],
    [{ policy: 'q', scopes: ['a', 'q1'] }, ['q2', 'q1', 'a']],
    [
      [{ scopes: ['a'] }, { scopes: ['b', 'a'] }, { roles: ['r'] }],
      ['a', 'b'],
    ],
    [{ scopes: ['a', 'offline_access'] }, ['a']],
    [{ scopes: ['offline_access'] }, undefined],
  ];
  for (const [access, scopes] of rows) {
    const file = fileWith([{ path: '/mcp', access: access as 'public', resource: true }], {
      listen: LISTEN,
      policies,
    });
    const found = metadataAt(await gateOf(file), `${ROOT}/mcp`) as Metadata;
    t.strictSame(found.scopes_supported, scopes, JSON.stringify(access));
    t.equal('scopes_supported' in found, scopes !== undefined);
  }
  const shared = await gateOf(
    fileWith(
      [
        { name: 'read', path: '/mcp', methods: ['GET'], access: { scopes: ['r'] }, resource: true },
        { path: '/mcp', methods: ['POST'], access: { scopes: ['w', 'r'] }, resource: 'read' },
        { path: '/other', access: { scopes: ['o'] } },
      ],
      { listen: LISTEN },
    ),
  );
  t.match(metadataAt(shared, `${ROOT}/mcp`), { scopes_supported: ['r', 'w'] });
  t.strictSame(
    shared.routes.map(({ resource }) => resource?.resourceMetadata),
    [`https://gw.example${ROOT}/mcp`, `https://gw.example${ROOT}/mcp`, undefined],
  );
});

t.test(
  'scopes of single messages are left to challenges, so that clients do not ask for all of them at once',
  async (t) => {
    const mcp = { tools: { search: 'allow' as const, 'orders_*': { scopes: ['orders:write'] } } };
    const gate = await gateOf(
      fileWith([{ path: '/mcp', access: { scopes: ['mcp:use'] }, resource: true, mcp }], { listen: LISTEN }),
    );
    t.match(metadataAt(gate, `${ROOT}/mcp`), { scopes_supported: ['mcp:use'] });
  },
);

t.test('scopes have the prefix of each issuer that a rule accepts', async (t) => {
  const issuers: ConfigInput['issuers'] = {
    entra: { preset: 'entra', tenant: TENANT, audiences: ['api'], scopePrefix: 'api://ID/' },
    corp: { issuer: 'https://corp.example', audiences: ['api'] },
  };
  const scopesOf = async (access: unknown, resource: true | { scopes: string[] }) => {
    const file = fileWith([{ path: '/mcp', access: access as 'public', resource }], {
      listen: LISTEN,
      issuers,
    });
    return (metadataAt(await gateOf(file), `${ROOT}/mcp`) as Metadata).scopes_supported;
  };
  const standard = ['openid', 'profile', 'email'];
  t.strictSame(await scopesOf({ issuers: ['entra'], scopes: ['a', ...standard, 'offline_access'] }, true), [
    'api://ID/a',
    ...standard,
  ]);
  t.strictSame(await scopesOf({ issuers: ['entra', 'corp'], scopes: ['a'] }, true), ['api://ID/a', 'a']);
  t.strictSame(
    await scopesOf(
      [
        { issuers: ['entra'], scopes: ['a'] },
        { issuers: ['corp'], scopes: ['b'] },
      ],
      true,
    ),
    ['api://ID/a', 'b'],
  );
  t.strictSame(await scopesOf({ issuers: ['entra'] }, { scopes: ['x', 'openid'] }), ['api://ID/x', 'openid']);
});

t.test('a route that only reports has the same metadata', async (t) => {
  const gate = await gateOf(
    fileWith([{ path: '/mcp', mode: 'report', access: { scopes: ['a'] }, resource: true }], {
      listen: LISTEN,
    }),
  );
  t.match(metadataAt(gate, `${ROOT}/mcp`), { scopes_supported: ['a'] });
});

t.test('a file without a resource has no own paths, and its routes carry none', async (t) => {
  const gate = await gateOf(
    fileWith([{ path: '/mcp', access: 'authenticated' }, { path: '/' }], { listen: LISTEN }),
  );
  t.equal(gate.ownPaths, undefined);
  t.strictSame(
    gate.routes.map(({ resource }) => resource),
    [undefined, undefined],
  );
  t.equal(metadataAt(gate, `${ROOT}/mcp`), undefined);
});
