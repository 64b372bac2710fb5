import { writeFileSync } from 'node:fs';
import t from 'tap';
import { folderWith, sealgate } from '../../support/cli/cli.ts';
import { startGatewayProcess } from '../../support/gateway/gateway-process.ts';

/** The route requires `scopes`; the file's own tests expect `orders:read`. */
const text = (scopes: string, workers = 1) => `listen: { port: 0 }
admin: { port: 0 }
workers: ${workers}
issuers: { corp: { issuer: 'http://127.0.0.1:1', audiences: [api], algorithms: [ES256] } }
upstreams: { backend: { url: 'http://127.0.0.1:1' } }
routes:
  - { name: orders, path: /orders, upstream: backend, access: { scopes: ${scopes} } }
  - { name: teapot, path: /teapot, methods: [${scopes.includes('read') ? 'GET' : 'GET, HEAD'}], upstream: backend, access: public }
tests:
  - { name: a reader reads, token: { issuer: corp, scopes: ['orders:read'] }, request: GET /orders, expect: allow }
  - { name: nobody else, token: { issuer: corp }, request: GET /orders, expect: insufficient_scope }
`;
const GOOD = text("['orders:read']");
const FAILING = text("['orders:write']");

t.test('a gateway does not start with a file that fails its own tests', async (t) => {
  const path = await folderWith({ 'gateway.yaml': FAILING }, t);
  for (const command of ['check', 'start']) {
    const { code, stdout, stderr } = await sealgate([command, '-c', path('gateway.yaml')]);
    t.equal(code, 1);
    t.match(`${stdout}${stderr}`, 'a reader reads');
    t.notMatch(`${stdout}${stderr}`, 'nobody else" fails');
    if (command === 'start') {
      t.match(stderr, /gateway\.yaml:10:5: error: tests\[0\]: the file's own test "a reader reads" fails/);
      t.match(stderr, 'not started: 1 error in the configuration');
    }
  }
});

for (const workers of [1, 2]) {
  t.test(`a reload refuses what fails its own tests, with ${workers} serving`, async (t) => {
    const gateway = await startGatewayProcess(t, text("['orders:read']", workers));
    const statusOfHead = async () => (await fetch(`${gateway.url}/teapot`, { method: 'HEAD' })).status;
    t.equal(await statusOfHead(), 405);
    writeFileSync(gateway.file, text("['orders:write']", workers));
    gateway.child.kill('SIGHUP');
    const refused = await gateway.line('configuration refused; the one before stays active');
    t.match(refused, { problems: [/:10:5: error: tests\[0\]: the file's own test "a reader reads" fails/] });
    t.equal(await statusOfHead(), 405, 'nothing of it has taken effect');
    t.match(await (await fetch(`${gateway.adminUrl}/status`)).json(), { config: { current: false } });

    const fixed = text("['orders:write']", workers).replace('allow }', 'insufficient_scope }');
    writeFileSync(gateway.file, fixed);
    gateway.child.kill('SIGHUP');
    await gateway.line('configuration applied');
    t.equal(await statusOfHead(), 502, 'it has taken effect');
  });
}

t.test('a file that passes its tests starts', async (t) => {
  const gateway = await startGatewayProcess(t, GOOD);
  t.equal((await fetch(`${gateway.adminUrl}/live`)).status, 200);
});
