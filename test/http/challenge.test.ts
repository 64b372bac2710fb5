import t from 'tap';
import { REFUSALS, type RefusalRow } from '../../src/core/refusals.ts';
import { challengeHeads, challengeTail, dpopChallengeHeads } from '../../src/http/challenge.ts';

t.test('without a token the challenge has no error (RFC 6750 §3)', async (t) => {
  t.equal(challengeHeads('sealgate').token_missing, 'Bearer realm="sealgate"');
});

t.test('a bad token gets error and description', async (t) => {
  t.equal(
    challengeHeads('sealgate').token_expired,
    'Bearer realm="sealgate", error="invalid_token", error_description="The token has expired"',
  );
});

t.test('scopes and metadata are named where there are any', async (t) => {
  t.equal(challengeTail([], undefined), '');
  t.equal(challengeTail(['a:b', 'c'], undefined), ', scope="a:b c"');
  t.equal(challengeTail([], 'https://a.example/m'), ', resource_metadata="https://a.example/m"');
  t.equal(
    challengeTail(['a'], 'https://a.example/m'),
    ', scope="a", resource_metadata="https://a.example/m"',
  );
});

t.test('nothing breaks out of a quoted string', async (t) => {
  t.equal(challengeHeads('a"b\r\n').token_missing, `Bearer realm="a'b''"`);
  t.equal(
    challengeTail(['a", x="', 'b\\', 'c\r\nd\u00e9'], 'a"\n'),
    `, scope="a', x=' b' c''d'", resource_metadata="a''"`,
  );
});

t.test('every 401 and insufficient_scope have a challenge, and nothing else has', async (t) => {
  const heads = challengeHeads('r');
  const ofProofs: readonly string[] = ['dpop_proof_invalid', 'dpop_nonce_required'];
  const ofBound = dpopChallengeHeads(['ES256']);
  for (const [code, { status }] of Object.entries<RefusalRow>(REFUSALS)) {
    t.equal(code in ofBound, status === 401 || code === 'insufficient_scope', code);
    const isOfBearer = (status === 401 && !ofProofs.includes(code)) || code === 'insufficient_scope';
    t.equal(code in heads, isOfBearer, code);
  }
});
