import t from 'tap';
import { loadText } from '../../../support/config/config-text.ts';

/* `logout` and `events` of issuers. */

const EVENTS = '{ issuer: https://ssf.example.com, jwksUri: https://ssf.example.com/keys, audience: api }';

function problemsOf(issuer: string, more = ''): readonly string[] {
  const { problems } = loadText(`issuers:
  corp: { issuer: https://id.example.com, audiences: [api], maxTokenAge: 1h, ${issuer} }
routes:
  - { name: a, path: /a, upstream: "http://127.0.0.1:3000", access: authenticated }
${more}`);
  return problems.map(({ severity, path, message }) => `${severity} ${path}: ${message}`);
}

t.test('the URL to register is named', async (t) => {
  t.same(problemsOf(`logout: { clientId: c }, events: ${EVENTS}`), [
    'note issuers.corp.logout: the provider pushes logout tokens to /.well-known/sealgate/logout/corp of this gateway',
    'note issuers.corp.events: the provider pushes security events to /.well-known/sealgate/events/corp of this gateway',
  ]);
  t.match(problemsOf('logout: { clientId: c }', 'listen: { publicUrl: "https://gw.example/path" }'), [
    /pushes logout tokens to https:\/\/gw\.example\/\.well-known\/sealgate\/logout\/corp$/,
  ]);
});

t.test('keys that cannot verify, or could be replaced', async (t) => {
  t.match(
    problemsOf(
      'jwks: none, introspection: { url: https://id.example.com/i, auth: { clientId: g, clientSecret: s } }, logout: { clientId: c }',
    ).filter((line) => line.startsWith('error')),
    [/^error issuers\.corp\.logout: .*cannot be verified/],
  );
  const plain = EVENTS.replace('jwksUri: https', 'jwksUri: http');
  t.match(problemsOf(`events: ${plain}`), [/^note/, /^error issuers\.corp\.events\.jwksUri: .*plain http/]);
  t.match(problemsOf(`events: ${plain}, insecure: true`).join('\n'), /note issuers.corp.events/);
  t.notMatch(problemsOf(`events: ${plain}, insecure: true`).join('\n'), /^error/m);
});

t.test('a route at the same path is never reached', async (t) => {
  const route =
    '  - { name: b, path: /.well-known/sealgate/logout/corp, upstream: "http://127.0.0.1:3000", access: authenticated }';
  t.match(
    problemsOf('logout: { clientId: c }', route).join('\n'),
    /warning routes\[1\]\.path: the gateway receives logout tokens of `corp` at this path/,
  );
});
