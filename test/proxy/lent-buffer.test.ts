import t from 'tap';
import { LentBuffer } from '../../src/proxy/lent-buffer.ts';

/** Takes all that lie ready, so that only what a test gives back can come again. */
function emptyShelf(): Buffer[] {
  return Array.from({ length: 200 }, () => LentBuffer.borrow().bytes);
}

t.beforeEach(() => void emptyShelf());

t.test('a buffer that nobody holds any more is used again', async (t) => {
  const first = LentBuffer.borrow();
  first.giveBack();
  t.equal(LentBuffer.borrow().bytes, first.bytes);
});

t.test('a buffer is not used again while somebody has a piece of it', async (t) => {
  const first = LentBuffer.borrow();
  const [one, two] = [first.share(), first.share()];
  t.ok(first.isShared);
  first.giveBack();
  one();
  t.not(LentBuffer.borrow().bytes, first.bytes, 'the other piece is still out');
  two(null);
  t.equal(LentBuffer.borrow().bytes, first.bytes);
});

t.test(
  'a piece that is given back before its lender stops filling the buffer stays with the lender',
  async (t) => {
    const first = LentBuffer.borrow();
    first.share()();
    t.notOk(first.isShared);
    t.not(LentBuffer.borrow().bytes, first.bytes);
    first.giveBack();
    t.equal(LentBuffer.borrow().bytes, first.bytes);
  },
);

t.test('a release that is called twice counts once', async (t) => {
  const first = LentBuffer.borrow();
  const [one, two] = [first.share(), first.share()];
  first.giveBack();
  one();
  one();
  t.not(LentBuffer.borrow().bytes, first.bytes);
  two();
  t.equal(LentBuffer.borrow().bytes, first.bytes);
});

t.test('a piece whose write failed is never used again, whatever is called later', async (t) => {
  const first = LentBuffer.borrow();
  const release = first.share();
  first.giveBack();
  release(new Error('write EPIPE'));
  release();
  t.not(LentBuffer.borrow().bytes, first.bytes);
});

t.test('no more than 4 MiB lie ready', async (t) => {
  const many = Array.from({ length: 100 }, () => LentBuffer.borrow());
  for (const lent of many) lent.giveBack();
  const known = new Set<Buffer>(many.map(({ bytes }) => bytes));
  const again = emptyShelf().filter((bytes) => known.has(bytes));
  t.equal(again.length * 64 * 1024, 4 * 1024 * 1024);
});
