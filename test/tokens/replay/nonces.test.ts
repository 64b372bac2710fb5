import t from 'tap';
import { createMemoryReplayStore } from '../../../src/tokens/replay/memory-replay-store.ts';
import { createNonces } from '../../../src/tokens/replay/nonces.ts';

const START = Date.parse('2026-01-31T12:59:00Z');
const MINUTE = 60_000;
const memory = () => createMemoryReplayStore({ clock: () => START, maxEntries: 10 });

t.test('a nonce is good for five minutes, also over the change of the secret', async (t) => {
  const nonces = createNonces(memory());
  for (const madeMs of [START, START + MINUTE - 1, START + MINUTE]) {
    const nonce = await nonces.issue(madeMs);
    t.match(nonce, /^[!#-[\]-~]+$/, 'NQCHAR of RFC 6749, as RFC 9449 §8.1 wants');
    t.equal(await nonces.check(nonce, madeMs), 'fresh');
    t.equal(await nonces.check(nonce, madeMs + 2.5 * MINUTE), 'aging');
    t.equal(await nonces.check(nonce, madeMs + 5 * MINUTE), 'aging', 'the last moment');
    t.equal(await nonces.check(nonce, madeMs + 5 * MINUTE + 1), 'unknown');
    t.equal(await nonces.check(nonce, madeMs - 30_000), 'fresh', 'of a gateway whose clock is ahead');
    t.equal(await nonces.check(nonce, madeMs - 30_001), 'unknown');
  }
});

t.test('what nobody issued is unknown', async (t) => {
  const nonces = createNonces(memory());
  const nonce = (await nonces.issue(START)) as string;
  const [moment = '', mac = ''] = nonce.split('.');
  const later = (Number.parseInt(moment, 36) + 1).toString(36);
  const other = (await createNonces(memory()).issue(START)) as string;
  for (const forged of [
    ...[
      '',
      '.',
      moment,
      `${moment}.`,
      `.${mac}`,
      `${later}.${mac}`,
      `0${nonce}`,
      nonce.toUpperCase(),
      `${nonce} `,
    ],
    ...[other, undefined, null, 7, {}, [nonce], 'x'.repeat(100_000), `${'z'.repeat(11)}.${mac}`],
  ]) {
    t.equal(await nonces.check(forged, START), 'unknown', String(forged).slice(0, 40));
  }
});

t.test('nonces that are too old ask for no secret', async (t) => {
  let asked = 0;
  const nonces = createNonces({
    secretOf: () => {
      asked += 1;
      return undefined;
    },
  });
  t.equal(await nonces.check(`1.${'a'.repeat(22)}`, START), 'unknown');
  t.equal(asked, 0);
  t.equal(await nonces.check(`${START.toString(36)}.${'a'.repeat(22)}`, START), 'down');
  t.equal(await nonces.issue(START), undefined);
});
