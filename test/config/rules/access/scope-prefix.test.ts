import t from 'tap';
import { loadText } from '../../../support/config/config-text.ts';

/** The warnings about prefixes of a file with this prefix of `corp` and this access, as `place message`. */
function warningsOf(prefix: string, access: string, policies = ''): readonly string[] {
  const text = `
issuers:
  corp: { issuer: https://id.example.com, audiences: [api], scopePrefix: '${prefix}' }
  other: { issuer: https://other.example.com, audiences: [api] }
${policies}
routes:
  - { name: r, path: /, upstream: 'http://app.example:3000', access: ${access} }
  - { name: both, path: /both, upstream: 'http://app.example:3000', access: { issuers: [corp, other] } }
`;
  return loadText(text)
    .problems.filter(({ path, message }) => /refix/.test(path + message))
    .map(({ path, message }) => `${path} ${message}`);
}

const NO_SCOPE = /^issuers.corp.scopePrefix no route that accepts this issuer names a scope/;

t.test('a prefix needs a scope of a route that accepts the issuer', async (t) => {
  t.match(warningsOf('p/', '{ issuers: [corp] }'), [NO_SCOPE]);
  t.match(warningsOf('p/', '{ issuers: [other], scopes: [read] }'), [NO_SCOPE]);
  t.match(warningsOf('p/', '{ issuers: [corp], scopes: [openid, email] }'), [NO_SCOPE]);
  t.strictSame(warningsOf('p/', '{ issuers: [corp], scopes: [read] }'), []);
  t.strictSame(warningsOf('p/', '{ issuers: [other, corp], scopes: { any: [read, write] } }'), []);
  t.strictSame(warningsOf('p/', '{ issuers: [corp], policy: p }', 'policies: { p: { scopes: [read] } }'), []);
  t.strictSame(warningsOf('p/', '[{ issuers: [other] }, { issuers: [corp], scopes: [read] }]'), []);
});

t.test('a scope that begins with the prefix has it twice', async (t) => {
  const doubled = /begins with the `scopePrefix` of issuer `corp`, so it stands there twice for clients$/;
  t.match(warningsOf('p/', '{ issuers: [corp], scopes: [read, p/write] }'), [doubled]);
  t.match(
    warningsOf('p/', '{ issuers: [corp], scopes: [read, p/write] }')[0],
    /^routes\[0\].access.scopes\[1\]/,
  );
  t.match(warningsOf('p/', '{ issuers: [corp], policy: p }', 'policies: { p: { scopes: { all: [p/a] } } }'), [
    /^policies.p.scopes.all\[0\] /,
  ]);
  t.strictSame(
    warningsOf('p/', '[{ issuers: [other], scopes: [p/a] }, { issuers: [corp], scopes: [a] }]'),
    [],
  );
});

t.test('a prefix ends with a separator and has no placeholder', async (t) => {
  const access = '{ issuers: [corp], scopes: [read] }';
  t.match(warningsOf('api://id', access), [/nothing separates `api:\/\/id` from the scope/]);
  t.match(warningsOf('api://<id>/', access), [/looks like an unfilled placeholder/]);
  for (const prefix of ['api://id/', 'app:', 'app.', 'app#', 'app-']) {
    t.strictSame(warningsOf(prefix, access), [], prefix);
  }
});

t.test('what a protected resource publishes counts too', async (t) => {
  const withResource = (access: string, scopes: string) =>
    warningsOf('p/', `${access}, resource: { url: https://api.example.com/, scopes: ${scopes} }`);
  t.strictSame(withResource('{ issuers: [corp] }', '[read]'), []);
  t.match(withResource('{ issuers: [other] }', '[read]'), [NO_SCOPE]);
  t.match(withResource('{ issuers: [corp] }', '[openid]'), [NO_SCOPE]);
  t.match(withResource('{ issuers: [corp] }', '[read, p/write]'), [/^routes\[0\].resource.scopes\[1\] /]);
});

t.test('resources with tokens of Entra ID need a prefix', async (t) => {
  const found = (issuer: string, route: string) =>
    loadText(`
listen: { publicUrl: https://api.example.com }
issuers:
  entra: { preset: entra, tenant: 72f988bf-86f1-41af-91ab-2d7cd011db47, audiences: [x], ${issuer} }
  other: { issuer: https://other.example.com, audiences: [api] }
routes:
  - { name: r, path: /, upstream: 'http://app.example:3000', ${route} }
  - { name: both, path: /both, upstream: 'http://app.example:3000', access: { issuers: [entra, other], scopes: [a] } }
`).problems.filter(({ message }) => /full names/.test(message));
  const [problem] = found('', 'resource: true, access: { issuers: [entra], scopes: [openid, read] }');
  t.match(problem, {
    severity: 'warning',
    path: 'issuers.entra',
    hint: /scopePrefix/,
    message: /named `read`, /,
  });
  const fine: readonly (readonly [issuer: string, route: string])[] = [
    ["scopePrefix: 'api://x/'", 'resource: true, access: { issuers: [entra], scopes: [read] }'],
    ['', 'access: { issuers: [entra], scopes: [read] }'],
    ['', 'resource: true, access: { issuers: [entra], scopes: [openid] }'],
    ['', 'resource: true, access: { issuers: [other], scopes: [read] }'],
    ['', "resource: { scopes: ['api://x/read'] }, access: { issuers: [entra] }"],
  ];
  for (const [issuer, route] of fine) t.strictSame(found(issuer, route), [], `${issuer} ${route}`);
  t.equal(found('', 'resource: { scopes: [read] }, access: { issuers: [entra] }').length, 1);
});
