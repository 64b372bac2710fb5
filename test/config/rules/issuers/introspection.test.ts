import t from 'tap';
import { parse, stringify } from 'yaml';
import { compileIssuers } from '../../../../src/tokens/issuers/compile-issuers.ts';
import { loadText } from '../../../support/config/config-text.ts';
import { signingKey } from '../../../support/tokens/mint.ts';
import { inPlace } from '../../../support/tokens/verifier.ts';

const BASE = `
issuers:
  legacy:
    issuer: https://login.example
    audiences: [orders]
    jwks: none
    introspection: { url: https://login.example/introspect, auth: { clientId: gateway, clientSecret: s } }
routes:
  - { name: orders, path: /, upstream: http://127.0.0.1:3000, access: { issuers: [legacy] } }
`;

type File = {
  issuers: Record<string, Record<string, unknown>>;
  routes: { access: unknown }[];
};

const other = (prefix?: string) => ({
  issuer: 'https://other.example',
  audiences: ['orders'],
  jwks: 'none',
  introspection: {
    url: 'https://other.example/introspect',
    auth: { clientId: 'gateway', clientSecret: 's' },
    ...(prefix && { prefix }),
  },
});

/** The problems of the file with changes, one short line each. */
function problemsOf(change: (file: File) => void): readonly string[] {
  const file = parse(BASE) as File;
  change(file);
  const loaded = loadText(stringify(file));
  const compiled =
    loaded.config && compileIssuers(loaded.config, { resolvePath: (path) => `/nowhere/${path}` });
  return [...loaded.problems, ...loaded.report(compiled?.problems ?? [])].map(
    ({ severity, path, message }) => `${severity} ${path}: ${message}`,
  );
}

t.test('a good file has no problem', async (t) => {
  t.strictSame(
    problemsOf(() => {}),
    [],
  );
  t.strictSame(
    problemsOf(({ issuers, routes }) => {
      issuers.other = other('o_');
      routes[0] = { ...routes[0], access: { issuers: ['legacy', 'other'] } };
    }),
    [],
    'one of two has a prefix',
  );
});

t.test('two issuers of opaque tokens on one route need prefixes, of whatever alternatives', async (t) => {
  const message =
    /^error routes\[0\]\.access: route `orders` accepts opaque tokens of `legacy` and `other`, and nothing shows/;
  for (const access of [
    { issuers: ['legacy', 'other'] },
    { issuers: 'any' },
    [{ issuers: ['legacy'], scopes: ['a'] }, { issuers: ['other'] }],
  ]) {
    const problems = problemsOf(({ issuers, routes }) => {
      issuers.other = other();
      routes[0] = { ...routes[0], access };
    });
    t.ok(
      problems.some((problem) => message.test(problem)),
      JSON.stringify([access, problems]),
    );
  }
  const apart = problemsOf(({ issuers, routes }) => {
    issuers.other = other();
    routes.push({ ...routes[0], name: 'others', host: 'b.example', access: { issuers: ['other'] } } as never);
  });
  t.notMatch(apart.join('\n'), /opaque/, 'on two routes they do not meet');
});

t.test('one prefix belongs to one issuer', async (t) => {
  const problems = problemsOf(({ issuers }) => {
    Object.assign(issuers.legacy?.introspection as object, { prefix: 'a_' });
    issuers.other = other('a_');
  });
  t.match(problems.join('\n'), /error issuers\.other\.introspection\.prefix: `legacy` has the same `prefix`/);
});

t.test('settings that would do nothing are errors', async (t) => {
  const rows: readonly [
    issuer: Record<string, unknown>,
    introspection: Record<string, unknown>,
    message: RegExp,
  ][] = [
    [{}, { for: 'all' }, /error issuers\.legacy\.introspection\.for: with `jwks: none` no JWT/],
    [{ algorithms: ['RS256'] }, {}, /error issuers\.legacy\.algorithms: .*`algorithms` does nothing/],
    [{ tokenTypes: ['at+jwt'] }, {}, /error issuers\.legacy\.tokenTypes: .*`tokenTypes` does nothing/],
    [{ jwksUri: 'https://login.example/keys' }, {}, /jwksUri: has no meaning beside `jwks`/],
    [{ keys: { refresh: '5m' } }, {}, /keys: has no meaning beside `jwks`/],
    [{ keys: { snapshot: 'a.json' } }, { url: undefined }, /keys\.snapshot: has no meaning/],
  ];
  for (const [issuer, introspection, message] of rows) {
    const problems = problemsOf(({ issuers }) => {
      Object.assign(issuers.legacy as object, issuer);
      Object.assign(issuers.legacy?.introspection as object, introspection);
    });
    t.match(problems.join('\n'), message);
  }
  const fetching = problemsOf(({ issuers }) => {
    Object.assign(issuers.legacy as object, { keys: { refresh: '5m', timeout: '1s' } });
    Object.assign(issuers.legacy?.introspection as object, { url: undefined });
  });
  t.strictSame(fetching, [], 'metadata is fetched by the rules in `keys`');
});

t.test(
  'an issuer without keys and introspection is an error, and so is an endpoint that nothing leads to',
  async (t) => {
    const without = problemsOf(({ issuers }) => {
      delete issuers.legacy?.introspection;
    });
    t.match(without.join('\n'), /error issuers\.legacy\.introspection: missing: with `jwks: none`/);
    for (const jwks of ['none', inPlace(signingKey('ES256'))]) {
      const unfound = problemsOf(({ issuers }) => {
        Object.assign(issuers.legacy as object, { issuer: 'legacy-name', jwks });
        Object.assign(issuers.legacy?.introspection as object, { url: undefined });
      });
      t.match(
        unfound.join('\n'),
        /error issuers\.legacy\.issuer: expected an https: URL, because the introspection/,
      );
      const plain = problemsOf(({ issuers }) => {
        Object.assign(issuers.legacy as object, { issuer: 'http://login.example', jwks });
        Object.assign(issuers.legacy?.introspection as object, { url: undefined });
      });
      t.match(plain.join('\n'), /error issuers\.legacy\.issuer: `issuer` is plain http: to another machine/);
    }
  },
);

t.test('an `introspection` with a mistake is there all the same', (t) => {
  const broken = problemsOf(({ issuers }) => {
    Object.assign(issuers.legacy?.introspection as object, { auth: { clientId: 'gateway' } });
  });
  t.match(broken.join('\n'), /expected exactly one of/);
  t.notMatch(broken.join('\n'), /missing: with/);
  t.end();
});

t.test('workers divide the questions that run at a time', (t) => {
  const about = (workers: number, concurrency?: number) =>
    problemsOf((file) => {
      Object.assign(file, { workers });
      if (concurrency !== undefined)
        Object.assign(file.issuers.legacy?.introspection as object, { concurrency });
    }).filter((problem) => problem.includes('concurrency'));
  t.strictSame(about(4), [], 'the default has an eighth for each address');
  t.strictSame(about(1, 1), []);
  t.match(about(4, 3).join(), /error issuers\.legacy\.introspection\.concurrency: fewer than the 4 workers/);
  t.match(
    about(4, 31).join(),
    /note issuers\.legacy\.introspection\.concurrency: one client address can have 4/,
  );
  t.strictSame(about(4, 32), []);
  t.end();
});
