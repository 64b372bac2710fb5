import fc from 'fast-check';
import t from 'tap';
import {
  fakeVerifier,
  fileWith,
  gateOf,
  permitOf,
  requestOf,
  resultOf,
  tokenOf,
} from '../../support/pipeline/gate.ts';
import { COOKIE_READERS, QUERY_READERS, type Reader } from './token-readers.ts';

/* Whatever a request looks like: no server behind the gateway finds a token in it that the gateway did not verify. */

const verifier = fakeVerifier({ good: tokenOf({ sub: 's' }) });
const upstreamPlan = { identity: { forwardToken: true } } as const;
const PLACES = {
  cookie: { tokenFrom: [{ cookie: 'session_id' }] },
  query: { tokenFrom: [{ query: 'access_token' }] },
};

const gates = {
  cookie: await gateOf(
    fileWith([
      { path: '/guarded', access: 'authenticated', ...PLACES.cookie },
      { path: '/handing', access: 'authenticated', ...PLACES.cookie, ...upstreamPlan },
      { path: '/optional', access: 'optional', ...PLACES.cookie, ...upstreamPlan },
    ]),
    verifier,
  ),
  query: await gateOf(
    fileWith([
      { path: '/guarded', access: 'authenticated', ...PLACES.query },
      { path: '/handing', access: 'authenticated', ...PLACES.query, ...upstreamPlan },
      { path: '/optional', access: 'optional', ...PLACES.query, ...upstreamPlan },
    ]),
    verifier,
  ),
};

const pieces = (...texts: string[]) => fc.constantFrom(...texts);
const textOf = (piece: fc.Arbitrary<string>, maxLength: number) =>
  fc.array(piece, { maxLength }).map((parts) => parts.join(''));

const noise = textOf(
  pieces(
    ' ',
    '\t',
    '"',
    "'",
    ',',
    '=',
    '$',
    '+',
    '.',
    '_',
    '-',
    '[',
    ']',
    ':',
    '\\',
    'a',
    '1',
    '\u00a0',
    '\u00c2\u00a0',
    '%20',
    '%00',
    '%5b',
    '%ff',
    '%zz',
    '%',
  ),
  2,
);
const spelled = (...names: string[]) =>
  fc
    .tuple(
      noise,
      fc.oneof({ weight: 3, arbitrary: pieces(...names) }, { weight: 1, arbitrary: noise }),
      noise,
    )
    .map((parts) => parts.join(''));
const value = fc.oneof(
  { weight: 4, arbitrary: pieces('good', 'forged') },
  { weight: 1, arbitrary: fc.tuple(noise, pieces('good', 'forged'), noise).map((parts) => parts.join('')) },
);

const cookieName = spelled(
  'session_id',
  'Session_Id',
  'session.id',
  'session id',
  'session',
  'session%5Fid',
  's%65ssion_id',
  'a',
);
const queryName = spelled(
  'access_token',
  'ACCESS_TOKEN',
  'access.token',
  'access+token',
  'access',
  'access%5Ftoken',
  'access%255Ftoken',
  '%u0061ccess_token',
  'a',
);

const cookies = fc
  .array(fc.tuple(cookieName, pieces('=', '=', '=', ' = ', ''), value, pieces('; ', ';', ', ', ',', ' ')), {
    minLength: 1,
    maxLength: 4,
  })
  .map((pairs) =>
    pairs
      .flat()
      .join('')
      .replace(/[;, ]+$/, ''),
  );
const queries = fc
  .array(fc.tuple(queryName, pieces('=', '=', '=', ''), value, pieces('&', '&', ';', '?')), {
    minLength: 1,
    maxLength: 4,
  })
  // Blanks and what is not ASCII are refused in a query anyway.
  .map((pairs) =>
    pairs
      .flat()
      .join('')
      .replace(/[&;?]+$/, '')
      .replace(/[^!-~]|#/g, ''),
  );

function assertNothingForged(
  readers: Readonly<Record<string, Reader>>,
  name: string,
  sent: string,
  allowed: readonly string[],
) {
  for (const [reader, read] of Object.entries(readers)) {
    for (const found of read(sent, name)) {
      const plain = found.replace(/^[\s"]+|[\s"]+$/g, '');
      if (plain === '' || allowed.includes(plain)) continue;
      if (/good|forged/.test(plain))
        throw new Error(`${reader} finds ${JSON.stringify(found)} in ${JSON.stringify(sent)}`);
    }
  }
}

const seen: Record<string, number> = {};

for (const kind of ['cookie', 'query'] as const) {
  t.test(`no reader of a ${kind} finds a token that the gateway did not verify`, async (t) => {
    const gate = gates[kind];
    const [readers, name] =
      kind === 'cookie'
        ? ([COOKIE_READERS, 'session_id'] as const)
        : ([QUERY_READERS, 'access_token'] as const);
    fc.assert(
      fc.property(
        kind === 'cookie' ? cookies : queries,
        pieces('/guarded', '/handing', '/optional'),
        (text, path) => {
          const request =
            kind === 'cookie' ? requestOf(`GET ${path}`, 'Cookie', text) : requestOf(`GET ${path}?${text}`);
          const result = resultOf(gate, request);
          seen[`${kind} ${result}`] = (seen[`${kind} ${result}`] ?? 0) + 1;
          if (result !== 'allow') return;
          const permit = permitOf(gate, request);
          const sent = kind === 'query' ? permit.target.query.slice(1) : (permit.headers.passed[1] ?? '');
          const isVerified = permit.token !== undefined && path !== '/guarded';
          assertNothingForged(readers, name, sent, isVerified ? ['good'] : []);
        },
      ),
      { numRuns: 3000 },
    );
    for (const result of ['allow', 'multiple_tokens', 'token_missing'])
      t.ok((seen[`${kind} ${result}`] ?? 0) > 20, result);
  });
}
