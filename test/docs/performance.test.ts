import { existsSync, readdirSync, readFileSync } from 'node:fs';
import t from 'tap';

const root = new URL('../../', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, root), 'utf8');
const page = read('docs/performance.md');
const kept = /\nIn the code\.[\s\S]*?\n\n(\|[\s\S]*?)\n\n/.exec(page)?.[1] ?? '';

t.test('each file with an optimization that is in the code refers to its row', async (t) => {
  const files = new Set([...kept.matchAll(/`((?:src|scripts)\/[\w./-]+)`/g)].map(([, file = '']) => file));
  t.ok(files.size > 10);
  for (const file of files) {
    t.ok(existsSync(new URL(file, root)), file);
    t.match(read(file), 'performance.md', file);
  }
});

t.test('each quote of the page in the code is a row of an optimization that is in the code', async (t) => {
  const sources = (readdirSync(new URL('src', root), { recursive: true }) as string[]).filter((name) =>
    name.endsWith('.ts'),
  );
  const quotes = sources.flatMap((name) =>
    [
      ...read(`src/${name}`)
        .replace(/\n\s*(?:\*|\/\/) ?/g, ' ')
        .matchAll(/performance\.md[:,]? "([^"]+)"|"([^"]+)" in docs\/performance\.md/g),
    ].map(([, after, before]) => ({ name, quote: after ?? before ?? '' })),
  );
  t.ok(quotes.length > 10);
  for (const { name, quote } of quotes) t.ok(kept.includes(quote), `${name}: ${quote}`);
});
