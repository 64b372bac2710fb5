import t from 'tap';
import { createInFlightSet, type InFlight, NO_SLOT } from '../../../src/gateway/serving/in-flight-set.ts';

t.test('any member may be removed, once; the others stay', async (t) => {
  const inFlight = createInFlightSet<InFlight & { readonly name: number }>();
  const all = Array.from({ length: 50 }, (_, name) => ({ name, inFlightSlot: NO_SLOT }));
  for (const one of all) inFlight.add(one);
  const left = all.filter(({ name }) => name % 3 === 0).sort((a, b) => (a.name % 7) - (b.name % 7));
  for (const one of left) t.equal(inFlight.remove(one), true);
  for (const one of left) t.equal(inFlight.remove(one), false, 'it was removed already');
  t.strictSame(
    [...inFlight].map(({ name }) => name).sort((a, b) => a - b),
    all.filter((one) => !left.includes(one)).map(({ name }) => name),
  );
});

t.test('members may be removed during iteration', async (t) => {
  const inFlight = createInFlightSet<InFlight>();
  for (let at = 0; at < 5; at += 1) inFlight.add({ inFlightSlot: NO_SLOT });
  let seen = 0;
  for (const one of inFlight) {
    inFlight.remove(one);
    seen += 1;
  }
  t.equal(seen, 5);
  t.strictSame([...inFlight], []);
});
