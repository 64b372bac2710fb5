import t from 'tap';
import { PARAMETERS, type ParameterName, type Use } from '../../src/oauth/parameters.ts';
import { type FrontHarness, type Parameters, RESOURCE, startFront } from '../support/oauth/front-harness.ts';
import { startScriptedProvider } from '../support/oauth/scripted-provider.ts';

/*
 * The rules of each parameter, and of some that have none, at each use. A row names what reaches the provider for a good value, and values
 * that must not pass. The table of the code has these rows and no others.
 */

/** `refused`: with any value. `dropped`: the request goes on without it. `passed`: as it is. Else what is sent in its place. */
type Expected = 'refused' | 'dropped' | 'passed' | { readonly sent: Parameters };

interface Row {
  readonly value: string;
  readonly expected: Readonly<Record<Use, Expected>>;
  /** Uses that fail without it. */
  readonly neededBy?: readonly Use[];
  readonly badValues?: readonly string[];
  /** The error at the token endpoint; default `invalid_request`. */
  readonly error?: string;
}

const USES: readonly Use[] = ['authorize', 'authorization_code', 'refresh_token'];
const all = (expected: Expected): Row['expected'] => ({
  authorize: expected,
  authorization_code: expected,
  refresh_token: expected,
});
const at = (...uses: readonly Use[]): Row['expected'] => ({
  authorize: uses.includes('authorize') ? 'passed' : 'dropped',
  authorization_code: uses.includes('authorization_code') ? 'passed' : 'dropped',
  refresh_token: uses.includes('refresh_token') ? 'passed' : 'dropped',
});

const ROWS: Readonly<Record<ParameterName, Row>> = {
  request: { value: 'eyJhbGciOiJub25lIn0.e30.', expected: all('refused') },
  request_uri: { value: 'urn:ietf:params:oauth:request_uri:6esc', expected: all('refused') },
  client_secret: { value: 'hunter2', expected: all('refused') },
  client_assertion: { value: 'a.b.c', expected: all('refused') },
  client_assertion_type: {
    value: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    expected: all('refused'),
  },
  client_id: {
    value: 'the-client',
    expected: all('passed'),
    neededBy: USES,
    badValues: ['other-client', 'The-Client', 'the-client ', 'the-client,other'],
    error: 'invalid_client',
  },
  redirect_uri: {
    value: 'https://app.example/callback',
    expected: all('passed'),
    neededBy: ['authorize'],
    badValues: ['https://evil.example/callback', 'https://app.example/callback/'],
  },
  response_type: {
    value: 'code',
    expected: at('authorize'),
    neededBy: ['authorize'],
    badValues: ['token', 'code token', 'id_token', 'Code', 'none'],
  },
  code_challenge: {
    value: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    expected: at('authorize'),
    neededBy: ['authorize'],
  },
  code_challenge_method: {
    value: 'S256',
    expected: at('authorize'),
    neededBy: ['authorize'],
    badValues: ['plain', 's256'],
  },
  grant_type: {
    value: '',
    expected: { authorize: 'dropped', authorization_code: 'passed', refresh_token: 'passed' },
    neededBy: ['authorization_code', 'refresh_token'],
  },
  code: {
    value: 'SplxlOBeZQQYbYS6WxSbIA',
    expected: at('authorization_code'),
    neededBy: ['authorization_code'],
  },
  code_verifier: {
    value: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
    expected: at('authorization_code'),
    neededBy: ['authorization_code'],
  },
  refresh_token: {
    value: 'tGzv3JOkF0XG5Qx2TlKWIA',
    expected: at('refresh_token'),
    neededBy: ['refresh_token'],
  },
  state: { value: 'ä & = # %0d%0a +', expected: at('authorize') },
  nonce: { value: 'n-0S6_WzA2Mj', expected: at('authorize') },
  login_hint: { value: 'alice@example.com', expected: at('authorize') },
  prompt: {
    value: 'none login None',
    expected: { ...at(), authorize: { sent: { prompt: 'login consent' } } },
  },
  scope: {
    value: 'mcp:use  profile mcp:use',
    expected: all({ sent: { scope: 'mcp:use openid' } }),
  },
  resource: {
    value: RESOURCE,
    expected: all('passed'),
    badValues: ['https://gw.example/other', 'https://gw.example/mcp/', 'https://gw.example', 'mcp'],
    error: 'invalid_target',
  },
};

/** What no provider is sent, whatever it may mean there. */
const STRANGERS = {
  audience: RESOURCE,
  response_mode: 'form_post',
  claims: '{}',
  registration: '{}',
  id_token_hint: 'a.b.c',
  acr_values: 'x',
  display: 'popup',
  username: 'alice',
  password: 'hunter2',
  assertion: 'a.b.c',
  device_code: 'x',
  subject_token: 'x',
  actor_token: 'x',
  Client_Id: 'other',
  'redirect_uri[]': 'https://evil.example',
  dpop_jkt: 'x',
  iss: 'https://evil.example',
  '': 'x',
};

/** Sends a request of that use, and gives what reached the provider. */
async function send(
  front: FrontHarness,
  use: Use,
  changes: Parameters,
): Promise<{
  readonly status: number;
  readonly error: string | undefined;
  readonly sent: Record<string, string> | undefined;
}> {
  const seen = front.provider.tokenCalls().length;
  const ask = { authorize: front.authorize, authorization_code: front.token, refresh_token: front.refresh };
  const response = await ask[use](changes);
  const { status } = response;
  if (use === 'authorize') {
    const location = response.headers.get('location');
    const isProvider = location?.startsWith(`${front.provider.url}/authorize?`) === true;
    const query = location === null ? undefined : new URL(location).searchParams;
    return {
      status,
      error: status === 400 ? 'invalid_request' : (query?.get('error') ?? undefined),
      sent: isProvider ? onlyOnce(query) : undefined,
    };
  }
  const { error } = (await response.json()) as { error?: string };
  const call = front.provider.tokenCalls()[seen];
  return { status, error, sent: call && onlyOnce(new URLSearchParams(call.body)) };
}

function onlyOnce(form: URLSearchParams | undefined): Record<string, string> {
  const pairs = [...(form ?? [])];
  const parameters = Object.fromEntries(pairs);
  if (Object.keys(parameters).length !== pairs.length) throw new Error('a parameter was sent twice');
  return parameters;
}

t.test('the rows of the code and of this test are the same', async (t) => {
  t.strictSame(Object.keys(PARAMETERS), Object.keys(ROWS));
});

const front = await startFront(t, {
  front: { scopes: { add: ['openid'], drop: ['profile'] }, resource: 'keep', rateLimit: 100_000 },
});

for (const use of USES) {
  const { sent: usual = {} } = await send(front, use, {});
  for (const [name, row] of Object.entries(ROWS)) {
    const value = name === 'grant_type' ? use : row.value;
    const expected = row.expected[use];

    t.test(`${use}: ${name}`, async (t) => {
      const { status, sent, error } = await send(front, use, { [name]: value });
      if (expected === 'refused') {
        t.strictSame({ status, sent }, { status: 400, sent: undefined });
        t.equal(error, 'invalid_request');
        const empty = await send(front, use, { [name]: '' });
        t.strictSame(empty.sent, usual, 'without a value it counts as left out (RFC 6749 §3.1)');
      } else {
        const { [name]: _, ...rest } = usual;
        const added =
          typeof expected === 'object' ? expected.sent : expected === 'passed' ? { [name]: value } : {};
        t.strictSame(sent, { ...rest, ...added });
        if (expected === 'dropped') t.notOk(name in usual);
      }

      const twice = await send(front, use, { [name]: [value, value] });
      t.strictSame([twice.status, twice.sent, twice.error], [400, undefined, 'invalid_request'], 'twice');
      const emptyAndOnce = await send(front, use, { [name]: ['', value] });
      t.strictSame([emptyAndOnce.status, emptyAndOnce.sent], [400, undefined], 'empty and once');

      const without = await send(front, use, { [name]: undefined });
      if (row.neededBy?.includes(use))
        t.strictSame([without.status, without.sent], [400, undefined], 'missing');
      else t.ok(without.sent, 'it may be missing');

      for (const bad of expected === 'dropped' ? [] : (row.badValues ?? [])) {
        const outcome = await send(front, use, { [name]: bad });
        t.equal(outcome.sent, undefined, `${bad} reaches no provider`);
        const isReported = name === 'resource' && use === 'authorize';
        t.equal(outcome.status, isReported ? 302 : 400, bad);
        t.equal(
          outcome.error,
          use === 'authorize' && !isReported ? 'invalid_request' : (row.error ?? 'invalid_request'),
        );
      }
    });
  }

  t.test(`${use}: nothing else passes`, async (t) => {
    const { sent } = await send(front, use, STRANGERS);
    t.strictSame(sent, usual);
    for (const name of Object.keys(STRANGERS)) {
      const { status } = await send(front, use, { [name]: ['a', 'b'] });
      t.equal(status, 400, `"${name}" twice`);
    }
  });
}

t.test('a grant that is not one of the two', async (t) => {
  for (const grant of [
    'client_credentials',
    'password',
    'urn:ietf:params:oauth:grant-type:token-exchange',
    'Refresh_Token',
  ]) {
    const response = await front.token({ grant_type: grant });
    t.equal(response.status, 400);
    t.equal(((await response.json()) as { error: string }).error, 'unsupported_grant_type');
  }
});

t.test('the resource becomes what the provider understands', async (t) => {
  const rows = [
    [{ resource: 'keep' }, {}, '', { resource: RESOURCE }],
    [{ resource: 'strip' }, {}, '', {}],
    [{ resource: 'audience' }, {}, '', { audience: RESOURCE }],
    [{}, { preset: 'keycloak' }, '', { resource: RESOURCE }],
    [{}, { preset: 'entra' }, '', {}],
    [{}, { preset: 'auth0' }, '/', { audience: RESOURCE }],
    [{}, { preset: 'okta' }, '/oauth2/default', { audience: RESOURCE }],
    [{ resource: 'strip' }, { preset: 'okta' }, '/oauth2/default', {}],
  ] as const;
  for (const [own, issuer, path, expected] of rows) {
    const provider = await startScriptedProvider(t);
    const iss = provider.url + path;
    provider.metadata = { issuer: iss };
    const front = await startFront(t, {
      provider,
      front: own,
      issuer: { issuer: iss, algorithms: ['ES256'], ...issuer },
    });
    const options = { ...own, ...issuer };
    for (const use of USES) {
      const usual = await send(front, use, {});
      const { sent } = await send(front, use, { resource: RESOURCE, audience: 'https://evil.example' });
      t.strictSame(sent, { ...usual.sent, ...expected }, `${JSON.stringify(options)} ${use}`);
      const foreign = await send(front, use, { resource: 'https://evil.example/mcp' });
      t.strictSame([foreign.error, foreign.sent], ['invalid_target', undefined], 'one of somebody else');
    }
  }
});

t.test('a resource that clients read as a URL is the one of the file', async (t) => {
  const front = await startFront(t, {
    front: { resource: 'audience' },
    routes: [
      { name: 'root', path: '/', upstream: 'backend', resource: true, access: { scopes: ['mcp:use'] } },
    ],
  });
  for (const spelled of ['https://gw.example', 'https://gw.example/']) {
    const { sent } = await send(front, 'authorize', { resource: spelled });
    t.equal(sent?.audience, 'https://gw.example', spelled);
  }
  for (const other of [
    'https://gw.example//',
    'https://gw.example/?',
    'https://gw.example/#',
    'https://GW.example',
  ]) {
    t.equal((await send(front, 'authorize', { resource: other })).error, 'invalid_target', other);
  }
});

t.test('prompt: keep leaves it to the client', async (t) => {
  const front = await startFront(t, { front: { prompt: 'keep' } });
  t.equal((await send(front, 'authorize', { prompt: 'none' })).sent?.prompt, 'none');
  t.notOk('prompt' in ((await send(front, 'authorize', {})).sent ?? {}));
});

t.test('scopes are added to authorizations, and to refreshes that name some', async (t) => {
  const front = await startFront(t, { front: { scopes: { add: ['a', 'b'], drop: ['c'] } } });
  t.equal((await send(front, 'authorize', {})).sent?.scope, 'a b');
  t.equal((await send(front, 'authorize', { scope: 'c b x' })).sent?.scope, 'b x a');
  t.notOk('scope' in ((await send(front, 'refresh_token', {})).sent ?? {}));
  t.equal((await send(front, 'refresh_token', { scope: 'x' })).sent?.scope, 'x a b');
  const dropping = await startFront(t, { front: { scopes: { drop: ['c'] } } });
  t.notOk('scope' in ((await send(dropping, 'authorize', { scope: 'c' })).sent ?? {}));
});
