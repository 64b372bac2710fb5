import t from 'tap';
import { parse, stringify } from 'yaml';
import { loadText } from '../../../support/config/config-text.ts';

const BASE = `
issuers:
  corp: { issuer: https://id.example.com, audiences: [api], dpop: {} }
  plain: { issuer: https://plain.example.com, audiences: [api] }
routes:
  - { name: bound, path: /bound, upstream: http://127.0.0.1:3000, access: { issuers: [corp] } }
  - { name: plain, path: /plain, upstream: http://127.0.0.1:3000, access: { issuers: [plain] } }
  - { name: open, path: /open, upstream: http://127.0.0.1:3000, access: public }
`;

type File = { listen?: Record<string, unknown>; routes: Record<string, unknown>[] };

function problemsOf(change: (file: File) => void): readonly string[] {
  const file = parse(BASE) as File;
  change(file);
  return loadText(stringify(file))
    .problems.filter(({ severity }) => severity !== 'note')
    .map(({ severity, path, message, hint }) => `${severity} ${path}: ${message} (${hint})`);
}

t.test('a route that accepts bound tokens needs to know its own address', async (t) => {
  t.match(
    problemsOf(() => {}),
    [/^error routes\[0\]: nothing to compare `htu` .*accepts `corp`.*\(set `listen.publicUrl`.*or `host`/],
  );
  t.same(
    problemsOf((file) => Object.assign(file, { listen: { publicUrl: 'https://api.example.com' } })),
    [],
  );
  t.same(
    problemsOf(({ routes }) => Object.assign(routes[0] as object, { host: 'api.example.com' })),
    [],
  );
});

t.test('a public URL with a path is compared without it', async (t) => {
  const listen = { publicUrl: 'https://example.com/api' };
  t.match(
    problemsOf((file) => Object.assign(file, { listen })),
    [/^warning listen.publicUrl: .*route `bound` is not below `\/api`/],
  );
  t.same(
    problemsOf((file) => {
      file.listen = listen;
      Object.assign(file.routes[0] as object, { path: '/api/bound' });
    }),
    [],
    'where it arrives whole, it is compared whole',
  );
});

t.test('an algorithm of proofs stands once in its list', async (t) => {
  const of = (algorithms: readonly string[]) =>
    problemsOf((file) => {
      const { issuers } = file as unknown as { issuers: Record<string, object> };
      Object.assign(issuers.corp as object, { dpop: { algorithms } });
      Object.assign(file, { listen: { publicUrl: 'https://api.example.com' } });
    });
  t.match(of(['ES256', 'EdDSA', 'ES256', 'ES256']), [
    /^warning issuers\.corp\.dpop\.algorithms\[2\]: `ES256` is listed twice/,
    /^warning issuers\.corp\.dpop\.algorithms\[3\]: `ES256` is listed twice/,
  ]);
  t.same(of(['ES256', 'EdDSA', 'Ed25519']), []);
});
