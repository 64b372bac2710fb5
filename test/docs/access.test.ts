import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import t from 'tap';
import { folderWith, sealgate } from '../support/cli/cli.ts';

interface Report {
  readonly problems: readonly { readonly severity: string; readonly message: string }[];
  readonly tests: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly expected: string;
    readonly got: string;
  }[];
}

const files = async (page: string, pattern: RegExp) =>
  [...(await readFile(resolve(import.meta.dirname, '../../docs', page), 'utf8')).matchAll(pattern)].map(
    ([, title, file]) => ({ title: `docs/${page}, ${title}`, file: file ?? '' }),
  );

const examples = await files('access.md', /^## (\d+\. [^\n]+)\n.*?^```yaml\n(.*?)^```/gms);
const identities = await files('identity.md', /^## ([^\n]+)\n(?:(?!^## ).)*?^```yaml\n(.*?)^```/gms);

t.equal(examples.length, 10, 'ten examples');
t.equal(identities.length, 2);

for (const { title, file } of [...examples, ...identities]) {
  t.test(`${title}: the file is valid and passes its tests`, async (t) => {
    const path = await folderWith({ 'gw.yaml': file }, t);
    const { code, stdout } = await sealgate(['check', '-c', path('gw.yaml'), '--format', 'json']);
    const { problems, tests }: Report = JSON.parse(stdout);
    const errors = problems.filter(({ severity }) => severity === 'error');
    t.strictSame(errors, []);
    for (const { name, ok, expected, got } of tests) t.ok(ok, `${name}: expected ${expected}, got ${got}`);
    t.ok(
      tests.some(({ expected }) => expected === 'allow') &&
        tests.some(({ expected }) => expected !== 'allow'),
    );
    t.equal(code, 0);
  });
}
