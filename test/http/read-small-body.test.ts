import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import t from 'tap';
import { refuse } from '../../src/core/refusals.ts';
import type { OutgoingResponse } from '../../src/http/client-messages.ts';
import { readSmallBody } from '../../src/http/read-small-body.ts';

const TOO_LARGE = refuse('front_body', 'too large');

/** A request whose body ends as Node ends one: `complete` is false where the client reset the stream. */
function reading(complete: boolean) {
  const req = Object.assign(new PassThrough(), { complete, headers: {} });
  const res = Object.assign(new EventEmitter(), { req }) as unknown as OutgoingResponse;
  return { req, outcome: readSmallBody(res, { timeoutMs: 60_000, maxBytes: 100, tooLarge: TOO_LARGE }) };
}

t.test('a whole form is read', async (t) => {
  const { req, outcome } = reading(true);
  req.write('code=');
  req.end('abc');
  t.equal(String(await outcome), 'code=abc');
});

t.test('a form whose stream was reset is not taken for whole', async (t) => {
  const { req, outcome } = reading(false);
  req.end('grant_type=authorization_code&code=ab');
  t.equal(await outcome, undefined);
});

t.test('no more is read than there may be', async (t) => {
  const { req, outcome } = reading(true);
  req.write('a'.repeat(60));
  req.write('a'.repeat(60));
  t.equal(await outcome, TOO_LARGE);
});
