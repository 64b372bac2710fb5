import t from 'tap';
import { folderWith, sealgate } from '../support/cli/cli.ts';

const ROOT = '/.well-known/oauth-protected-resource';

const FILE = `
listen: { publicUrl: https://api.example.com }
issuers:
  corp: { issuer: https://corp.example, audiences: [https://api.example.com/mcp, https://b.example/mcp] }
upstreams: { app: { url: http://127.0.0.1:1 } }
routes:
  - { name: tools, path: /mcp, upstream: app, access: { scopes: [use] }, resource: { title: Tools } }
  - { name: files, path: /mcp/files, upstream: app, access: authenticated, resource: tools }
  - { name: other, path: /mcp, host: b.example, upstream: app, access: authenticated, resource: true }
  - { name: plain, path: /plain, upstream: app, access: authenticated }
tests:
  - { name: anyone finds the metadata, request: GET ${ROOT}/mcp, expect: allow }
  - { name: also at the root, request: GET ${ROOT}, expect: allow }
  - { name: of another host, request: GET https://b.example${ROOT}/mcp, expect: allow }
  - { name: nobody writes it, request: PUT ${ROOT}/mcp, expect: method_not_allowed }
  - { name: nothing of other routes, request: GET ${ROOT}/plain, expect: route_unknown }
`;

const DOCUMENT = {
  resource: 'https://api.example.com/mcp',
  authorization_servers: ['https://corp.example'],
  scopes_supported: ['use'],
  bearer_methods_supported: ['header'],
  resource_name: 'Tools',
};

t.test('the tests of a file can ask for metadata', async (t) => {
  const path = await folderWith({ 'gw.yaml': FILE }, t);
  const { code, stdout, stderr } = await sealgate(['check', '-c', path('gw.yaml'), '--format', 'json']);
  t.equal(code, 0, stderr);
  const { tests } = JSON.parse(stdout);
  t.equal(tests.length, 5);
  t.ok(
    tests.every(({ ok }: { ok: boolean }) => ok),
    stdout,
  );
});

t.test('explain shows what is served at the place of the metadata, and exits with 0', async (t) => {
  const path = await folderWith({ 'gw.yaml': FILE }, t);
  const words = ['explain', '-c', path('gw.yaml')];
  const json = await sealgate([...words, '--format', 'json', `${ROOT}/mcp`]);
  t.equal(json.code, 0);
  const explained = JSON.parse(json.stdout);
  t.match(explained, { decision: 'allow', code: 'allow', route: null });
  const [match, response] = explained.steps.slice(-2);
  t.match(match, { step: 'match', ok: true, got: 'the metadata of https://api.example.com/mcp' });
  t.equal(response.step, 'response');
  t.strictSame(JSON.parse(response.got), DOCUMENT);

  const text = await sealgate([...words, `${ROOT}/mcp`]);
  t.equal(text.code, 0);
  t.match(text.stdout, JSON.stringify(DOCUMENT));
  const host = await sealgate([...words, '--host', 'b.example', `${ROOT}/mcp`]);
  t.match(host.stdout, /the metadata of https:\/\/b.example\/mcp/);
  t.equal((await sealgate([...words, '--method', 'POST', `${ROOT}/mcp`])).code, 3);
});

t.test('explain shows the resource of a route, and where clients find its metadata', async (t) => {
  const path = await folderWith({ 'gw.yaml': FILE }, t);
  const words = ['explain', '-c', path('gw.yaml'), '--format', 'json'];
  for (const place of ['/mcp', '/mcp/files']) {
    const { code, stdout } = await sealgate([...words, place]);
    t.equal(code, 3);
    const { steps } = JSON.parse(stdout) as { steps: { step: string; got: string }[] };
    const { got } = steps.find(({ step }) => step === 'resource') ?? {};
    t.equal(got, `https://api.example.com/mcp, metadata at https://api.example.com${ROOT}/mcp`);
  }
  const { stdout } = await sealgate([...words, '/plain']);
  t.notMatch(stdout, /"resource"/);
});

t.test('routes shows the resource of each route', async (t) => {
  const path = await folderWith({ 'gw.yaml': FILE }, t);
  const { stdout } = await sealgate(['routes', '-c', path('gw.yaml')]);
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/).slice(-2));
  t.strictSame(rows, [
    ['ROUTE', 'RESOURCE'],
    ['other', 'https://b.example/mcp'],
    ['files', 'https://api.example.com/mcp'],
    ['tools', 'https://api.example.com/mcp'],
    ['plain', '-'],
  ]);
  const json = await sealgate(['routes', '-c', path('gw.yaml'), '--format', 'json']);
  t.strictSame(
    JSON.parse(json.stdout).map(({ resource }: { resource: string | null }) => resource),
    ['https://b.example/mcp', 'https://api.example.com/mcp', 'https://api.example.com/mcp', null],
  );
});
