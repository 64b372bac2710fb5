import t, { type Test } from 'tap';
import { exchangeRaw, rawRequest } from '../../support/clients/raw.ts';
import { freezeTime } from '../../support/core/frozen-time.ts';
import { startChecks } from '../../support/decisions/start-checks.ts';
import { askOnce, HTTP_WAYS, QUESTIONS } from '../../support/gateway/questions.ts';

const ORIGIN = 'https://app.example';
const MFA = 'urn:example:mfa';
const access = { scopes: ['pay'], acr: [MFA], maxAuthAge: '10m' };
const ROUTES = [
  { name: 'pay', path: '/pay', upstream: 'backend', access, cors: { origins: [ORIGIN] } },
  { name: 'report', path: '/report', upstream: 'backend', access, mode: 'report' },
  {
    name: 'tools',
    path: '/mcp',
    upstream: 'backend',
    access: { scopes: ['mcp'], acr: ['urn:a', MFA], maxAuthAge: '1h' },
    mcp: {
      tools: {
        search: 'allow',
        pay: { scopes: ['pay'], acr: ['urn:b', MFA] },
        wipe: { maxAuthAge: '1m' },
        read: { acr: [MFA], maxAuthAge: '2h' },
      },
    },
  },
];
const HEAD =
  'Bearer realm="sealgate", error="insufficient_user_authentication", error_description="The user must authenticate again, or in another way"';
const CHALLENGE = `${HEAD}, acr_values="${MFA}", max_age="600", scope="pay"`;

/** A gateway at a clock that stands still. */
async function start(t: Test) {
  const time = freezeTime(Date.now());
  const harness = await startChecks(t, { routes: ROUTES, clock: time.clock });
  const now = Math.floor(time.clock() / 1000);
  const token = (secondsAgo: number, acr: string = MFA, scope = 'pay') =>
    harness.issuer.token({ acr, scope, auth_time: now - secondsAgo });
  const send = async (...bytes: string[]) => {
    const { response } = await exchangeRaw(harness.port, bytes.join(''));
    if (response === undefined) throw new Error('no response');
    return response;
  };
  const get = (path: string, fields: readonly string[]) => send(rawRequest(`GET ${path} HTTP/1.1`, fields));
  return { ...harness, time, token, send, get };
}

t.test('a client is asked to step up with all that the route asks, also from another origin', async (t) => {
  const { get, token, upstream, lines } = await start(t);
  const fields = [`Authorization: Bearer ${await token(0, 'urn:weak')}`, `Origin: ${ORIGIN}`];
  const { status, headers, code } = await get('/pay', fields);
  t.strictSame([status, code, headers['www-authenticate']], [401, 'step_up_required', [CHALLENGE]]);
  t.match(headers['access-control-expose-headers']?.join(), /www-authenticate/i);
  t.equal(headers['cache-control']?.join(), 'no-store');
  t.equal(upstream.requests.length, 0, 'the backend learns nothing');
  t.match(lines.at(-1), { code: 'step_up_required', route: 'pay', status: 401 });
});

t.test('a cached token is refused from the moment on when its authentication is too old', async (t) => {
  const { get, token, time } = await start(t);
  const fields = [`Authorization: Bearer ${await token(0)}`];
  for (let round = 0; round < 3; round += 1) t.equal((await get('/pay', fields)).status, 200);
  time.advance(628_000);
  t.equal((await get('/pay', fields)).status, 200);
  time.advance(2_000);
  for (let round = 0; round < 3; round += 1) t.equal((await get('/pay', fields)).code, 'step_up_required');
  t.equal((await get('/report', fields)).status, 200, 'report mode lets it pass');
});

t.test('every way of asking gives the same challenge, nginx 401 with it', async (t) => {
  const { client, decisionsPort, token, time } = await start(t);
  const fresh = await token(0);
  const asked = async (authorization: string) => {
    const results: unknown[] = [];
    for (const way of HTTP_WAYS) {
      const question = QUESTIONS[way]('/pay', [`Authorization: ${authorization}`]);
      const response = await askOnce(decisionsPort as number, question);
      results.push([response?.status, response?.headers['www-authenticate']?.join()]);
    }
    const { response } = await client.check({ path: '/pay', headers: { authorization } });
    const denied = response.denied_response;
    const challenge = denied?.headers?.find(({ header }) => header.key === 'www-authenticate');
    results.push([denied?.status?.code ?? 200, challenge?.header.value]);
    return results;
  };
  t.strictSame(await asked(`Bearer ${fresh}`), Array(4).fill([200, undefined]));
  time.advance(630_000);
  t.strictSame(await asked(`Bearer ${fresh}`), Array(4).fill([401, CHALLENGE]));
});

t.test('a tool can ask for more than its server: the challenge names what both ask', async (t) => {
  const { send, token, time } = await start(t);
  const call = async (tool: string, authorization: string) => {
    const params = { name: tool };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params });
    const fields = [
      `Authorization: Bearer ${authorization}`,
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
    ];
    const { status, headers, body: text } = await send(rawRequest('POST /mcp HTTP/1.1', fields), body);
    return { status, challenge: headers['www-authenticate']?.join(), text: text.toString() };
  };
  const weak = await token(0, 'urn:a', 'mcp pay');
  t.equal((await call('search', weak)).status, 200);
  const { status, challenge, text } = await call('pay', weak);
  t.equal(status, 401);
  t.equal(challenge, `${HEAD}, acr_values="${MFA}", max_age="3600", scope="mcp pay"`);
  t.match(JSON.parse(text), {
    jsonrpc: '2.0',
    id: 7,
    error: { code: 401, data: { code: 'step_up_required' } },
  });
  t.equal((await call('read', weak)).challenge, `${HEAD}, acr_values="${MFA}", max_age="3600", scope="mcp"`);
  const strong = await token(0, MFA, 'mcp pay');
  t.equal((await call('pay', strong)).status, 200);
  t.equal((await call('wipe', strong)).status, 200);
  time.advance(90_000);
  t.equal((await call('pay', strong)).status, 200);
  t.equal(
    (await call('wipe', strong)).challenge,
    `${HEAD}, acr_values="urn:a ${MFA}", max_age="60", scope="mcp"`,
  );
});
