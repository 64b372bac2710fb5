import t from 'tap';
import { PUBLIC_URL, send, startBoundGateway } from '../../support/dpop/bound-gateway.ts';
import {
  ALL,
  CERTIFICATES,
  type ChallengeGateway,
  CORP,
  OTHER,
  OTHER_ISSUER,
  PLAIN_ISSUER,
  REALM,
  startChallengeGateway,
} from '../../support/dpop/challenge-gateway.ts';

/* Challenges offer the schemes that would help, and no other: by what the operation asks a token to be bound to. */

const LATE = { exp: 1 };
const INVALID = 'error="invalid_token"';
const LACK = 'error="insufficient_scope"';
const STEP_UP = 'error="insufficient_user_authentication"';

/** Routes with these rules for tokens of `corp`, each a resource of its own. */
function resourcesWith(rules: Readonly<Record<string, object>>) {
  return Object.fromEntries(
    Object.entries(rules).map(([name, access]) => [
      name,
      { access: { issuers: ['corp'], ...access }, resource: true },
    ]),
  );
}

/** Of each route: the challenges without a token and for a bad one, and what its metadata has of DPoP. */
function rowsOf({ challengeOf, metadataOf }: ChallengeGateway, names: readonly string[]) {
  return Promise.all(
    names.map(async (name) => {
      const at = `, resource_metadata="${PUBLIC_URL}/.well-known/oauth-protected-resource/${name}"`;
      const bare = await challengeOf(name);
      const late = await challengeOf(name, { claims: LATE });
      const { dpop_bound_access_tokens_required: isRequired, dpop_signing_alg_values_supported: algorithms } =
        await metadataOf(name);
      return [name, bare.replace(at, ''), late.replace(at, ''), isRequired, algorithms];
    }),
  );
}

const ALONE = [`DPoP ${CORP}`, `DPoP ${INVALID}, ${CORP}`, true, ['ES256']];
const BESIDE = [
  `Bearer ${REALM}, DPoP ${CORP}`,
  `Bearer ${REALM}, ${INVALID}, DPoP ${CORP}`,
  undefined,
  ['ES256'],
];
const NEVER = [`Bearer ${REALM}`, `Bearer ${REALM}, ${INVALID}`, undefined, undefined];

t.test('where no client shows a certificate, a binding leaves DPoP alone', async (t) => {
  const rules = {
    none: {},
    dpop: { binding: 'dpop' },
    any: { binding: 'any' },
    policy: { policy: 'bound' },
  };
  const gateway = await startChallengeGateway(t, resourcesWith(rules), {
    policies: { bound: { binding: 'any' } },
  });
  t.strictSame(await rowsOf(gateway, Object.keys(rules)), [
    ['none', ...BESIDE],
    ['dpop', ...ALONE],
    ['any', ...ALONE],
    ['policy', ...ALONE],
  ]);
});

t.test('where clients show certificates', async (t) => {
  const rules = {
    none: {},
    any: { binding: 'any' },
    policy: { policy: 'bound' },
    mtls: { binding: 'mtls' },
    'any-mtls': { policy: 'bound', binding: 'mtls' },
    'any-dpop': { policy: 'bound', binding: 'dpop' },
    'mtls-dpop': { policy: 'certified', binding: 'dpop' },
  };
  const gateway = await startChallengeGateway(t, resourcesWith(rules), {
    listen: CERTIFICATES,
    policies: { bound: { binding: 'any' }, certified: { binding: 'mtls' } },
  });
  t.strictSame(await rowsOf(gateway, Object.keys(rules)), [
    ['none', ...BESIDE],
    ['any', ...BESIDE],
    ['policy', ...BESIDE],
    ['mtls', ...NEVER],
    ['any-mtls', ...NEVER],
    ['any-dpop', ...ALONE],
    ['mtls-dpop', ...ALONE],
  ]);
});

t.test('of several alternatives, as the one has it whose code is given', async (t) => {
  const bound = { issuers: ['corp'], binding: 'dpop', scopes: ['pay'] };
  const free = { issuers: ['corp'], scopes: ['read'] };
  const routes = {
    first: { access: [bound, free] },
    last: { access: [{ ...free, roles: ['clerk'] }, bound] },
    apart: { access: [{ issuers: ['plain'], scopes: ['read'] }, bound] },
    twice: { access: [{ ...free, binding: 'mtls' }, bound] },
  };
  const { challengeOf } = await startChallengeGateway(t, routes, { listen: CERTIFICATES });
  t.equal(await challengeOf('first'), `DPoP ${CORP}, scope="pay"`, 'without a token, the first');
  t.equal(
    await challengeOf('first', { claims: {} }),
    `Bearer ${REALM}, ${LACK}, scope="read", DPoP ${CORP}`,
    'the second got further',
  );
  const proven = { claims: {}, isBound: true };
  t.equal(await challengeOf('first', proven), `DPoP ${LACK}, ${CORP}, scope="pay"`, 'both got as far');
  t.equal(await challengeOf('last'), `Bearer ${REALM}, scope="read", DPoP ${CORP}`);
  t.equal(
    await challengeOf('last', proven),
    `DPoP ${LACK}, ${CORP}, scope="pay"`,
    'a scope alone opens the last',
  );
  t.equal(await challengeOf('apart'), `Bearer ${REALM}, scope="read"`, 'the first takes no proofs');
  t.equal(await challengeOf('apart', { claims: LATE }), `DPoP ${INVALID}, ${CORP}, scope="pay"`);
  t.equal(
    await challengeOf('apart', { claims: { ...PLAIN_ISSUER, ...LATE } }),
    `Bearer ${REALM}, ${INVALID}, scope="read"`,
  );
  t.equal(
    await challengeOf('twice', { claims: {} }),
    `Bearer ${REALM}, ${INVALID}, scope="read"`,
    'the first of equals',
  );
  t.equal(await challengeOf('twice', proven), `DPoP ${LACK}, ${CORP}, scope="pay"`, 'the second got further');
});

t.test('an alternative that only lacks the binding', async (t) => {
  const routes = {
    tried: {
      access: [
        { issuers: ['other'], scopes: ['x'] },
        { issuers: ['corp'], scopes: ['y'] },
        { issuers: ['corp'], binding: 'dpop', scopes: ['z'] },
      ],
    },
    only: {
      access: [
        { issuers: ['corp'], audiences: ['elsewhere'] },
        { issuers: ['corp'], binding: 'dpop', scopes: ['z'] },
      ],
    },
  };
  const { challengeOf } = await startChallengeGateway(t, routes);
  t.equal(await challengeOf('tried', { claims: {} }), `Bearer ${REALM}, ${LACK}, scope="y", DPoP ${CORP}`);
  t.equal(
    await challengeOf('only', { claims: {} }),
    `DPoP ${INVALID}, ${CORP}, scope="z"`,
    'not as the first for its issuer',
  );
});

t.test('algorithms are those of the issuer, where it is known', async (t) => {
  const routes = {
    all: { access: { issuers: ['corp', 'other', 'plain'] } },
    corp: { access: { issuers: ['corp'] } },
    bound: { access: { issuers: ['plain', 'other', 'corp'], binding: 'dpop' } },
    apart: { access: [{ issuers: ['other'] }, { issuers: ['corp'] }] },
    some: { access: [{ issuers: ['plain', 'other'], binding: 'dpop' }, { issuers: ['corp'] }] },
  };
  const { challengeOf, ask, boundToken } = await startChallengeGateway(t, routes);
  const late = (issuer: object) => ({ claims: { ...issuer, ...LATE } });
  const invalid = `Bearer ${REALM}, ${INVALID}`;
  t.equal(await challengeOf('all'), `Bearer ${REALM}, DPoP ${ALL}`);
  t.equal(await challengeOf('all', late({})), `${invalid}, DPoP ${CORP}`);
  t.equal(await challengeOf('all', late(OTHER_ISSUER)), `${invalid}, DPoP ${OTHER}`);
  t.equal(await challengeOf('all', late(PLAIN_ISSUER)), invalid, 'it takes no proofs');
  t.equal(await challengeOf('all', late({ iss: 'https://nobody.example' })), `${invalid}, DPoP ${ALL}`);
  const other = boundToken(OTHER_ISSUER);
  t.match(await ask({ path: '/all', token: other }), {
    code: 'dpop_proof_invalid',
    challenge: `DPoP error="invalid_dpop_proof", ${OTHER}`,
  });
  t.equal(await challengeOf('bound'), 'DPoP algs="EdDSA ES256"', 'in the order of the alternative');
  t.equal(await challengeOf('bound', { claims: OTHER_ISSUER }), `DPoP ${INVALID}, ${OTHER}`);
  t.equal(
    await challengeOf('bound', { claims: PLAIN_ISSUER }),
    `DPoP ${INVALID}, algs="EdDSA ES256"`,
    'nothing of its own issuer would do',
  );
  t.equal(await challengeOf('apart'), `Bearer ${REALM}, DPoP ${OTHER}`, 'those of the first alternative');
  t.equal(await challengeOf('apart', late({})), `${invalid}, DPoP ${CORP}`);
  t.equal(await challengeOf('some', { claims: PLAIN_ISSUER }), `DPoP ${INVALID}, ${OTHER}`, 'with it');
  const stranger = await challengeOf('corp', { claims: OTHER_ISSUER });
  t.equal(stranger, `${invalid}, DPoP ${CORP}`, 'the route does not accept its issuer');
});

const TOOLS = {
  free: { scopes: ['free'] },
  pay: { binding: 'dpop', scopes: ['pay'] },
  theirs: { binding: 'dpop', issuers: ['corp'], scopes: ['theirs'] },
  any: { binding: 'any' },
  strong: { acr: ['urn:mfa'] },
};

t.test('a rule for a tool counts with the route', async (t) => {
  const mcp = { tools: { ...TOOLS, wire: { binding: 'mtls', scopes: ['wire'] } } };
  const both = { issuers: ['corp', 'plain'], scopes: ['use'] };
  const routes = {
    either: { access: both, mcp },
    bound: { access: { ...both, binding: 'dpop' }, mcp },
    certified: { access: { ...both, binding: 'mtls' }, mcp },
    several: { access: [{ ...both, binding: 'dpop', roles: ['x'] }, both], mcp },
    apart: { access: [{ issuers: ['plain'] }, { issuers: ['corp'] }], mcp },
    open: { access: 'optional', mcp },
  };
  const { challengeOf } = await startChallengeGateway(t, routes, { listen: CERTIFICATES });
  const claims = { scope: 'use' };
  const of = (route: string, tool: string) => challengeOf(route, { tool, claims });
  const ofPlain = (route: string, tool: string) =>
    challengeOf(route, { tool, claims: { ...claims, ...PLAIN_ISSUER } });
  const proven = (route: string, tool: string) => challengeOf(route, { tool, claims, isBound: true });

  t.equal(await of('either', 'free'), `Bearer ${REALM}, ${LACK}, scope="use free", DPoP ${CORP}`);
  t.equal(await of('either', 'pay'), `DPoP ${INVALID}, ${CORP}, scope="use pay"`);
  t.equal(await proven('either', 'pay'), `DPoP ${LACK}, ${CORP}, scope="use pay"`);
  t.equal(await ofPlain('either', 'pay'), `DPoP ${INVALID}, ${CORP}, scope="use pay"`);
  t.equal(await ofPlain('either', 'theirs'), `DPoP ${INVALID}, ${CORP}, scope="use theirs"`, 'its issuer');
  t.equal(await of('either', 'wire'), `Bearer ${REALM}, ${INVALID}, scope="use wire"`);
  t.equal(await of('either', 'any'), `Bearer ${REALM}, ${INVALID}, scope="use", DPoP ${CORP}`);
  const strong = 'acr_values="urn:mfa", scope="use"';
  t.equal(await of('either', 'strong'), `Bearer ${REALM}, ${STEP_UP}, ${strong}, DPoP ${CORP}`);
  t.equal(await proven('bound', 'strong'), `DPoP ${STEP_UP}, ${CORP}, ${strong}`);
  t.equal(await proven('bound', 'free'), `DPoP ${LACK}, ${CORP}, scope="use free"`);
  t.equal(await proven('bound', 'wire'), `DPoP ${INVALID}, ${CORP}, scope="use wire"`, 'bound to both');
  t.equal(
    await of('several', 'free'),
    `Bearer ${REALM}, ${LACK}, scope="use free", DPoP ${CORP}`,
    'with the alternative that holds',
  );
  t.equal(await ofPlain('apart', 'pay'), `DPoP ${INVALID}, ${CORP}, scope="pay"`, 'of another alternative');
  t.equal(await of('certified', 'free'), `Bearer ${REALM}, ${INVALID}, scope="use"`, 'the route refuses');
  t.equal(await challengeOf('open', { tool: 'free' }), `Bearer ${REALM}, scope="free", DPoP ${ALL}`);
  t.equal(await challengeOf('open', { tool: 'pay' }), `DPoP ${ALL}, scope="pay"`);
  t.equal(await challengeOf('open', { tool: 'wire' }), `Bearer ${REALM}, scope="wire"`);
});

t.test('any binding of a tool, where no client shows a certificate', async (t) => {
  const routes = { either: { access: { issuers: ['corp'], scopes: ['use'] }, mcp: { tools: TOOLS } } };
  const { challengeOf } = await startChallengeGateway(t, routes);
  const refused = await challengeOf('either', { tool: 'any', claims: { scope: 'use' } });
  t.equal(refused, `DPoP ${INVALID}, ${CORP}, scope="use"`);
});

t.test('step-up beside DPoP', async (t) => {
  const strong = { issuers: ['corp'], acr: ['urn:mfa'], maxAuthAge: '10m', scopes: ['pay'] };
  const routes = { either: { access: strong }, bound: { access: { ...strong, binding: 'dpop' } } };
  const { challengeOf } = await startChallengeGateway(t, routes);
  const wanted = 'acr_values="urn:mfa", max_age="600", scope="pay"';
  const claims = { scope: 'pay' };
  t.equal(await challengeOf('either', { claims }), `Bearer ${REALM}, ${STEP_UP}, ${wanted}, DPoP ${CORP}`);
  t.equal(await challengeOf('bound', { claims, isBound: true }), `DPoP ${STEP_UP}, ${CORP}, ${wanted}`);
});

t.test('a token under DPoP never makes an anonymous caller', async (t) => {
  const plain = await startBoundGateway(t, {
    change: ({ issuers, routes }) => {
      delete issuers.corp;
      const route = { ...routes[0], access: 'optional' };
      routes.length = 0;
      routes.push(
        { ...route, name: 'maybe', path: '/maybe' },
        { ...route, name: 'passing', path: '/passing', passAuthorization: true },
        { ...route, name: 'public', path: '/public', access: 'public' },
      );
    },
  });
  const given = async (url: string, path: string, authorization?: string) => {
    const fields = authorization === undefined ? [] : ['authorization', authorization];
    return send(url, { method: 'GET', path, headers: ['host', 'api.example.com', ...fields] });
  };
  const { gateway, upstream, boundToken } = plain;
  for (const scheme of ['DPoP', 'dpop', 'DPOP'])
    for (const path of ['/maybe', '/passing'])
      t.match(await given(gateway.url, path, `${scheme} ${boundToken()}`), {
        status: 401,
        code: 'token_missing',
        challenge: `Bearer ${REALM}`,
      });
  t.match(await given(gateway.url, '/maybe', 'DPoP'), { status: 401, code: 'token_missing' });
  t.equal(upstream.requests.length, 0);
  for (const [path, authorization] of [
    ['/maybe', undefined],
    ['/maybe', 'Basic YTpi'],
    ['/maybe', 'DPoPx abc'],
    ['/public', `DPoP ${boundToken()}`],
  ] as const)
    t.match(await given(gateway.url, path, authorization), { status: 200 }, `${path} ${authorization}`);

  const reading = await startChallengeGateway(t, { maybe: { access: 'optional' } });
  const bare = await given(reading.gateway.url, '/maybe', 'DPoP');
  t.match(bare, { status: 401, code: 'token_malformed' }, 'where it is read');
  t.equal((await reading.ask({ path: '/maybe' })).code, 'allow');
});
