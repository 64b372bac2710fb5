import t from 'tap';
import { HeaderNameMemo } from '../../src/http/header-name-memo.ts';

const counted = (): { memo: HeaderNameMemo<string>; reads: string[] } => {
  const reads: string[] = [];
  const memo = new HeaderNameMemo((name) => {
    reads.push(name);
    return name.toLowerCase();
  });
  return { memo, reads };
};

t.test('a name is read once in each spelling', async (t) => {
  const { memo, reads } = counted();
  t.strictSame(
    ['Accept', 'accept', 'Accept', 'accept'].map((name) => memo.of(name)),
    ['accept', 'accept', 'accept', 'accept'],
  );
  t.strictSame(reads, ['Accept', 'accept']);
});

t.test('names that are made up push out others, and no more than 1,024 are kept', async (t) => {
  const { memo, reads } = counted();
  for (let at = 0; at < 1024; at++) memo.of(`x-${at}`);
  memo.of('x-0');
  t.equal(reads.length, 1024);
  for (let at = 1024; at < 5000; at++) memo.of(`x-${at}`);
  const before = reads.length;
  for (let at = 0; at < 5000; at++) memo.of(`x-${at}`);
  t.ok(reads.length - before >= 5000 - 1024);
});

t.test('a long name is read each time', async (t) => {
  const { memo, reads } = counted();
  const name = `x-${'l'.repeat(63)}`;
  memo.of(name);
  memo.of(name);
  t.equal(reads.length, 2);
});
