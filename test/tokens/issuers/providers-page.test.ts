import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import t from 'tap';
import { loadConfig } from '../../../src/config/load.ts';
import { PRESETS } from '../../../src/config/schema/config.ts';
import { compileIssuers } from '../../../src/tokens/issuers/compile-issuers.ts';

const page = readFileSync(new URL('../../../docs/providers.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);

/** What a pod finds in its file system. */
const POD: Readonly<Record<string, string>> = {
  '/var/run/secrets/kubernetes.io/serviceaccount/token': 'a.b.c\n',
  '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt': rootCertificates[0] ?? '',
};

t.test('each preset has a file on the page, and each file loads', async (t) => {
  const seen = new Set<string>();
  for (const block of blocks) {
    const readFile = (path: string) => Buffer.from(POD[path] ?? block);
    const { config, problems, resolvePath } = loadConfig({ file: '/etc/gateway.yaml', env: {}, readFile });
    t.same(
      problems.filter(({ severity }) => severity === 'error'),
      [],
      block.slice(0, 80),
    );
    if (config === undefined) continue;
    const compiled = compileIssuers(config, { resolvePath, readFile });
    t.same(
      compiled.problems.filter(({ severity }) => severity === 'error'),
      [],
    );
    t.equal(compiled.issuers.length, 1);
    seen.add(Object.values(config.issuers)[0]?.preset ?? 'none');
    t.match(block, /# 1/, 'the values to fill in are marked');
    t.match(block, /(?:# 2|1 and 2)/);
  }
  t.same([...seen].sort(), [...PRESETS, 'none'].sort());
});
