import { existsSync, readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { REFUSALS } from '../../src/core/refusals.ts';
import { VIAS } from '../../src/core/via.ts';
import { folderWith, sealgate } from '../support/cli/cli.ts';

const EXAMPLES = 'config/examples/decisions';
const page = readFileSync('docs/other-proxies.md', 'utf8');

t.test('the page links every example file of each proxy', async (t) => {
  for (const entry of readdirSync(EXAMPLES, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    t.match(page.toLowerCase(), `\n## ${entry.name}\n`);
    for (const name of readdirSync(`${EXAMPLES}/${entry.name}`)) {
      if (/^traefik\.yaml$/.test(name)) continue;
      t.ok(page.includes(`(../${EXAMPLES}/${entry.name}/${name})`), name);
    }
  }
});

t.test('the table of differences names ways and codes that exist', async (t) => {
  const [, table = ''] = /### Differences that a way cannot avoid\n([\s\S]*?)\n## /.exec(page) ?? [];
  const rows = table
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2);
  t.ok(rows.length > 10);
  for (const row of rows) {
    const [ways = '', , ...outcomes] = row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    t.equal(outcomes.length, 2, row);
    for (const way of ways.split(', ')) t.ok(way === 'all' || VIAS.some((via) => via === way), way);
    for (const [, code = ''] of outcomes.join(' ').matchAll(/`([a-z_]+)`/g))
      t.ok(code === 'allow' || code === 'encode_raw_headers' || code in REFUSALS, code);
  }
});

t.test("the page's file is valid", async (t) => {
  const [, file = ''] = /^```yaml\n(.*?)^```/ms.exec(page) ?? [];
  const path = await folderWith({ 'gw.yaml': file }, t);
  const { code, stdout } = await sealgate(['check', '--strict', '-c', path('gw.yaml')]);
  t.equal(code, 0, stdout);
});

t.test('files that its commands name are there', async (t) => {
  const commands = [...page.matchAll(/^```sh\n(.*?)^```/gms)].map(([, text]) => text).join('');
  const files = [...commands.matchAll(/\bconfig\/[\w./-]+/g)].map(([path]) => path);
  t.ok(files.length > 1);
  for (const path of files) t.ok(existsSync(path), path);
});
