import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const promtool = { skip: has('promtool') ? false : 'promtool is not installed' };
const systemd = { skip: has('systemd-analyze') ? false : 'systemd-analyze is not installed' };

const RULES = 'deploy/prometheus/alerts.yaml';
const { rules } = parse(readFileSync(RULES, 'utf8')).groups[0] as {
  rules: { alert: string; expr: string; annotations: { runbook: string } }[];
};

t.test('promtool accepts the alert rules', promtool, async (t) => {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', RULES], { encoding: 'utf8' });
  t.equal(status, 0, stderr);
  t.match(stdout, '17 rules found');
});

t.test('the alerts fire when they should and not before', promtool, async (t) => {
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'alerts.test.yaml'], {
    cwd: 'deploy/prometheus',
    encoding: 'utf8',
  });
  t.equal(status, 0, `${stdout}${stderr}`);
  const tested = readFileSync('deploy/prometheus/alerts.test.yaml', 'utf8');
  for (const { alert } of rules) t.match(tested, `alertname: ${alert}`, `${alert} has a test`);
});

t.test('every alert has a section in the runbook', async (t) => {
  const runbook = readFileSync('docs/operations.md', 'utf8');
  for (const { alert, annotations } of rules) {
    t.equal(annotations.runbook, `docs/operations.md#${alert.toLowerCase()}`);
    t.match(runbook, `### ${alert}\n`, alert);
  }
});

t.test('Grafana can import the dashboard', async (t) => {
  const { title, panels, templating } = JSON.parse(readFileSync('deploy/grafana/dashboard.json', 'utf8'));
  t.equal(title, 'Sealgate');
  t.ok(panels.length > 15);
  t.equal(new Set(panels.map(({ id }: { id: number }) => id)).size, panels.length, 'ids are unique');
  t.match(templating.list, [
    { name: 'datasource' },
    { name: 'job' },
    { name: 'instance' },
    { name: 'route' },
  ]);
});

t.test('systemd accepts the unit', systemd, async (t) => {
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', 'deploy/systemd/sealgate.service'], {
    encoding: 'utf8',
  });
  t.equal(status, 0, stderr);
  t.equal(stderr, '');
});

t.test('no core dump where the deployment can choose', async (t) => {
  t.match(readFileSync('deploy/systemd/sealgate.service', 'utf8'), /^LimitCORE=0$/m);
  const { services } = parse(readFileSync('docker-compose.yml', 'utf8'));
  t.equal(services.gateway.ulimits.core, 0);
  t.equal(services.gateway.read_only, true);
  const [container] = parse(readFileSync('deploy/kubernetes/deployment.yaml', 'utf8')).spec.template.spec
    .containers;
  t.equal(container.securityContext.readOnlyRootFilesystem, true);
});
