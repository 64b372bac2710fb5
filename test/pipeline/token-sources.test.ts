import t from 'tap';
import { configSchema } from '../../src/config/schema.ts';
import { compileGate } from '../../src/pipeline/compile-gate.ts';
import { compileIssuers } from '../../src/tokens/compile-issuers.ts';
import { fakeVerifier, fileWith, gateOf, permitOf, requestOf, tokenOf, verdictOf } from '../support/gate.ts';

const verifier = fakeVerifier({ good: tokenOf({ sub: 's' }), other: tokenOf({ sub: 'o' }) });

const SOURCES = [
  { header: 'X-Api-Token' },
  { cookie: 'session' },
  { query: 'access_token' },
  { webSocketProtocol: 'bearer' },
];

const gate = await gateOf(
  fileWith([
    { path: '/all', access: 'authenticated', tokenFrom: SOURCES },
    { path: '/maybe', access: 'optional', tokenFrom: SOURCES },
    { path: '/plain', access: 'authenticated' },
    { path: '/open' },
    { path: '/handing', access: 'authenticated', tokenFrom: SOURCES, identity: { forwardToken: true } },
  ]),
  verifier,
);

type Sent = [target: string, ...headers: string[]];

const PLACES: Record<string, Sent> = {
  authorization: ['', 'Authorization', 'Bearer good'],
  header: ['', 'x-api-token', 'good'],
  cookie: ['', 'Cookie', 'a=1; session=good; b=2'],
  query: ['?a=1&access_token=good&b=2'],
  protocol: ['', 'Sec-WebSocket-Protocol', 'chat, bearer, good'],
};

t.test('a token is taken from each place that the route names, and from Authorization', async (t) => {
  for (const [place, [query, ...headers]] of Object.entries(PLACES)) {
    t.equal(verdictOf(gate, requestOf(`GET /all${query}`, ...headers)), 'allow', place);
    const elsewhere = place === 'authorization' ? 'allow' : 'token_missing';
    t.equal(verdictOf(gate, requestOf(`GET /plain${query}`, ...headers)), elsewhere, `${place}, not named`);
  }
  t.equal(verdictOf(gate, requestOf('GET /all')), 'token_missing');
});

t.test('two tokens in any two places are refused, the same one too', async (t) => {
  const places = Object.entries(PLACES);
  for (const [first, [query, ...headers]] of places) {
    for (const [second, [otherQuery, ...otherHeaders]] of places) {
      const line = `GET /all${query || '?'}${otherQuery.replace('?', '&')}`;
      const expected = 'multiple_tokens';
      t.equal(
        verdictOf(gate, requestOf(line, ...headers, ...otherHeaders)),
        expected,
        `${first} and ${second}`,
      );
      t.equal(
        verdictOf(gate, requestOf(line.replace('/all', '/maybe'), ...headers, ...otherHeaders)),
        expected,
      );
    }
  }
  const twice: Sent[] = [
    ['', 'Cookie', 'session=good; session=other'],
    ['', 'Cookie', 'session=good', 'Cookie', 'session=other'],
    ['?access_token=good&access_token=other'],
    ['?access_token=good&access%5Ftoken=other'],
    ['', 'x-api-token', 'good', 'X-API-TOKEN', 'other'],
    ['', 'Sec-WebSocket-Protocol', 'bearer, good, bearer, other'],
  ];
  for (const [query, ...headers] of twice) {
    t.equal(
      verdictOf(gate, requestOf(`GET /all${query}`, ...headers)),
      'multiple_tokens',
      query + headers.join(),
    );
  }
});

t.test('what is empty is no token, and what is not one token is refused', async (t) => {
  const table: [Sent, string][] = [
    [['', 'Cookie', 'session='], 'token_missing'],
    [['?access_token='], 'token_missing'],
    [['?access_token'], 'token_missing'],
    [['', 'x-api-token', ''], 'token_missing'],
    [['', 'Cookie', 'session2=good; xsession=good; Session=good'], 'token_missing'],
    [['', 'Cookie', 'session="good"'], 'allow'],
    [['', 'x-api-token', 'Bearer good'], 'token_malformed'],
    [['', 'x_api_token', 'good'], 'token_missing'],
    [['', 'x-api-token', 'good, other'], 'token_malformed'],
    [['', 'Sec-WebSocket-Protocol', 'bearer'], 'token_missing'],
    [['', 'Sec-WebSocket-Protocol', 'bearer', 'Sec-WebSocket-Protocol', 'good'], 'allow'],
    [['', 'Authorization', 'Basic x', 'x-api-token', 'good'], 'allow'],
    [['', 'Authorization', 'Bearer', 'x-api-token', 'good'], 'multiple_tokens'],
  ];
  for (const [[query, ...headers], expected] of table) {
    t.equal(verdictOf(gate, requestOf(`GET /all${query}`, ...headers)), expected, query + headers.join());
  }
});

t.test('the token does not go up, and all else stays byte for byte', async (t) => {
  const table: [Sent, string, string[]][] = [
    [['?a=1&access_token=good&b=%zz'], '?a=1&b=%zz', []],
    [['?access_token=good'], '', []],
    [['?x', 'Cookie', 'a=1; session=good; b="2"'], '?x', ['Cookie', 'a=1; b="2"']],
    [['', 'Cookie', 'session=good'], '', []],
    [['', 'Sec-WebSocket-Protocol', 'chat, bearer, good'], '', ['Sec-WebSocket-Protocol', 'chat']],
    [['', 'Sec-WebSocket-Protocol', 'bearer,good', 'X-A', '1'], '', ['X-A', '1']],
    [['', 'X-Api-Token', 'good'], '', []],
  ];
  for (const [[query, ...headers], wantedQuery, wanted] of table) {
    const permit = permitOf(gate, requestOf(`GET /all${query}`, ...headers));
    t.strictSame([permit.target.query, permit.headers.passed, permit.credentials], [wantedQuery, wanted, []]);
  }
  t.strictSame(permitOf(gate, requestOf('GET /open', 'X-Api-Token', 'good')).headers.passed, []);
  const handed = permitOf(gate, requestOf('GET /handing?access_token=good'));
  t.equal(handed.target.query, '?access_token=good');
  t.strictSame(permitOf(gate, requestOf('GET /handing', 'X-Api-Token', 'good')).credentials, [
    'x-api-token',
    'good',
  ]);
});

t.test('beside the token that was verified, no other credential is handed on', async (t) => {
  const handing = { identity: { forwardToken: true }, access: 'authenticated' } as const;
  const mixed = await gateOf(
    fileWith([
      { path: '/cookie', tokenFrom: [{ cookie: 'session' }], ...handing },
      { path: '/bearer', ...handing },
      { path: '/header', tokenFrom: [{ header: 'X-Api-Token' }], ...handing },
    ]),
    verifier,
  );
  const table: [string, string[], string[]][] = [
    ['/cookie', ['Cookie', 'session=good', 'Authorization', 'Basic YTpi', 'X-Api-Token', 'forged'], []],
    ['/header', ['X-Api-Token', 'good', 'Authorization', 'Basic YTpi'], ['x-api-token', 'good']],
    ['/bearer', ['Authorization', 'Bearer good', 'X-Api-Token', 'forged'], ['authorization', 'Bearer good']],
  ];
  for (const [path, headers, wanted] of table) {
    t.strictSame(permitOf(mixed, requestOf(`GET ${path}`, ...headers)).credentials, wanted, path);
  }
});

t.test('the header of a provider counts on the routes that accept it', async (t) => {
  const config = configSchema.parse(
    fileWith(
      [
        { path: '/edge', access: { issuers: ['edge'] } },
        { path: '/corp', access: { issuers: ['corp'] } },
      ],
      {
        issuers: {
          corp: { issuer: 'https://corp.example', audiences: ['api'] },
          edge: { preset: 'cloudflare-access', team: 'acme', audiences: ['api'] },
        },
      },
    ),
  );
  const { issuers, problems } = compileIssuers(config, { resolvePath: (path) => path });
  t.strictSame(problems, []);
  const edge = fakeVerifier({ good: tokenOf({ sub: 's' }, { issuer: 'edge' }) });
  const { gate } = await compileGate({ config, issuers, verifier: edge });
  const header = ['Cf-Access-Jwt-Assertion', 'good'];
  t.equal(verdictOf(gate, requestOf('GET /edge', ...header)), 'allow');
  t.equal(
    verdictOf(gate, requestOf('GET /edge', ...header, 'Authorization', 'Bearer good')),
    'multiple_tokens',
  );
  t.equal(verdictOf(gate, requestOf('GET /corp', ...header)), 'token_missing');
  t.strictSame(permitOf(gate, requestOf('GET /edge', ...header)).headers.passed, []);
});
