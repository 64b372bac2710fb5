import t from 'tap';
import { stringify } from 'yaml';
import { startCountingUpstream } from '../../support/backends/counting-upstream.ts';
import { boundFile, clientOf } from '../../support/dpop/bound-gateway.ts';
import { startGateway } from '../../support/gateway/gateway.ts';
import { hasRedisServer, startRedisServer } from '../../support/peers/redis-server.ts';

const skip = hasRedisServer() ? false : 'redis-server is not installed';

t.test('two gateways share what they remember, and nonces', { skip }, async (t) => {
  const server = await startRedisServer();
  t.teardown(() => server.stop());
  const upstream = await startCountingUpstream();
  t.teardown(() => upstream.close());
  const file = boundFile(upstream.url, { nonce: 'required', replay: server.url });
  // For so long after a loss proofs are refused.
  Object.assign(file.issuers.corp as object, { clockTolerance: '1s' });
  const text = stringify(file);
  const [one, two] = [await startGateway(text), await startGateway(text)];
  t.teardown(() => Promise.all([one.close(), two.close()]));
  const [first, second] = [clientOf(one.url, Date.now), clientOf(two.url, Date.now)];
  const nonce = String((await first.ask()).headers['dpop-nonce']);
  const claims = { nonce };
  const token = first.boundToken();
  const proof = first.proof({ token, proof: { claims } });
  t.equal((await second.ask({ token, proofs: [proof] })).code, 'allow', 'a nonce of the other gateway');
  t.equal((await first.ask({ token, proofs: [proof] })).code, 'dpop_proof_invalid', 'a proof used there');

  await server.stop();
  const down = await first.ask({ proof: { claims } });
  t.match(down, { status: 503, code: 'replay_unavailable' });
  t.match(down.headers['retry-after'], /^\d+$/);
  t.equal((await first.ask({ token, proofs: [proof] })).code, 'replay_unavailable', 'never "not seen"');
  t.equal((await first.ask({ token: first.token(), scheme: 'Bearer', proofs: [] })).code, 'allow');
  await one.waitForLine(({ msg }) => msg === 'the replay store of dpop does not respond');
  const forwarded = upstream.requests.length;

  const again = await startRedisServer(Number(new URL(server.url).port));
  t.teardown(() => again.stop());
  let reply = down;
  const deadline = performance.now() + 20_000;
  while (reply.code !== 'allow' && performance.now() < deadline) {
    const fresh = String((await first.ask()).headers['dpop-nonce'] ?? nonce);
    reply = await first.ask({ proof: { claims: { nonce: fresh } } });
  }
  t.equal(reply.code, 'allow', 'it is back');
  t.not((await first.ask({ token, proofs: [proof] })).code, 'allow', 'what it has forgotten stays refused');
  t.equal(upstream.requests.length, forwarded + 1);
  const log = JSON.stringify([...one.lines, ...two.lines]);
  t.notMatch(log, /sesame/, 'the password of the store is in no line');
});
