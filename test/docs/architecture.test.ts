import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';

const root = new URL('../../', import.meta.url);

t.test('every file and folder that the architecture page names exists', async (t) => {
  const page = readFileSync(new URL('docs/architecture.md', root), 'utf8');
  const layers =
    /`((?:core|config|http|telemetry|tokens|pipeline|proxy|admin|simulate|gateway|cli)\/[\w./-]+)`/g;
  const named = [...page.matchAll(layers)].map(([, path]) => path as string);
  t.ok(named.length > 50);
  t.same(
    named.filter((path) => !existsSync(new URL(`src/${path}`, root))),
    [],
  );
});

t.test('the page names every room', async (t) => {
  const page = readFileSync(new URL('docs/architecture.md', root), 'utf8');
  const check = readFileSync(new URL('.dependency-cruiser.cjs', root), 'utf8');
  const rooms = /const ROOMS = \{([\s\S]*?)\n\};/.exec(check)?.[1] ?? '';
  const names = [...rooms.matchAll(/^ {4}'?([\w-]+)'?: \[|[{,] '?([\w-]+)'?: \[/gm)].map(
    ([, alone, inline]) => alone ?? inline,
  );
  t.ok(names.length > 20);
  t.same(
    names.filter((name) => !page.includes(`\`${name}\``)),
    [],
  );
});
