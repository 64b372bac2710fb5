import t from 'tap';
import { loadText } from '../../../support/config/config-text.ts';

const problemsOf = (revocation: string, issuer = ''): readonly string[] =>
  loadText(`
issuers: { corp: { issuer: https://corp.example, audiences: [api]${issuer} } }
revocation: ${revocation}
routes: [{ name: r, path: /, upstream: http://127.0.0.1:3000, access: authenticated }]
`)
    .problems.filter(({ severity }) => severity !== 'note')
    .map(({ severity, path, message, hint }) => `${severity} ${path}: ${message}; ${hint}`);

t.test('entries end after the tokens they are for', async (t) => {
  const file = '{ file: revoked.jsonl }';
  t.same(problemsOf(file, ', maxTokenAge: 24h'), []);
  t.match(problemsOf(file, ', maxTokenAge: 25h'), [
    /^warning issuers\.corp\.maxTokenAge: longer than `revocation\.keep`.*at most 1d/,
  ]);
  t.match(problemsOf(file), [/^warning issuers\.corp: .*without `maxTokenAge`/]);
  t.same(problemsOf('{ file: revoked.jsonl, keep: 25h }', ', maxTokenAge: 25h'), []);
  t.match(problemsOf('{ store: redis://127.0.0.1 }'), [/^warning issuers\.corp: /]);
  t.match(problemsOf('{}', ', logout: { clientId: gateway }'), [/^warning issuers\.corp: /]);
  t.same(problemsOf('{}', ', logout: { clientId: gateway }, maxTokenAge: 24h'), []);
  t.same(problemsOf('{}'), [], 'nothing where nothing is revoked');
});
