import t from 'tap';
import { CAUSES, type Cause } from '../../src/core/causes.ts';
import { REFUSALS, refuse } from '../../src/core/refusals.ts';
import { challengeFor } from '../../src/http/challenge.ts';

t.test('without a token the challenge has no error (RFC 6750 §3)', async (t) => {
  t.equal(challengeFor(refuse('token_missing', 'x'), 'sealgate'), 'Bearer realm="sealgate"');
});

t.test('a bad token gets error and description, never the reason', async (t) => {
  t.equal(
    challengeFor(refuse('token_expired', 'secret detail'), 'sealgate'),
    'Bearer realm="sealgate", error="invalid_token", error_description="The token has expired"',
  );
});

t.test('a missing scope is named', async (t) => {
  t.equal(
    challengeFor(refuse('insufficient_scope', 'x', { scopes: ['a:b', 'c'] }), 'r'),
    'Bearer realm="r", error="insufficient_scope", error_description="The token lacks a required scope", scope="a:b c"',
  );
});

t.test('nothing breaks out of a quoted string', async (t) => {
  const challenge = challengeFor(
    refuse('insufficient_scope', 'x', { scopes: ['a", x="', 'b\\', 'c\r\nd\u00e9'] }),
    'a"b\r\n',
  );
  t.match(
    challenge,
    /^Bearer realm="a'b''", error="insufficient_scope", error_description="[^"]*", scope="a', x=' b' c''d'"$/,
  );
});

t.test('every 401 and 403 has a challenge, and nothing else has', async (t) => {
  for (const cause of Object.keys(CAUSES) as Cause[]) {
    const { status } = REFUSALS[CAUSES[cause]];
    t.equal(challengeFor(refuse(cause, 'x'), 'r') !== undefined, status === 401 || status === 403, cause);
  }
});
