import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startCountingUpstream } from '../../support/backends/counting-upstream.ts';
import { boundFile, clientOf, START } from '../../support/dpop/bound-gateway.ts';
import { startHarness } from '../../support/gateway/gateway-harness.ts';

t.test('a longer `maxAge` makes no proof good that was too old before the reload', async (t) => {
  const upstream = await startCountingUpstream();
  t.teardown(() => upstream.close());
  const time = { ms: START };
  const file = boundFile(upstream.url, { maxAge: '60s' });
  const { port, folder, reload } = await startHarness(t, {
    upstream,
    file: { ...file, listen: { ...file.listen, port: 0 } },
    clock: () => time.ms,
    reloads: true,
  });
  const { ask, proof } = clientOf(`http://127.0.0.1:${port}`, () => time.ms);
  const before = [proof(), proof()];
  time.ms += 61_000;
  t.equal((await ask({ proofs: before.slice(0, 1) })).code, 'dpop_proof_invalid');
  const place = join(folder, 'gateway.yaml');
  writeFileSync(place, readFileSync(place, 'utf8').replace('maxAge: 60s', 'maxAge: 120s'));
  t.equal(await reload(), 'applied');
  for (const one of before) {
    t.equal((await ask({ proofs: [one] })).code, 'replay_unavailable', 'it may have been used and forgotten');
  }
  t.equal((await ask()).code, 'allow', 'one that is made since');
});
