import t from 'tap';
import { PooledBuffer } from '../../src/proxy/pooled-buffer.ts';

/** Takes every pooled buffer, so that only what a test releases can be reused. */
function emptyShelf(): Buffer[] {
  return Array.from({ length: 200 }, () => PooledBuffer.acquire().bytes);
}

t.beforeEach(() => void emptyShelf());

t.test('a buffer that nobody holds any more is used again', async (t) => {
  const first = PooledBuffer.acquire();
  first.release();
  t.equal(PooledBuffer.acquire().bytes, first.bytes);
});

t.test('a buffer is not reused while a piece of it is in use', async (t) => {
  const first = PooledBuffer.acquire();
  const [one, two] = [first.share(), first.share()];
  t.ok(first.isShared);
  first.release();
  one();
  t.not(PooledBuffer.acquire().bytes, first.bytes, 'the other piece is still in use');
  two(null);
  t.equal(PooledBuffer.acquire().bytes, first.bytes);
});

t.test('a buffer whose pieces are all released is not reused while it is still being filled', async (t) => {
  const first = PooledBuffer.acquire();
  first.share()();
  t.notOk(first.isShared);
  t.not(PooledBuffer.acquire().bytes, first.bytes);
  first.release();
  t.equal(PooledBuffer.acquire().bytes, first.bytes);
});

t.test('a release that is called twice counts once', async (t) => {
  const first = PooledBuffer.acquire();
  const [one, two] = [first.share(), first.share()];
  first.release();
  one();
  one();
  t.not(PooledBuffer.acquire().bytes, first.bytes);
  two();
  t.equal(PooledBuffer.acquire().bytes, first.bytes);
});

t.test('a piece whose write failed is never used again, whatever is called later', async (t) => {
  const first = PooledBuffer.acquire();
  const release = first.share();
  first.release();
  release(new Error('write EPIPE'));
  release();
  t.not(PooledBuffer.acquire().bytes, first.bytes);
});

t.test('no more than 4 MiB lie ready', async (t) => {
  const many = Array.from({ length: 100 }, () => PooledBuffer.acquire());
  for (const pooled of many) pooled.release();
  const known = new Set<Buffer>(many.map(({ bytes }) => bytes));
  const again = emptyShelf().filter((bytes) => known.has(bytes));
  t.equal(again.length * 64 * 1024, 4 * 1024 * 1024);
});
