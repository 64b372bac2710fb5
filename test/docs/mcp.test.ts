import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { folderWith, sealgate } from '../support/cli/cli.ts';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/mcp.md', root), 'utf8');
const EXAMPLES = readdirSync(new URL('config/examples/', root)).filter((name) => name.startsWith('mcp-'));

t.test('the ten lines of the page are a valid file', async (t) => {
  const [, text = ''] = /## Guard an MCP server in ten lines\n\n```yaml\n([\s\S]*?)```/.exec(page) ?? [];
  t.ok(text.trim().split('\n').length <= 11, 'ten lines and the name of the file');
  const path = await folderWith({ 'gateway.yaml': text }, t);

  const { code, stdout } = await sealgate(['check', '--strict', '-c', path('gateway.yaml')]);

  t.equal(code, 0, stdout);
});

t.test('there is a file for each provider, and the page links it', (t) => {
  t.same(
    EXAMPLES,
    ['auth0', 'cognito', 'entra', 'keycloak', 'okta'].map((name) => `mcp-${name}.yaml`),
  );
  for (const name of EXAMPLES) t.match(page, `(../config/examples/${name})`);
  t.end();
});

for (const name of EXAMPLES) {
  t.test(`config/examples/${name} is valid, and its tests pass`, async (t) => {
    const { code, stdout } = await sealgate(['check', '--strict', '-c', `config/examples/${name}`]);

    t.equal(code, 0, stdout);
    t.match(stdout, /4 tests passed/);
    t.notMatch(stdout, 'warning');
  });

  t.test(`config/examples/${name} has what the page promises`, (t) => {
    const text = readFileSync(new URL(`config/examples/${name}`, root), 'utf8');
    const hasFront = name !== 'mcp-keycloak.yaml';

    t.equal(/^ {4}oauthProxy:/m.test(text), hasFront);
    t.match(text, '$schema=../gateway.schema.json');
    t.match(text, /^# At \w+/m, 'what to register where');
    t.end();
  });
}
