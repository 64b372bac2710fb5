import t from 'tap';
import { configSchema } from '../../../src/config/schema/config.ts';
import { compileGate } from '../../../src/pipeline/compile.ts';
import { compileIssuers } from '../../../src/tokens/issuers/compile-issuers.ts';
import {
  compileFile,
  fakeVerifier,
  fileWith,
  gateOf,
  permitOf,
  requestOf,
  resultOf,
  tokenOf,
} from '../../support/pipeline/gate.ts';

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
    t.equal(resultOf(gate, requestOf(`GET /all${query}`, ...headers)), 'allow', place);
    const elsewhere = place === 'authorization' ? 'allow' : 'token_missing';
    t.equal(resultOf(gate, requestOf(`GET /plain${query}`, ...headers)), elsewhere, `${place}, not named`);
  }
  t.equal(resultOf(gate, requestOf('GET /all')), 'token_missing');
});

t.test('two tokens in any two places are refused, the same one too', async (t) => {
  const places = Object.entries(PLACES);
  for (const [first, [query, ...headers]] of places) {
    for (const [second, [otherQuery, ...otherHeaders]] of places) {
      const line = `GET /all${query || '?'}${otherQuery.replace('?', '&')}`;
      const expected = 'multiple_tokens';
      t.equal(
        resultOf(gate, requestOf(line, ...headers, ...otherHeaders)),
        expected,
        `${first} and ${second}`,
      );
      t.equal(
        resultOf(gate, requestOf(line.replace('/all', '/maybe'), ...headers, ...otherHeaders)),
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
      resultOf(gate, requestOf(`GET /all${query}`, ...headers)),
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
    [['', 'Cookie', 'session2=good; xsession=good; session-id=good'], 'token_missing'],
    [['', 'Cookie', 'session="good"'], 'allow'],
    [['', 'x-api-token', 'Bearer good'], 'allow'],
    [['', 'x-api-token', 'bEARER good'], 'allow'],
    [['', 'x-api-token', 'Bearer  good'], 'token_malformed'],
    [['', 'x-api-token', 'Bearer'], 'token_malformed'],
    [['', 'x-api-token', 'Bearer good, Bearer other'], 'multiple_tokens'],
    [['', 'x-api-token', 'Basic good'], 'token_malformed'],
    [['', 'Cookie', 'session=Bearer good'], 'token_malformed'],
    [['', 'Cookie', 'session= good'], 'token_malformed'],
    [['', 'Cookie', 'session=good\u00a0; a=1'], 'token_malformed'],
    [['', 'x_api_token', 'good'], 'token_missing'],
    [['', 'x-api-token', 'good, other'], 'token_malformed'],
    [['', 'Sec-WebSocket-Protocol', 'bearer'], 'token_missing'],
    [['', 'Sec-WebSocket-Protocol', 'bearer', 'Sec-WebSocket-Protocol', 'good'], 'allow'],
    [['', 'Authorization', 'Basic x', 'x-api-token', 'good'], 'allow'],
    [['', 'Authorization', 'Bearer', 'x-api-token', 'good'], 'multiple_tokens'],
  ];
  for (const [[query, ...headers], expected] of table) {
    t.equal(resultOf(gate, requestOf(`GET /all${query}`, ...headers)), expected, query + headers.join());
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
  t.equal(resultOf(gate, requestOf('GET /edge', ...header)), 'allow');
  t.equal(
    resultOf(gate, requestOf('GET /edge', ...header, 'Authorization', 'Bearer good')),
    'multiple_tokens',
  );
  t.equal(resultOf(gate, requestOf('GET /corp', ...header)), 'token_missing');
  t.strictSame(permitOf(gate, requestOf('GET /edge', ...header)).headers.passed, []);
});

t.test(
  'a name that only some backends read as the name of a source is refused, alone or beside a token',
  async (t) => {
    const SPELLINGS: readonly Sent[] = [
      ...[
        'session =X',
        'session\t=X',
        '\u00a0session=X',
        'session\u00c2\u00a0=X',
        'Session=X',
        '"session"=X',
        "'session'=X",
        '$session=X',
        '=session=X',
        's%65ssion=X',
        's%2565ssion=X',
        'session%00=X',
        'session%00x=X',
        'session[]=X',
        'session[a]=X',
        'a=1,session=X',
        'a=1, session = X',
        'a=1 session=X',
        '$Version=1, session=X; $Path=/',
        'a="b" session=X',
        'a="b\\" session=X',
        'a=1\u00a0session=X',
        'ses\u0001sion=X',
        '\u00ef\u00bd\u0093ession=X',
      ].map((cookie): Sent => ['', 'Cookie', cookie]),
      ...[
        'a=1;access_token=X',
        'access_token=;access_token=X',
        'access%5Ftoken=X',
        'access%255Ftoken=X',
        'access.token=X',
        'access-token=X',
        'access+token=X',
        'access%20token=X',
        '+access_token=X',
        '%20access_token=X',
        '%C2%A0access_token=X',
        'ACCESS_TOKEN=X',
        'access_token%20=X',
        'access_token[]=X',
        'access_token%5B0%5D=X',
        '[access_token]=X',
        'access_token:list=X',
        'access_token%00=X',
        'access_token%00x=X',
        '%00access_token=X',
        '%ffaccess_token=X',
        'acce%ffss_token=X',
        'access_token%zz=X',
        'acce%ss_token=X',
        '%u0061ccess_token=X',
        '%EF%BD%81ccess_token=X',
        'acce%C5%BFs_token=X',
        '?access_token=X',
        'a&amp;access_token=X',
      ].map((query): Sent => [`?${query}`]),
      ['', 'Sec-WebSocket-Protocol', 'Bearer, X'],
      ['', 'Sec-WebSocket-Protocol', '"bearer", X'],
    ];
    for (const [spelled, ...rest] of SPELLINGS) {
      const [query, ...headers] = [spelled, ...rest].map((text) => text.replace(/X/, 'forged'));
      for (const path of ['/all', '/maybe', '/handing']) {
        const label = `${path} ${query}${headers.join(': ')}`;
        t.equal(resultOf(gate, requestOf(`GET ${path}${query}`, ...headers)), 'multiple_tokens', label);
        for (const [place, [otherQuery, ...others]] of Object.entries(PLACES)) {
          const line = `GET ${path}${query || '?'}${otherQuery.replace('?', '&')}`;
          const both = requestOf(line, ...headers, ...others);
          t.equal(resultOf(gate, both), 'multiple_tokens', `${label}, ${place}`);
        }
      }
      t.equal(
        resultOf(gate, requestOf(`GET /plain${query}`, ...headers)),
        'token_missing',
        'not a source here',
      );
      t.equal(resultOf(gate, requestOf(`GET /open${query}`, ...headers)), 'allow', 'not looked at');
    }
  },
);

t.test('names that are merely alike stay where they are', async (t) => {
  const cookies =
    'sessions=1; my_session=2; __Host-session=3; session-id=4; a=session; b=x=session=1; c="session"; d';
  const query =
    '?access_tokens=1&my_access_token=2&a=access_token&next=%2Fx%3Faccess_token%3D1&b=x=access_token=1';
  const permit = permitOf(gate, requestOf(`GET /all${query}`, 'Cookie', `${cookies}; session=good`));
  t.strictSame([permit.target.query, permit.headers.passed], [query, ['Cookie', cookies]]);
});

t.test('a route may name two spellings, and each is a place of its own', async (t) => {
  const two = await gateOf(
    fileWith([
      {
        access: 'authenticated',
        tokenFrom: [{ cookie: 'session' }, { cookie: 'Session' }, { header: 'x_token' }],
      },
      { path: '/b', access: 'authenticated', tokenFrom: [{ header: 'x-token' }] },
    ]),
    verifier,
  );
  t.equal(resultOf(two, requestOf('GET /', 'Cookie', 'session=good')), 'allow');
  t.equal(resultOf(two, requestOf('GET /', 'Cookie', 'Session=good')), 'allow');
  t.equal(resultOf(two, requestOf('GET /', 'Cookie', 'Session=good; session=good')), 'multiple_tokens');
  t.equal(resultOf(two, requestOf('GET /', 'Cookie', 'SESSION=good')), 'multiple_tokens');
  t.equal(resultOf(two, requestOf('GET /', 'x_token', 'good')), 'allow');
  t.equal(resultOf(two, requestOf('GET /b', 'X-Token', 'good')), 'allow');
  t.strictSame(
    permitOf(two, requestOf('GET /', 'x_token', 'good', 'x-token', 'other', 'X.Token', 'third')).headers
      .passed,
    [],
  );
});

t.test('a token that a proxy in front moved is taken from where it put it, scheme and all', async (t) => {
  const moved = await gateOf(
    fileWith([
      { path: '/named', access: 'authenticated', tokenFrom: [{ header: 'X-Forwarded-Authorization' }] },
      {
        path: '/handing',
        access: 'authenticated',
        tokenFrom: [{ header: 'x-forwarded-authorization' }],
        identity: { forwardToken: true },
      },
    ]),
    verifier,
  );
  const header = ['X-Forwarded-Authorization', 'Bearer good'];
  t.equal(resultOf(moved, requestOf('GET /named', ...header)), 'allow');
  t.equal(resultOf(moved, requestOf('GET /named', 'x-forwarded-authorization', 'good')), 'allow');
  t.equal(
    resultOf(moved, requestOf('GET /named', ...header, 'Authorization', 'Bearer good')),
    'multiple_tokens',
  );
  t.equal(
    resultOf(moved, requestOf('GET /named', 'x_forwarded_authorization', 'Bearer good')),
    'token_missing',
  );
  t.strictSame(permitOf(moved, requestOf('GET /named', ...header)).credentials, []);
  t.strictSame(permitOf(moved, requestOf('GET /handing', ...header)).credentials, [
    'x-forwarded-authorization',
    'Bearer good',
  ]);
  t.equal(resultOf(gate, requestOf('GET /all', ...header)), 'token_missing', 'not named');
  t.strictSame(permitOf(gate, requestOf('GET /open', ...header)).headers.passed, [], 'not named');
});

t.test('a header that is removed from every request cannot be a source', async (t) => {
  const file = fileWith([
    { access: 'authenticated', tokenFrom: [{ header: 'X-User-Id' }] },
    { path: '/b', access: 'authenticated', tokenFrom: [{ header: 'x-original-url' }] },
    {
      path: '/c',
      access: 'authenticated',
      tokenFrom: [{ header: 'x-sealgate-token' }, { header: 'x-token' }],
    },
  ]);
  const { problems } = await compileFile(file);
  t.strictSame(
    problems.map(({ severity, path }) => `${severity} ${path.join('.')}`),
    ['error routes.0.tokenFrom.0.header', 'error routes.1.tokenFrom.0.header'],
  );
});
