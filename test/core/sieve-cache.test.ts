import t from 'tap';
import { createSieveCache, type SieveEntry, UNLINKED } from '../../src/core/sieve-cache.ts';

interface Numbered extends SieveEntry {
  readonly value: number;
}

t.test('the sieve keeps its books', async (t) => {
  const cache = createSieveCache<Numbered>(100);
  const add = (key: string, value: number, bytes: number) => cache.add({ key, value, bytes, ...UNLINKED });
  for (let index = 0; index < 10; index += 1) add(`k${index}`, index, 10);
  t.same(cache.stats(), { entries: 10, bytes: 100, evictions: 0 });
  cache.get('k0');
  add('k10', 10, 10);
  t.equal(cache.get('k0')?.value, 0, 'asked for, so it stays');
  t.equal(cache.get('k1'), undefined, 'the oldest that nobody asked for goes');
  add('k0', 100, 20);
  t.equal(cache.get('k0')?.value, 100, 'replaced');
  t.ok(cache.stats().bytes <= 100);
  add('huge', 1, 101);
  t.equal(cache.get('huge'), undefined, 'what does not fit at all is not kept');
  for (let index = 0; index <= 10; index += 1) cache.delete(`k${index}`);
  cache.delete('k3');
  t.same([cache.stats().entries, cache.stats().bytes], [0, 0]);
  for (let round = 0; round < 1_000; round += 1) {
    add(`r${round % 37}`, round, 1 + (round % 13));
    if (round % 3 === 0) cache.get(`r${(round * 7) % 37}`);
    if (round % 11 === 0) cache.delete(`r${(round * 5) % 37}`);
    if (cache.stats().bytes > 100) t.fail('over its bounds');
  }
});
