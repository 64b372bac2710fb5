import t from 'tap';
import { stringify } from 'yaml';
import { startCountingUpstream } from '../../support/backends/counting-upstream.ts';
import { boundFile, clientOf } from '../../support/dpop/bound-gateway.ts';
import { startGatewayProcess } from '../../support/gateway/gateway-process.ts';
import { metric, until } from '../../support/gateway/workers-harness.ts';

t.test(
  'a proof is good once in all workers, and so is a nonce good in all',
  { timeout: 110_000 },
  async (t) => {
    const upstream = await startCountingUpstream();
    t.teardown(() => upstream.close());
    const file = boundFile(upstream.url, { nonce: 'required', replay: { maxEntries: 100_000 } });
    const text = (more: object = {}) =>
      stringify({ ...file, listen: { ...file.listen, port: 0 }, admin: { port: 0 }, workers: 3, ...more });
    const gateway = await startGatewayProcess(t, text());
    await until(async () => (await fetch(`${gateway.adminUrl}/ready`)).status === 200);
    const { ask, proof } = clientOf(gateway.url, Date.now);
    const { headers } = await ask();
    const nonce = String(headers['dpop-nonce']);

    for (let round = 0; round < 4; round += 1) {
      const own = proof({ proof: { claims: { nonce } } });
      const replies = await Promise.all(Array.from({ length: 12 }, () => ask({ proofs: [own] })));
      t.equal(replies.filter(({ code }) => code === 'allow').length, 1, 'once');
      t.equal(replies.filter(({ code }) => code === 'dpop_proof_invalid').length, 11, 'and never again');
    }
    t.equal(upstream.requests.length, 4);
    t.equal(await metric(gateway, 'sealgate_dpop_replay_entries{'), 4);
    t.equal(await metric(gateway, 'sealgate_dpop_proofs_total{issuer="corp",outcome="replayed"}'), 44);
    const status = (await (await fetch(`${gateway.adminUrl}/status`)).json()) as Record<string, unknown>;
    t.match(status, {
      proofs: [{ issuer: 'corp', outcomes: { accepted: 4, replayed: 44, nonce: 1 }, memory: { entries: 4 } }],
    });

    const kept = proof({ proof: { claims: { nonce } } });
    t.equal((await ask({ proofs: [kept] })).code, 'allow');
    const { writeFileSync } = await import('node:fs');
    writeFileSync(gateway.file, text({ reportHeader: true }));
    await gateway.line('configuration applied');
    for (let i = 0; i < 6; i += 1) {
      t.equal((await ask({ proofs: [kept] })).code, 'dpop_proof_invalid', 'the memory survives a reload');
    }
    t.equal((await ask({ proof: { claims: { nonce } } })).code, 'allow', 'and so do nonces');

    const served = new Set(gateway.lines.filter(({ msg }) => msg === 'request').map(({ worker }) => worker));
    t.equal(served.size, 3, 'every worker has had some of them');
  },
);
