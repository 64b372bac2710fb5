import { hash } from 'node:crypto';
import t from 'tap';
import { createSignatureResultTable } from '../../../src/tokens/cache/signature-result-table.ts';

const nameOf = (index: number) => hash('sha256', String(index), 'binary');

t.test('a table returns what was stored under the whole name, and nothing else', async (t) => {
  const table = createSignatureResultTable(64 * 1024);
  const truth = new Map<string, number>();
  for (let index = 1; index <= 5_000; index += 1) {
    table.set(nameOf(index), index % 2 === 0 ? index : -index);
    truth.set(nameOf(index), index % 2 === 0 ? index : -index);
  }
  const found = [...truth].filter(([name]) => table.find(name) !== 0);
  t.ok(found.length > 500, `${found.length} are still there`);
  t.ok(
    found.every(([name, result]) => table.find(name) === result),
    'each with its own result',
  );
  for (let index = 4_990; index <= 5_000; index += 1) t.not(table.find(nameOf(index)), 0, 'the newest are');
  for (let index = 5_001; index <= 10_000; index += 1) {
    if (table.find(nameOf(index)) !== 0) t.fail('found what was never put in');
  }
});

t.test('names that differ in one character only are distinct', async (t) => {
  const table = createSignatureResultTable(1_024);
  const name = nameOf(1);
  table.set(name, 7);
  for (let at = 0; at < name.length; at += 1) {
    const other = `${name.slice(0, at)}${String.fromCharCode(name.charCodeAt(at) ^ 1)}${name.slice(at + 1)}`;
    t.equal(table.find(other), 0, `character ${at}`);
  }
  t.equal(table.find('\0'.repeat(32)), 0, 'an empty place is no name of zeros');
  t.equal(table.find(name), 7);
});

t.test('a second result replaces the first, and takes no other place', async (t) => {
  const table = createSignatureResultTable(1);
  for (let index = 1; index <= 4; index += 1) table.set(nameOf(index), index);
  for (let round = 0; round < 20; round += 1) table.set(nameOf(2), -5);
  t.strictSame(
    [1, 2, 3, 4].map((index) => table.find(nameOf(index))),
    [1, -5, 3, 4],
  );
  table.set(nameOf(5), 5);
  t.strictSame(
    [1, 2, 3, 4, 5].map((index) => table.find(nameOf(index))),
    [0, -5, 3, 4, 5],
    'the oldest makes room',
  );
});

t.test('a table takes no more than it may, beyond the smallest of all', async (t) => {
  for (const bytes of [0, 1, 200, 1_000, 2 ** 20, 3_000_001]) {
    const table = createSignatureResultTable(bytes);
    t.ok(table.bytes <= Math.max(bytes, 161), `${bytes}: ${table.bytes}`);
    t.ok(table.bytes > bytes / 2.1, `${bytes}: more than half of it is used`);
  }
});
