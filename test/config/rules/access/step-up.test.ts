import t from 'tap';
import { loadText } from '../../../support/config/config-text.ts';

/** Issuers, policies and routes with what a row is about. */
const file = (routes: string, policies = '', tolerance = '30s'): string => `
listen: { publicUrl: https://api.example.com }
issuers:
  corp: { issuer: https://corp.example, audiences: [https://api.example.com/mcp], clockTolerance: ${tolerance} }
${policies === '' ? '' : `policies:\n  ${policies}`}
routes:
  - { name: r, path: /mcp, upstream: http://127.0.0.1:3000, ${routes} }
`;

const ROWS: readonly (readonly [name: string, text: string, found: readonly RegExp[]])[] = [
  ['both', file('access: { acr: [urn:a, urn:b], maxAuthAge: 10m }'), []],
  ['in each of a list', file('access: [{ acr: [urn:a] }, { maxAuthAge: 1h }]'), []],
  ['no class', file('access: { acr: [] }'), [/^error routes\[0\]\.access\.acr: expected at least one entry/]],
  ['a text', file('access: { acr: urn:a }'), [/^error routes\[0\]\.access\.acr: expected a list/]],
  ['a number', file('access: { acr: [2] }'), [/^error routes\[0\]\.access\.acr\[0\]: expected a text/]],
  [
    'a bare number',
    file('access: { maxAuthAge: 600 }'),
    [/^error routes\[0\]\.access\.maxAuthAge: expected a duration/],
  ],
  [
    'an age of zero',
    file('access: { maxAuthAge: 0s }'),
    [/^error .*maxAuthAge: expected whole seconds, at least one/],
  ],
  [
    'twice',
    file('access: { acr: [urn:a, urn:b, urn:a] }'),
    [/^warning routes\[0\]\.access\.acr\[2\]: `urn:a` is listed twice/],
  ],
  [
    'a policy with another class',
    file('access: { policy: strong, acr: [urn:b] }', 'strong: { acr: [urn:a] }'),
    [
      /^warning routes\[0\]\.access\.acr: this rule can never be true: a token has one `acr`, and policy `strong`/,
    ],
  ],
  [
    'a policy with a class in common',
    file('access: { policy: strong, acr: [urn:b, urn:a] }', 'strong: { acr: [urn:a] }'),
    [],
  ],
  [
    'a tool with another class than its server',
    file('access: { acr: [urn:a] }, mcp: { tools: { pay: { acr: [urn:b] }, read: { acr: [urn:a] } } }'),
    [
      /^warning routes\[0\]\.mcp\.tools\.pay\.acr: this rule can never be true: .*the access of the route asks for another/,
    ],
  ],
  [
    'a tool with another class by policy',
    file('access: { acr: [urn:a] }, mcp: { tools: { pay: { policy: strong } } }', 'strong: { acr: [urn:b] }'),
    [/^warning routes\[0\]\.mcp\.tools\.pay\.policy: this rule can never be true/],
  ],
  [
    'a tool with the class of one alternative',
    file('access: [{ acr: [urn:a] }, { roles: [r] }], mcp: { tools: { pay: { acr: [urn:b] } } }'),
    [],
  ],
  [
    'no longer than the tolerance',
    file('access: { maxAuthAge: 5m }', '', '5m'),
    [/^warning routes\[0\]\.access\.maxAuthAge: `clockTolerance` of issuer `corp` is added to this/],
  ],
  [
    'a policy no longer than the tolerance',
    file('access: { policy: recent, maxAuthAge: 1h }', 'recent: { maxAuthAge: 20s }'),
    [/^warning policies\.recent\.maxAuthAge: `clockTolerance`/],
  ],
  ['longer than the tolerance', file('access: { maxAuthAge: 301s }', '', '5m'), []],
];

for (const [name, text, found] of ROWS)
  t.test(`step-up: ${name}`, async (t) => {
    const problems = loadText(text).problems.map(
      ({ severity, path, message, hint = '' }) => `${severity} ${path}: ${message} — ${hint}`,
    );
    t.equal(problems.length, found.length, problems.join('\n'));
    for (const [at, pattern] of found.entries()) t.match(problems[at], pattern);
  });
