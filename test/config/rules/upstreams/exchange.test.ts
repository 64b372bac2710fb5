import t from 'tap';
import { loadText } from '../../../support/config/config-text.ts';

const EXCHANGE = `exchange:
      grant: token-exchange
      tokenUrl: https://id.example.com/token
      auth: { clientId: gateway, clientSecret: s }
      audience: orders`;

function problemsOf(route: string, { top = '', exchange = EXCHANGE } = {}): readonly string[] {
  const { problems } = loadText(`
${top}
issuers:
  corp: { issuer: https://id.example.com, audiences: [api] }
upstreams:
  orders:
    url: http://orders:3000
    ${exchange}
  plain: { url: http://plain:3000 }
routes:
  - { name: plain, path: /plain, upstream: plain, access: authenticated }
  - { name: orders, path: /orders, upstream: orders, ${route} }
`);
  return problems
    .filter(({ severity }) => severity !== 'note')
    .map(({ severity, path, message }) => `${severity} ${path}: ${message}`);
}

const FORWARDS = /would forward the caller's token to `orders`, which gets an exchanged one/;

t.test("a route to an upstream with an exchange hands on no client's credential", async (t) => {
  t.strictSame(problemsOf('access: authenticated'), []);
  t.strictSame(problemsOf('access: optional'), []);
  t.match(problemsOf('access: authenticated, identity: { forwardToken: true }'), [
    new RegExp(`^error routes\\[1\\]\\.identity\\.forwardToken: .*${FORWARDS.source}`),
  ]);
  const top = 'identity: { forwardToken: true }';
  t.match(problemsOf('access: authenticated', { top }), [
    new RegExp(`^error identity\\.forwardToken: .*${FORWARDS.source}`),
  ]);
  t.strictSame(problemsOf('access: authenticated, identity: { forwardToken: false }', { top }), []);
  t.strictSame(problemsOf('access: authenticated', { top, exchange: '' }), []);
  for (const access of ['public', 'optional']) {
    const problems = problemsOf(`access: ${access}, passAuthorization: true`);
    t.ok(problems.some((one) => /^error routes\[1\]\.passAuthorization: `orders` gets exchanged/.test(one)));
  }
});

t.test('an exchange without a route that brings tokens is a warning', async (t) => {
  t.match(problemsOf('access: public'), [
    /^warning upstreams\.orders\.exchange: every route to it is public, so there is no token to exchange$/,
  ]);
});

t.test('a secret does not stand in the URL of the endpoint', async (t) => {
  for (const query of ['client_secret=s', 'a=b&client_id=g', 'Subject_Token=x']) {
    const exchange = EXCHANGE.replace('/token', `/token?${query}`);
    t.match(problemsOf('access: authenticated', { exchange }), [
      /^error upstreams\.orders\.exchange\.tokenUrl: what is sent to the endpoint does not stand in its URL$/,
    ]);
  }
  const exchange = EXCHANGE.replace('/token', '/token?tenant=a');
  t.strictSame(problemsOf('access: authenticated', { exchange }), []);
});

t.test('opaque tokens are no assertions', async (t) => {
  const of = (grant: string, scopes: string) =>
    loadText(`
issuers:
  legacy:
    issuer: https://id.example.com
    audiences: [api]
    jwks: none
    introspection: { url: https://id.example.com/introspect, auth: { clientId: g, clientSecret: s } }
upstreams:
  orders:
    url: http://orders:3000
    exchange: { grant: ${grant}, tokenUrl: https://id.example.com/token, auth: { clientId: g, clientSecret: s }, ${scopes} }
routes:
  - { name: orders, path: /orders, upstream: orders, access: authenticated }
`).problems.map(({ severity, path, message }) => `${severity} ${path}: ${message}`);
  t.strictSame(of('token-exchange', 'audience: orders'), []);
  t.match(of('jwt-bearer', 'audience: orders'), [
    /^warning routes\[0\]\.upstream: tokens of `legacy` are opaque/,
  ]);
  t.match(of('on-behalf-of', 'scopes: [a]'), [
    /^warning routes\[0\]\.upstream: .*`on-behalf-of` of `orders`/,
  ]);
});

t.test('tokens of several issuers at one provider are worth a look', async (t) => {
  const of = (routes: string) =>
    loadText(`
issuers:
  corp: { issuer: https://id.example.com, audiences: [api] }
  partner: { issuer: https://partner.example.com, audiences: [api] }
  guest: { issuer: https://guest.example.com, audiences: [api] }
upstreams:
  orders:
    url: http://orders:3000
    ${EXCHANGE}
  plain: { url: http://plain:3000 }
routes:
  - { name: plain, path: /plain, upstream: plain, access: { issuers: any } }
  - { name: open, path: /open, upstream: orders, access: public }
${routes}
`).problems.flatMap(({ severity, path, message, hint }) =>
      message.startsWith('one provider') ? [`${severity} ${path}: ${message} (${hint})`] : [],
    );
  const route = (name: string, access: string) =>
    `  - { name: ${name}, path: /${name}, upstream: orders, access: ${access} }\n`;
  const both = [
    /^note upstreams\.orders\.exchange: one provider gets the tokens of 2 issuers here: `corp`, `partner` \(it must trust/,
  ];
  t.match(of(route('a', '{ issuers: [corp, partner] }')), both);
  t.match(of(route('a', '[{ issuers: [corp] }, { issuers: [partner] }]')), both);
  t.match(of(route('a', '{ issuers: [corp] }') + route('b', '{ issuers: [partner, corp] }')), both);
  t.strictSame(of(route('a', '{ issuers: [corp] }') + route('b', '[{ issuers: [corp] }]')), []);
});

t.test('an upstream in place has no exchange, and nothing is left of it as a later key', async (t) => {
  const { problems } = loadText(`
issuers: { corp: { issuer: https://id.example.com, audiences: [api] } }
routes:
  - { name: a, path: /, upstream: http://orders:3000, access: authenticated, exchange: {} }
`);
  t.match(problems, [{ severity: 'error', path: 'routes[0].exchange', message: /unknown key/ }]);
});
