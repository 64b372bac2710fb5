import type { Test } from 'tap';
import { type AskingHarness, bearer, token, valuesOf } from './asking-harness.ts';
import type { AskingProxy } from './asking-proxy.ts';

interface Refused {
  readonly what: string;
  readonly line: string;
  readonly headers?: readonly string[];
  readonly status: number;
  readonly code: string;
  readonly challenge?: RegExp;
  readonly allow?: string;
}

const now = Math.floor(Date.now() / 1000);

const REFUSED: readonly Refused[] = [
  {
    what: 'no token',
    line: 'GET /orders HTTP/1.1',
    status: 401,
    code: 'token_missing',
    challenge: /^Bearer realm="[^"]+", scope="orders:read"$/,
  },
  {
    what: 'an expired token',
    line: 'GET /orders HTTP/1.1',
    headers: [bearer({ iat: now - 900, exp: now - 600 })],
    status: 401,
    code: 'token_expired',
    challenge: /error="invalid_token"/,
  },
  {
    what: 'a token with a broken signature',
    line: 'GET /orders HTTP/1.1',
    headers: [`Authorization: Bearer ${token().replace(/.{8}$/, 'AAAAAAAA')}`],
    status: 401,
    code: 'signature_invalid',
    challenge: /error="invalid_token"/,
  },
  {
    what: 'no token at all but something like it',
    line: 'GET /orders HTTP/1.1',
    headers: ['Authorization: Bearer mail'],
    status: 401,
    code: 'token_malformed',
  },
  {
    what: 'a scope too few',
    line: 'POST /orders HTTP/1.1',
    headers: [bearer(), 'Content-Length: 0'],
    status: 403,
    code: 'insufficient_scope',
    challenge: /error="insufficient_scope".* scope="orders:write"/,
  },
  {
    what: 'a method that no route has',
    line: 'DELETE /orders HTTP/1.1',
    headers: [bearer()],
    status: 405,
    code: 'method_not_allowed',
    allow: 'GET, HEAD, POST',
  },
  { what: 'no route', line: 'GET /none HTTP/1.1', headers: [bearer()], status: 404, code: 'route_unknown' },
  {
    what: "the gateway's own paths",
    line: 'GET /.well-known/sealgate/jwks.json HTTP/1.1',
    status: 404,
    code: 'route_unknown',
  },
];

/** What a refused client gets: the status, the challenge and the other fields of the gateway's response; nothing of it gets to the backend. */
export async function checkRefusals(
  t: Test,
  { sendRefused }: AskingHarness,
  { relaysBody }: AskingProxy,
): Promise<void> {
  for (const { what, line, headers, status, code, challenge, allow } of REFUSED) {
    const response = await sendRefused(line, headers);
    t.equal(response.status, status, what);
    t.equal(
      response.headers['www-authenticate']?.length ?? 0,
      challenge === undefined && status !== 401 ? 0 : 1,
      what,
    );
    if (challenge !== undefined) t.match(response.headers['www-authenticate']?.[0], challenge, what);
    if (allow !== undefined) t.strictSame(response.headers.allow, [allow], what);
    t.strictSame(response.headers['cache-control'], ['no-store'], what);
    t.equal(response.headers['x-request-id']?.length, 1, what);
    t.notMatch(JSON.stringify(response.headers), /x-sealgate-status|x-user-id/, what);
    if (relaysBody) t.equal(response.code, code, what);
    else t.match(JSON.parse(response.body.toString()), { status }, what);
  }

  // nginx does not even ask.
  const twoTokens = await sendRefused('GET /orders HTTP/1.1', [bearer(), bearer({ sub: 'eve' })]);
  t.equal(twoTokens.status, 400);
  if (relaysBody) t.equal(twoTokens.code, 'multiple_tokens');
}

/** The access log of the gateway has the client's request, not the question, by the id that the client and the backend get. */
export async function checkAccessLines(t: Test, harness: AskingHarness): Promise<void> {
  const { gateway, send, sendRefused, arrived } = harness;
  const lineOf = async ({ headers }: Awaited<ReturnType<AskingHarness['send']>>) => {
    const requestId = headers['x-request-id']?.join();
    const found = () => gateway.lines.find((line) => line.requestId === requestId);
    // The line is written after the response.
    while (found() === undefined) await new Promise((resolve) => gateway.child.stdout?.once('data', resolve));
    return { requestId, line: found() };
  };
  const refused = await lineOf(
    await sendRefused('POST /orders?x=1 HTTP/1.1', [bearer(), 'Content-Length: 0']),
  );
  const expected = { method: 'POST', path: '/orders', route: 'write', code: 'insufficient_scope' };
  t.match(refused.line, { ...expected, client: '127.0.0.1', via: /^(?:auth-request|forward-auth)$/ });

  const allowed = await lineOf(await send('GET /orders/7 HTTP/1.1', [bearer(), 'X-Request-Id: evil']));
  t.match(allowed.line, { method: 'GET', path: '/orders/7', route: 'read', code: 'allow' });
  for (const got of arrived.slice(-1)) t.strictSame(valuesOf(got, 'x-request-id'), [allowed.requestId]);
  t.not(allowed.requestId, 'evil');
}
