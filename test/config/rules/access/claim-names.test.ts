import t from 'tap';
import { loadConditionCompiler } from '../../../../src/pipeline/access/cel/condition.ts';
import { loadText, MINIMAL } from '../../../support/config/config-text.ts';

/* A text is one literal claim name; what looks like a path in it is most likely meant as one. */

const problems = (text: string) =>
  loadText(text).problems.map(
    ({ severity, path, message, hint = '' }) => `${severity} ${path}: ${message} — ${hint}`,
  );
const issuer = (line: string): string => MINIMAL.replace('routes:', `    ${line}\nroutes:`);
const access = (text: string): string => MINIMAL.replace('authenticated', text);
const identity = (source: string): string => `${MINIMAL}identity: { headers: { x-a: ${source} } }\n`;

const PATHS: readonly (readonly [place: string, text: string, found: readonly RegExp[]])[] = [
  [
    'roles',
    issuer('roleClaims: [realm_access.roles]'),
    [
      /^warning issuers\.corp\.roleClaims\[0\]: `realm_access\.roles` is the name of one claim.*write \[realm_access, roles\]$/,
    ],
  ],
  [
    'roles of a client',
    issuer('roleClaims: [resource_access.my-app.roles]'),
    [/for `roles` in `resource_access\.my-app` write \[resource_access, my-app, roles\]$/],
  ],
  [
    'roles in brackets',
    issuer('roleClaims: ["resource_access[app].roles"]'),
    [/write \[resource_access, app, roles\]$/],
  ],
  ['roles as a JSON path', issuer('roleClaims: [$.realm_access.roles]'), [/write \[realm_access, roles\]$/]],
  [
    'roles as a JSON pointer',
    issuer('roleClaims: [/realm_access/roles]'),
    [/write \[realm_access, roles\]$/],
  ],
  [
    'a claim as a JSON path',
    issuer('roleClaims: [$.roles]'),
    [/is one literal name, not a path — write roles$/],
  ],
  [
    'roles as JSONPath with brackets',
    issuer(`roleClaims: ['$["realm_access"]["roles"]']`),
    [/write \[realm_access, roles\]$/],
  ],
  ['roles as the members of a list', issuer('roleClaims: ["roles[]"]'), [/not a path — write roles$/]],
  ['roles as JMESPath', issuer('roleClaims: ["realm_access.roles[*]"]'), [/write \[realm_access, roles\]$/]],
  ['roles anywhere', issuer('roleClaims: ["$..roles"]'), [/not a path — write roles$/]],
  [
    'roles with slashes',
    issuer('roleClaims: [resource_access/app/roles]'),
    [/write \[resource_access, app, roles\]$/],
  ],
  [
    'roles of every client',
    issuer('roleClaims: [resource_access.*.roles]'),
    [/write \[resource_access, NAME, roles\], for each NAME: there are no wildcards$/],
  ],
  [
    'a wildcard in a path',
    issuer('roleClaims: [[resource_access, "*", roles]]'),
    [/^warning issuers\.corp\.roleClaims\[0\]\[1\]: `\*` is a literal name.*name each step/],
  ],
  [
    'a path whose brackets were forgotten',
    issuer('roleClaims: [realm_access, roles]'),
    [/^warning issuers\.corp\.roleClaims\[0\]: `realm_access` is an object.*\[realm_access, …\]$/],
  ],
  ['scopes', issuer('scopeClaims: [auth.scopes]'), [/scopeClaims\[0\].*write \[auth, scopes\]$/]],
  [
    'a required claim',
    issuer('requiredClaims: [realm_access.roles]'),
    [/requiredClaims\[0\].*only a top-level claim is allowed here, such as realm_access$/],
  ],
  [
    'a claim rule by name',
    access('{ claims: { realm_access.roles: admin } }'),
    [
      /routes\[0\]\.access\.claims\["realm_access\.roles"\].*write a list: \[\{ claim: \[realm_access, roles\], any/,
    ],
  ],
  [
    'a claim rule in a list',
    access('{ claims: [{ claim: realm_access.roles, any: [admin] }] }'),
    [/claims\[0\]\.claim.*write \[realm_access, roles\]$/],
  ],
  [
    'a claim rule of a policy',
    `${access('{ policy: p }')}policies: { p: { claims: { a.b: c } } }\n`,
    [/^warning policies\.p\.claims\["a\.b"\]/],
  ],
  [
    'a limit',
    `${MINIMAL}    rateLimit: { max: 1, window: 1m, by: { claim: org.id } }\n`,
    [/by\.claim.*\[org, id\]$/],
  ],
  [
    'the second of two limits',
    `${MINIMAL}    rateLimit: [{ max: 1, window: 1m, by: ip }, { max: 1, window: 1m, by: { claim: a.b } }]\n`,
    [/rateLimit\[1\]\.by\.claim/],
  ],
  [
    'an identity header',
    identity('realm_access.roles'),
    [/identity\.headers\.x-a: .*\[realm_access, roles\]$/],
  ],
  [
    'an identity claim',
    identity('{ claim: realm_access.roles }'),
    [/headers\.x-a\.claim: .*\[realm_access, roles\]$/],
  ],
  ['an identity claim in the words of conditions', identity('claims.email'), [/not a path — write email$/]],
  ['an identity template', identity('"{org.id}/{sub}"'), [/headers\.x-a: .*only a top-level claim/]],
  [
    'an identity header of a route',
    `${MINIMAL}    identity: { headers: { x-a: a.b } }\n`,
    [/^warning routes\[0\]\.identity\.headers\.x-a/],
  ],
];

for (const [place, text, found] of PATHS) {
  t.test(`a path in a text is warned of: ${place}`, async (t) => {
    const lines = problems(text);
    t.match(lines, found);
    t.equal(lines.length, found.length, lines.join('\n'));
  });
}

const NAMES: readonly string[] = [
  'roles',
  'https://example.com/roles',
  'http://wso2.org/claims/role',
  'urn:zitadel:iam:org:project:roles',
  'cognito:groups',
  'com.example.role',
  '[realm_access, roles]',
  '["realm_access.roles"]',
  'x-hasura-role',
];

for (const name of NAMES) {
  t.test(`a claim ${name} is what it looks like`, async (t) => {
    t.same(
      problems(access(`{ claims: [{ claim: ${name.startsWith('[') ? name : `"${name}"`}, any: [a] }] }`)),
      [],
    );
  });
}

t.test('the hint for a text that is meant as a pattern is a condition that compiles', async (t) => {
  for (const [rules, when] of [
    ['{ roles: [ROLE_*] }', 'token.roles.exists(one, one.startsWith("ROLE_"))'],
    ['{ scopes: ["*:read"] }', 'token.scopes.exists(one, one.endsWith(":read"))'],
    ['{ roles: ["!guest"] }', '!("guest" in token.roles)'],
    ['{ claims: { tenant: "*" } }', 'has(claims.tenant)'],
    ['{ claims: { "a.com": "^x" } }', 'claims["a.com"].matches("^x")'],
    ['{ claims: [{ claim: [org, level], equals: ">= 5" }] }', 'claims.org.level >= 5'],
  ] as const) {
    t.match(
      problems(access(rules)).at(-1),
      new RegExp(`\`when: ${when.replace(/[.*+?^${}()|[\]]/g, '\\$&')}\``),
      rules,
    );
    t.same((await loadConditionCompiler()).compile(when, []).problems, [], when);
  }
});
