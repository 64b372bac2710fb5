import t from 'tap';
import { folderWith, sealgate } from '../support/cli/cli.ts';
import { mint, signingKey } from '../support/tokens/mint.ts';
import { inPlace } from '../support/tokens/verifier.ts';

/* What the command line makes of routes that other proxies only ask about. */

const KEY = signingKey('ES256');
const FILE = `
decisions: {}
issuers: { corp: { issuer: https://id.example.com, audiences: [api], algorithms: [ES256], jwks: { file: keys.json } } }
routes:
  - { name: shop, path: /shop, upstream: none, access: { scopes: [shop:read] } }
  - { name: open, path: /open, upstream: none, access: public }
tests:
  - { name: a reader reads, token: { scopes: [shop:read] }, request: GET /shop/1, expect: allow }
  - { name: nobody, request: GET /shop/1, expect: token_missing }
`;
const path = await folderWith({ 'gw.yaml': FILE, 'keys.json': JSON.stringify(inPlace(KEY)) }, t);
const now = Math.floor(Date.now() / 1000);
const token = mint(KEY, {
  iss: 'https://id.example.com',
  aud: 'api',
  sub: 'ann',
  scope: 'shop:read',
  iat: now,
  exp: now + 60,
});

t.test('check: the file and its tests hold, also online, where there is no backend to reach', async (t) => {
  for (const words of [[], ['--online']]) {
    const { code, stdout } = await sealgate(['check', '-c', path('gw.yaml'), ...words]);
    t.equal(code, 0, stdout);
    t.match(stdout, '2 tests pass');
    t.notMatch(stdout, 'upstream');
  }
});

t.test('explain: the proxy that asks adds the identity', async (t) => {
  const shop = await sealgate([
    'explain',
    '-c',
    path('gw.yaml'),
    '--token',
    token,
    '--show-claims',
    '/shop/1',
  ]);
  t.equal(shop.code, 0);
  t.match(shop.stdout, 'the proxy that asks adds:\n    x-user-id: ann');
  const open = await sealgate(['explain', '-c', path('gw.yaml'), '/open']);
  t.match(open.stdout, 'the proxy that asks adds no identity headers');
});

t.test('routes: they are listed, with no upstream', async (t) => {
  const { code, stdout } = await sealgate(['routes', '-c', path('gw.yaml'), '--format', 'json']);
  t.equal(code, 0);
  t.match(JSON.parse(stdout), [
    { name: 'open', upstream: 'none' },
    { name: 'shop', upstream: 'none' },
  ]);
});
