import t from 'tap';
import type { Cause } from '../../../src/core/causes.ts';
import { createMemoryReplayStore } from '../../../src/tokens/replay/memory-replay-store.ts';
import { createReplayGuard } from '../../../src/tokens/replay/replay-guard.ts';
import type { ReplayOutcome, ReplayStore } from '../../../src/tokens/replay/replay-store.ts';

const NOW = Date.parse('2026-01-31T12:00:00Z');
const PROOF = { thumbprint: 'key', jti: 'name', issuedMs: NOW, lastMs: NOW + 60_000 };

function guardOver(store: Partial<ReplayStore>) {
  const all = {
    use: () => 'stored' as const,
    secretOf: () => undefined,
    stats: () => undefined,
    close: () => {},
  };
  return createReplayGuard({ ...all, ...store }, { issuer: 'corp', requiresNonce: true, maxAgeMs: 60_000 });
}

t.test('each outcome of a store but the first use is a refusal', async (t) => {
  const rows: readonly (readonly [ReplayOutcome, Cause, string, number | undefined])[] = [
    ['seen', 'proof_replayed', 'dpop_proof_invalid', undefined],
    ['crowded', 'proofs_too_many', 'rate_limited', 60],
    ['full', 'replay_store_full', 'replay_unavailable', 1],
    ['down', 'replay_store_down', 'replay_unavailable', 1],
  ];
  for (const [outcome, cause, code, retryAfterSeconds] of rows) {
    for (const use of [() => outcome, async () => outcome]) {
      const refusal = await guardOver({ use }).use(PROOF);
      t.match(refusal, { cause, code, issuer: 'corp' }, outcome);
      t.equal(refusal?.retryAfterSeconds, retryAfterSeconds);
    }
  }
  t.equal(await guardOver({ use: () => 'stored' }).use(PROOF), undefined);
});

t.test(
  'nonces that are missing or unknown come with the next one, and none where no secret is known',
  async (t) => {
    const { nonces } = guardOver(createMemoryReplayStore({ clock: () => NOW, maxEntries: 10 }));
    const missing = await nonces?.check(undefined, NOW);
    t.match(missing, { refusal: { cause: 'nonce_missing', code: 'dpop_nonce_required', issuer: 'corp' } });
    t.equal(await nonces?.check(missing?.next, NOW), undefined);
    t.match(await nonces?.check('other', NOW), { refusal: { cause: 'nonce_unknown' }, next: missing?.next });
    const blind = guardOver({}).nonces;
    for (const nonce of [undefined, 'other', missing?.next]) {
      const result = await blind?.check(nonce, NOW);
      t.match(result, { refusal: { cause: 'replay_store_down' }, next: undefined });
    }
  },
);
