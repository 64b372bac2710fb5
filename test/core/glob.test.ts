import fc from 'fast-check';
import t from 'tap';
import { coversGlob, globsOverlap, matchesGlob, parseGlob } from '../../src/core/glob.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 7 });
const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 6 });
const toRegExp = (glob: string) => new RegExp(`^${glob.replaceAll('*', '.*')}$`, 's');

t.test('a pattern matches what its regular expression would', async () => {
  fc.assert(
    fc.property(
      pattern,
      text,
      (glob, name) => matchesGlob(parseGlob(glob), name) === toRegExp(glob).test(name),
    ),
    { numRuns: 20_000 },
  );
});

/** Every text of up to six of these letters. `c` stands for all letters that no pattern has. */
const TEXTS: string[] = [''];
for (let at = 0; (TEXTS[at] as string).length < 6; at += 1)
  for (const letter of 'abc') TEXTS.push((TEXTS[at] as string) + letter);

t.test(
  'two patterns overlap where a text matches both, and one covers the other where all of its texts match',
  async (t) => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 3 }),
        fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 3 }),
        (a, b) => {
          const [left, right] = [parseGlob(a), parseGlob(b)];
          const both = TEXTS.some((name) => matchesGlob(left, name) && matchesGlob(right, name));
          const all = TEXTS.every((name) => !matchesGlob(right, name) || matchesGlob(left, name));
          return globsOverlap(left, right) === both && coversGlob(left, right) === all;
        },
      ),
      { numRuns: 1_000 },
    );
    t.ok(globsOverlap(parseGlob('a*'), parseGlob('*b')));
    t.notOk(globsOverlap(parseGlob('a*'), parseGlob('b*')));
  },
);

t.test('a long text against many stars takes no time', async (t) => {
  const begin = performance.now();
  t.notOk(matchesGlob(parseGlob('*a*a*a*a*a*a*a*a*b'), 'a'.repeat(1_000_000)));
  t.ok(performance.now() - begin < 1_000);
});
