import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import packageJson from '../package.json' with { type: 'json' };
import { COMMANDS } from '../src/cli/commands.ts';
import { loadConfig } from '../src/config/load.ts';

const root = new URL('../', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, root), 'utf8');
const pages = [
  'README.md',
  ...readdirSync(new URL('docs', root))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

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

  t.test(`${page} links only to files that exist`, async (t) => {
    const base = new URL(page, root);
    for (const [, target] of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)) {
      t.doesNotThrow(() => readFileSync(new URL(String(target), base)), String(target));
    }
  });
}
