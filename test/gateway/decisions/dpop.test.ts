import t from 'tap';
import { connectCheckClient } from '../../support/decisions/check-client.ts';
import { CLIENT, PUBLIC_URL, startBoundGateway } from '../../support/dpop/bound-gateway.ts';
import { askOnce, HTTP_WAYS, QUESTIONS } from '../../support/gateway/questions.ts';
import { makeProof } from '../../support/tokens/proof.ts';

for (const way of HTTP_WAYS) {
  t.test(`${way}: the proof is for the request that is asked about`, async (t) => {
    const { gateway, boundToken, proof, token } = await startBoundGateway(t, {
      change: (file) => Object.assign(file, { decisions: { port: 0 } }),
    });
    const decisions = String(gateway.decisionsUrl);
    const ask = (path: string, fields: readonly string[]) => {
      return askOnce(decisions, QUESTIONS[way](path, fields));
    };
    const own = boundToken();
    const good = proof({ token: own, path: '/orders/7?a=1' });
    const allowed = await ask('/orders/7?a=1', [`Authorization: DPoP ${own}`, `DPoP: ${good}`]);
    t.equal(allowed?.status, 200);
    t.strictSame(allowed?.headers['x-user-id'], ['alice']);
    if (way === 'ext-authz') {
      const dropped = allowed?.headers['x-envoy-auth-headers-to-remove']?.join(',').split(',') ?? [];
      t.ok(dropped.includes('dpop') && dropped.includes('authorization'), String(dropped));
    }
    const again = await ask('/orders/7?a=1', [`Authorization: DPoP ${own}`, `DPoP: ${good}`]);
    t.strictSame([again?.status, again?.code], [401, 'dpop_proof_invalid'], 'good once');
    t.match(again?.headers['www-authenticate'], [/^DPoP error="invalid_dpop_proof", algs="/]);
    const other = proof({ token: own, path: '/orders/8' });
    const elsewhere = await ask('/orders/7', [`Authorization: DPoP ${own}`, `DPoP: ${other}`]);
    t.strictSame([elsewhere?.status, elsewhere?.code], [401, 'dpop_proof_invalid']);
    const asked = makeProof(CLIENT, { method: 'GET', uri: `${decisions}/${way}`, token: own });
    const forQuestion = await ask('/orders/7', [`Authorization: DPoP ${own}`, `DPoP: ${asked}`]);
    t.equal(forQuestion?.status, 401, 'not for the question');
    const plain = await ask('/orders/7', [`Authorization: Bearer ${token()}`]);
    t.equal(plain?.status, 200);
  });
}

t.test('over gRPC: two proofs in one field, and what Envoy must drop', async (t) => {
  const { gateway, boundToken, proof } = await startBoundGateway(t, {
    change: (file) => Object.assign(file, { decisions: { port: 0, grpc: 0 } }),
  });
  const client = connectCheckClient(String(gateway.grpcUrl));
  t.teardown(() => client.close());
  const own = boundToken();
  const ask = (dpop: string) =>
    client.check({
      path: '/orders/7',
      host: 'api.example.com',
      scheme: 'https',
      headers: { authorization: `DPoP ${own}`, dpop },
    });
  const good = proof({ token: own, path: '/orders/7', uri: `${PUBLIC_URL}/orders/7` });
  const { response } = await ask(good);
  t.equal(response.status?.code ?? 0, 0);
  t.ok(response.ok_response?.headers_to_remove?.includes('dpop'));
  t.equal((await ask(good)).response.denied_response?.status?.code, 401);
  const joined = await ask(
    `${proof({ token: own, path: '/orders/7' })},${proof({ token: own, path: '/orders/7' })}`,
  );
  t.equal(joined.response.denied_response?.status?.code, 401);
});
