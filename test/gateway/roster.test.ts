import t from 'tap';
import { createRoster, type Member, NO_SLOT } from '../../src/gateway/roster.ts';

t.test('whoever leaves, the others stay, and nobody leaves twice', async (t) => {
  const roster = createRoster<Member & { readonly name: number }>();
  const all = Array.from({ length: 50 }, (_, name) => ({ name, rosterSlot: NO_SLOT }));
  for (const one of all) roster.add(one);
  const left = all.filter(({ name }) => name % 3 === 0).sort((a, b) => (a.name % 7) - (b.name % 7));
  for (const one of left) t.equal(roster.remove(one), true);
  for (const one of left) t.equal(roster.remove(one), false, 'it is gone already');
  t.strictSame(
    [...roster].map(({ name }) => name).sort((a, b) => a - b),
    all.filter((one) => !left.includes(one)).map(({ name }) => name),
  );
});

t.test('members may leave while they are gone through', async (t) => {
  const roster = createRoster<Member>();
  for (let at = 0; at < 5; at += 1) roster.add({ rosterSlot: NO_SLOT });
  let seen = 0;
  for (const one of roster) {
    roster.remove(one);
    seen += 1;
  }
  t.equal(seen, 5);
  t.strictSame([...roster], []);
});
