import t from 'tap';
import { folderWith, sealgate } from '../support/cli/cli.ts';

const FILE = `
issuers:
  corp: { issuer: https://corp.example, audiences: [api] }
upstreams: { app: { url: http://127.0.0.1:1 } }
routes:
  - { name: all, path: /, upstream: app, access: authenticated }
  - { name: mine, path: /users/:id, upstream: app, access: [{ when: claims.sub == params.id }, { roles: [staff] }], mode: report }
  - { name: pay, path: /pay, upstream: app, access: { scopes: [pay], acr: [urn:hwk, urn:mfa], maxAuthAge: 90m } }
  - { name: status, path: /status, exact: true, methods: [GET, HEAD], upstream: app, access: public }
  - { name: api, host: API.example.com, path: /, upstream: app, access: optional }
`;

t.test('routes are listed in the order in which they are tried', async (t) => {
  const path = await folderWith({ 'gw.yaml': FILE }, t);
  const { code, stdout } = await sealgate(['routes', '-c', path('gw.yaml')]);
  t.equal(code, 0);
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/));
  t.strictSame(rows, [
    ['HOST', 'METHODS', 'PATH', 'UPSTREAM', 'ACCESS', 'ROUTE'],
    ['API.example.com', '*', '/…', 'app', 'optional: issuers corp', 'api'],
    ['*', '*', '/pay/…', 'app', 'issuers corp, scopes pay, acr urn:hwk or urn:mfa, maxAuthAge 90m', 'pay'],
    ['*', 'GET,HEAD', '/status', 'app', 'public', 'status'],
    [
      '*',
      '*',
      '/users/:id/…',
      'app',
      'issuers corp, when claims.sub == params.id; or issuers corp, roles staff (reports only)',
      'mine',
    ],
    ['*', '*', '/…', 'app', 'issuers corp', 'all'],
  ]);
  const json = await sealgate(['routes', '-c', path('gw.yaml'), '--format', 'json']);
  t.match(JSON.parse(json.stdout), [
    { name: 'api', host: 'API.example.com', methods: null, path: '/', exact: false, upstream: 'app' },
    { path: '/pay' },
    { name: 'status', host: null, methods: ['GET', 'HEAD'], path: '/status', exact: true },
    { path: '/users/:id', exact: false },
    {},
  ]);
});

t.test('a file with errors has no table', async (t) => {
  const path = await folderWith({ 'gw.yaml': 'routes: []\n' }, t);
  const { code, stdout, stderr } = await sealgate(['routes', '-c', path('gw.yaml')]);
  t.strictSame([code, stdout], [1, '']);
  t.match(stderr, /gw\.yaml:1:9: error/);
});
