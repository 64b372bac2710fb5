import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import packageJson from '../../package.json' with { type: 'json' };
import { COMMANDS } from '../../src/cli/commands.ts';
import { loadConfig } from '../../src/config/load.ts';

const root = new URL('../../', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, root), 'utf8');
const pages = [
  'README.md',
  ...readdirSync(new URL('docs', root))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** The anchors of the headings. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

t.test("the README's example is a valid file", async (t) => {
  const [, text = ''] = /```yaml\n([\s\S]*?)```/.exec(read('README.md')) ?? [];
  const { config, problems } = loadConfig({ file: 'gateway.yaml', readFile: () => Buffer.from(text) });
  t.ok(config);
  t.same(
    problems.filter(({ severity }) => severity === 'error'),
    [],
  );
});

for (const page of pages) {
  const text = read(page);
  t.test(`${page} names only commands and scripts that exist`, async (t) => {
    for (const [, name] of text.matchAll(/(?:npx |^\$ |`)sealgate ([a-z]+)/gm)) {
      t.ok(
        COMMANDS.some((command) => command.name === name),
        `sealgate ${name}`,
      );
    }
    for (const [, name] of text.matchAll(/npm run ([\w:]+)/g)) t.hasProp(packageJson.scripts, String(name));
  });

  t.test(`${page} links only to files and headings that exist`, async (t) => {
    const base = new URL(page, root);
    for (const [, target = '', anchor] of text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)) {
      t.doesNotThrow(() => readFileSync(target === '' ? base : new URL(target, base)), target);
      if (anchor === undefined) continue;
      const there = anchorsOf(target === '' ? text : readFileSync(new URL(target, base), 'utf8'));
      t.ok(there.has(anchor), `${target}#${anchor}`);
    }
  });
}
