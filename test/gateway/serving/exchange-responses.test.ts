import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { Cause } from '../../../src/core/causes.ts';
import { startExchange } from '../../support/exchange/exchange-harness.ts';
import { issue, type Respond, respondWith } from '../../support/exchange/token-endpoint.ts';

const harness = await startExchange(t, { exchange: { timeout: '1s' } });
const { endpoint, get, seen, lines, token } = harness;

const JWT = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl';
const CLAIMS =
  '{"access_token":{"polids":{"essential":true,"values":["9ab03e19-ed42-4168-b6b7-7001fb3e933a"]}}}';

/** As Entra ID documents its errors for on-behalf-of. */
const entra = (members: Record<string, unknown>): Respond =>
  respondWith(400, {
    error: 'invalid_grant',
    error_description: `AADSTS50079: Due to a change for alice@example.com with ${JWT}, you must enroll.`,
    error_codes: [50079],
    timestamp: '2026-11-30 22:43:20Z',
    trace_id: 'b72a68c3-0926-4b8e-bc35-3150069c2800',
    correlation_id: '73d656cf-54b1-4eb2-b429-26d8165a52d7',
    ...members,
  });

const page = '<!DOCTYPE html><title>Sign in</title>';
const html: Respond = respondWith(200, page, { 'content-type': 'text/html' });
const failed = (error: unknown, status = 400) => respondWith(status, { error, error_description: JWT });

type Row = readonly [name: string, respond: Respond, cause: Cause, reason: RegExp];

const ROWS: readonly Row[] = [
  // RFC 6749 §5.2 and RFC 8693 §2.2.2
  ['invalid_grant', failed('invalid_grant'), 'exchange_refused', /400 \(invalid_grant\)$/],
  ['invalid_grant as 403', failed('invalid_grant', 403), 'exchange_refused', /403 \(invalid_grant\)$/],
  ['invalid_client', failed('invalid_client', 401), 'exchange_client_refused', /401 \(invalid_client\)$/],
  ['invalid_client as 400', failed('invalid_client'), 'exchange_client_refused', /invalid_client/],
  ['unauthorized_client', failed('unauthorized_client'), 'exchange_client_refused', /unauthorized_client/],
  ['401 without a word', respondWith(401, ''), 'exchange_client_refused', /responded with 401$/],
  ['invalid_scope', failed('invalid_scope'), 'exchange_target_refused', /invalid_scope/],
  ['invalid_target', failed('invalid_target'), 'exchange_target_refused', /invalid_target/],
  ['unsupported_grant_type', failed('unsupported_grant_type'), 'exchange_grant_refused', /unsupported_grant/],
  ['invalid_request', failed('invalid_request'), 'exchange_request_invalid', /invalid_request/],
  ['an error that nobody defined', failed('sorry'), 'exchange_failed', /400 \(sorry\)$/],
  ['an error that is a token', failed(JWT), 'exchange_failed', /responded with 400$/],
  ['an error that is no text', failed(['invalid_grant']), 'exchange_failed', /responded with 400$/],
  ['slow_down', respondWith(429, { error: 'slow_down' }), 'exchange_failed', /429/],
  ['invalid_grant as 500', failed('invalid_grant', 500), 'exchange_failed', /500/],
  ['invalid_grant as 200', failed('invalid_grant', 200), 'exchange_token_unusable', /no `access_token`/],
  ['a server error', respondWith(503, page, { 'content-type': 'text/html' }), 'exchange_failed', /503$/],

  // Entra ID
  [
    'consent is missing',
    entra({ suberror: 'consent_required', error_codes: [65001] }),
    'exchange_consent_missing',
    /400 \(invalid_grant, consent_required, AADSTS65001\)$/,
  ],
  ['another suberror', entra({ suberror: 'bad_token' }), 'exchange_refused', /bad_token, AADSTS50079\)$/],
  ['claims', entra({ claims: CLAIMS }), 'insufficient_claims', /invalid_grant, AADSTS50079\)$/],
  [
    'interaction_required',
    entra({ error: 'interaction_required', suberror: 'basic_action', claims: CLAIMS }),
    'insufficient_claims',
    /interaction_required, basic_action/,
  ],
  [
    'interaction_required without claims',
    entra({ error: 'interaction_required' }),
    'exchange_failed',
    /interaction_required/,
  ],
  ['claims that are none', entra({ claims: '' }), 'exchange_refused', /invalid_grant/],
  ['claims that are no text', entra({ claims: { access_token: {} } }), 'exchange_refused', /invalid_grant/],
  ['claims that fit in no header', entra({ claims: 'x'.repeat(5000) }), 'exchange_refused', /invalid_grant/],
  [
    'claims of another error',
    entra({ error: 'invalid_client', claims: CLAIMS }),
    'exchange_client_refused',
    /invalid_client/,
  ],
  [
    'claims with a server error',
    respondWith(500, { error: 'invalid_grant', claims: CLAIMS }),
    'exchange_failed',
    /500/,
  ],

  // Tokens that no backend could use
  ['no token', issue({ access_token: undefined }), 'exchange_token_unusable', /no `access_token`/],
  ['an empty token', issue({ access_token: '' }), 'exchange_token_unusable', /does not fit/],
  ['a token that is no text', issue({ access_token: 5 }), 'exchange_token_unusable', /no `access_token`/],
  ['a token with a space', issue({ access_token: 'a b' }), 'exchange_token_unusable', /does not fit/],
  [
    'a token with a line break',
    issue({ access_token: 'a\r\nx-user-id: root' }),
    'exchange_token_unusable',
    /does not fit/,
  ],
  ['a token beyond ASCII', issue({ access_token: 'tökén' }), 'exchange_token_unusable', /does not fit/],
  [
    'a token of 20,000 characters',
    issue({ access_token: 'x'.repeat(20_000) }),
    'exchange_token_unusable',
    /longer than/,
  ],
  [
    "the caller's own token",
    (request, response) => issue({ access_token: request.subject })(request, response),
    'exchange_token_unusable',
    /caller's own/,
  ],
  ['no type', issue({ token_type: undefined }), 'exchange_token_unusable', /no `token_type`/],
  ['N_A', issue({ token_type: 'N_A' }), 'exchange_token_unusable', /not Bearer/],
  ['DPoP', issue({ token_type: 'DPoP' }), 'exchange_token_unusable', /not Bearer/],
  ['a type that is no text', issue({ token_type: ['Bearer'] }), 'exchange_token_unusable', /no `token_type`/],
  [
    'no issued_token_type',
    issue({ issued_token_type: undefined }),
    'exchange_token_unusable',
    /issued_token_type/,
  ],
  [
    'an ID token',
    issue({ issued_token_type: 'urn:ietf:params:oauth:token-type:id_token' }),
    'exchange_token_unusable',
    /issued_token_type/,
  ],
  [
    'a refresh token',
    issue({ issued_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }),
    'exchange_token_unusable',
    /issued_token_type/,
  ],

  // What is no response of a token endpoint
  ['HTML', html, 'exchange_unreadable', /not JSON/],
  ['HTML as JSON', respondWith(200, page), 'exchange_unreadable', /not JSON/],
  ['a list', respondWith(200, '[]'), 'exchange_unreadable', /not a JSON object/],
  [
    'two tokens',
    respondWith(200, '{"access_token":"a","access_token":"b","token_type":"Bearer"}'),
    'exchange_unreadable',
    /duplicate/,
  ],
  [
    'a redirect',
    (_, response) => void response.writeHead(307, { location: endpoint.url }).end(),
    'exchange_unreadable',
    /redirects are refused/,
  ],
  ['201', respondWith(201, { access_token: 'a', token_type: 'Bearer' }), 'exchange_unreadable', /201/],
  ['204', (_, response) => void response.writeHead(204).end(), 'exchange_unreadable', /204/],
  [
    '10 MiB',
    (_, response) =>
      void response.writeHead(200, { 'content-type': 'application/json' }).end(' '.repeat(10 * 1024 ** 2)),
    'exchange_unreadable',
    /longer than 65536 bytes/,
  ],
  ['10 MiB without a length', endless, 'exchange_unreadable', /longer than 65536 bytes/],
  [
    'a response in gzip',
    respondWith(200, '{}', { 'content-encoding': 'gzip' }),
    'exchange_unreadable',
    /compressed/,
  ],
  ['a closed connection', (_, response) => void response.destroy(), 'exchange_unreachable', /closed/],
  ['half a response', halfResponse, 'exchange_unreachable', /closed/],
  ['silence', () => {}, 'exchange_timeout', /no complete response in time/],
  ['a drip', drip, 'exchange_timeout', /no complete response in time/],
];

function endless(_: unknown, response: Parameters<Respond>[1]): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const more = (): void => {
    while (!response.destroyed && response.write(' '.repeat(16_384)));
    if (!response.destroyed) response.once('drain', more);
  };
  more();
}

function halfResponse(_: unknown, response: Parameters<Respond>[1]): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
  response.write('{"access_token":', () => response.destroy());
}

async function drip(_: unknown, response: Parameters<Respond>[1]): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json' });
  while (!response.destroyed) {
    response.write(' ');
    await delay(100);
  }
}

const STATUS: Partial<Record<Cause, readonly [number, string]>> = {
  exchange_refused: [403, 'exchange_refused'],
  exchange_consent_missing: [403, 'exchange_refused'],
  insufficient_claims: [401, 'insufficient_claims'],
};

for (const [name, respond, cause, reason] of ROWS) {
  t.test(`${name}: ${cause}`, async (t) => {
    endpoint.respond = respond;
    const before = lines.length;
    const own = token({ sub: `of ${name}` });
    const response = await get('/orders', own);
    const [status, code] = STATUS[cause] ?? [503, 'exchange_unavailable'];
    t.equal(response.status, status);
    const body = await response.text();
    t.match(JSON.parse(body), { status, code });
    t.strictSame(seen(), [], 'nothing goes up');
    t.equal(response.headers.get('retry-after'), status === 503 ? '5' : null);

    const challenge = response.headers.get('www-authenticate');
    if (cause === 'insufficient_claims') {
      t.match(challenge, /^Bearer realm="[^"]+", error="insufficient_claims", /);
      const [, claims = ''] = /claims="([^"]*)"/.exec(challenge ?? '') ?? [];
      t.equal(Buffer.from(claims, 'base64').toString(), CLAIMS);
    } else t.equal(challenge, null);

    const written = lines.slice(before);
    const line = written.find(({ msg }) => msg === 'request');
    t.match(line, { code, status, issuer: 'corp', route: 'orders' });
    t.match(line?.reason, reason);
    const text = JSON.stringify(written) + body;
    for (const secret of [own, JWT, 'alice@', 'x'.repeat(100)]) t.notOk(text.includes(secret));

    endpoint.respond = issue();
    const asked = endpoint.requests.length;
    t.equal((await get('/orders', own)).status, 200, 'a refusal is not kept');
    t.equal(endpoint.requests.length - asked, 1);
    t.equal((await get('/orders', token({ sub: `another of ${name}` }))).status, 200);
    seen();
  });
}

t.test('what a good response may lack or bring', async (t) => {
  for (const [name, members] of [
    ['bearer in another case', { token_type: 'bEARER' }],
    ['a JWT', { issued_token_type: 'urn:ietf:params:oauth:token-type:jwt' }],
    ['no scope', { scope: undefined }],
    ['a refresh token beside it', { refresh_token: 'r' }],
    ['members that nobody knows', { ext: { a: [1, 1.5] } }],
    ['every character that fits', { access_token: "!#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~" }],
  ] as const) {
    endpoint.respond = issue(members);
    t.equal((await get('/orders', token({ sub: name }))).status, 200, name);
  }
  t.equal(seen().at(-1), "Bearer !#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~");
});

t.test('an endpoint that is not there, and comes back', async (t) => {
  endpoint.respond = issue();
  const own = token({ sub: 'patient' });
  await endpoint.down();
  const response = await get('/orders', own);
  t.match(await response.json(), { code: 'exchange_unavailable' });
  t.match(lines.findLast(({ msg }) => msg === 'request')?.reason, /nothing listens at 127\.0\.0\.1:\d+/);
  await endpoint.up();
  t.equal((await get('/orders', own)).status, 200);
  seen();
});
