import t from 'tap';
import { connectCheckClient } from '../../support/decisions/check-client.ts';
import { startExchange } from '../../support/exchange/exchange-harness.ts';
import { issue, respondWith } from '../../support/exchange/token-endpoint.ts';
import { askOnce, HTTP_WAYS, QUESTIONS } from '../../support/gateway/questions.ts';

const harness = await startExchange(t, { file: { decisions: { port: 0, grpc: 0 } } });
const { endpoint, token, seen } = harness;
const decisionsUrl = String(harness.decisionsUrl);
const client = connectCheckClient(String(harness.grpcUrl));
t.teardown(() => client.close());

const EXCHANGED = 'Bearer exchanged-1-orders';

for (const way of HTTP_WAYS) {
  t.test(`${way}: the permitted response has the exchanged token`, async (t) => {
    const ask = (path: string, fields: readonly string[]) =>
      askOnce(decisionsUrl, QUESTIONS[way](path, fields));
    endpoint.respond = issue();
    endpoint.requests.length = 0;
    const own = token({ sub: way });
    for (const _ of ['first', 'from memory']) {
      const allowed = await ask('/orders', [`Authorization: Bearer ${own}`]);
      t.equal(allowed?.status, 200);
      t.strictSame(allowed?.headers.authorization, [EXCHANGED]);
      t.strictSame(allowed?.headers['x-user-id'], [way]);
      const dropped = allowed?.headers['x-envoy-auth-headers-to-remove']?.join(',').split(',') ?? [];
      t.notOk(dropped.includes('authorization'), 'what the response sets is not dropped');
    }
    t.equal(endpoint.requests.length, 1);

    const open = await ask('/open', [`Authorization: Bearer ${own}`]);
    t.strictSame([open?.status, open?.headers.authorization], [200, undefined]);
    const tokenless = await ask('/optional', ['Authorization: Basic YTpi']);
    t.strictSame([tokenless?.status, tokenless?.headers.authorization], [200, undefined]);
    if (way === 'ext-authz')
      t.ok(
        tokenless?.headers['x-envoy-auth-headers-to-remove']?.join(',').split(',').includes('authorization'),
      );

    const refusing = [`Authorization: Bearer ${token({ sub: 'refused' })}`];
    endpoint.respond = respondWith(400, { error: 'invalid_grant' });
    const refused = await ask('/orders', refusing);
    t.strictSame([refused?.status, refused?.code], [403, 'exchange_refused']);
    t.equal(refused?.headers['www-authenticate'], undefined);
    endpoint.respond = respondWith(400, { error: 'interaction_required', claims: '{"a":1}' });
    const stepUp = await ask('/orders', refusing);
    t.strictSame([stepUp?.status, stepUp?.code], [401, 'insufficient_claims']);
    t.match(stepUp?.headers['www-authenticate'], [/error="insufficient_claims".*claims="eyJhIjoxfQ=="/]);
    endpoint.respond = respondWith(500, '');
    const failed = await ask('/orders', refusing);
    t.strictSame([failed?.status, failed?.code], [503, 'exchange_unavailable']);
    for (const response of [refused, stepUp, failed]) t.equal(response?.headers.authorization, undefined);
    t.strictSame(seen(), [], 'the asking proxy forwards by itself');
  });
}

t.test('over gRPC it overwrites that of the client', async (t) => {
  endpoint.respond = issue();
  const own = token({ sub: 'grpc' });
  const check = (path: string, authorization: string) => client.check({ path, headers: { authorization } });
  const { response } = await check('/orders', `Bearer ${own}`);
  const { ok_response: allowed } = response;
  const set = allowed?.headers?.filter(({ header }) => header.key === 'authorization');
  t.match(set, [{ header: { key: 'authorization', value: EXCHANGED } }]);
  t.equal(set?.length, 1);
  t.notOk(set?.[0]?.append?.value, 'it is not appended');
  t.notOk(allowed?.headers_to_remove?.includes('authorization'));
  t.notOk(JSON.stringify(response).includes(own.slice(-40)));

  const { response: open } = await check('/open', `Bearer ${own}`);
  t.notOk(open.ok_response?.headers?.some(({ header }) => header.key === 'authorization'));
  t.ok(open.ok_response?.headers_to_remove?.includes('authorization'));

  endpoint.respond = respondWith(400, { error: 'invalid_grant' });
  const { response: refused } = await check('/orders', `Bearer ${token({ sub: 'other' })}`);
  t.match(refused.denied_response, { status: { code: 403 }, body: /"code":"exchange_refused"/ });
});
