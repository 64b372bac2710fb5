import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse, parseAllDocuments } from 'yaml';
import { type Resource, validateResource } from './kubernetes-schemas.ts';

const CHART = 'deploy/helm/sealgate';
const read = (path: string): string => readFileSync(`${CHART}/${path}`, 'utf8');
const skip = spawnSync('helm', ['version']).status === 0 ? false : 'helm is not installed';
const VALUES = readdirSync(`${CHART}/ci`);

/** A rendered resource, as far as these tests look into it. */
interface Rendered extends Resource {
  readonly data?: Readonly<Record<string, string>>;
  readonly metadata: Resource['metadata'] & {
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: any kind
  readonly spec?: any;
}

function helm(...args: string[]): {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
} {
  const { status, stdout, stderr } = spawnSync('helm', args, { encoding: 'utf8' });
  return { status, out: stdout, err: stderr };
}

/** What the chart renders for one of the tested sets of values, and more. */
function render(values: string, ...more: string[]): readonly Rendered[] {
  const { status, out, err } = helm(
    'template',
    'edge',
    CHART,
    '-n',
    'gateways',
    '-f',
    `${CHART}/ci/${values}`,
    ...more,
  );
  if (status !== 0) throw new Error(err);
  return parseAllDocuments(out)
    .map((document) => {
      if (document.errors.length > 0) throw new Error(String(document.errors[0]));
      return document.toJS() as Rendered;
    })
    .filter((resource) => resource !== null);
}

function only(resources: readonly Rendered[], kind: string, name?: string): Rendered {
  const found = resources.filter(
    (resource) => resource.kind === kind && (name === undefined || resource.metadata.name === name),
  );
  if (found.length !== 1 || found[0] === undefined)
    throw new Error(`${found.length} of ${kind} ${name ?? ''}`);
  return found[0];
}

for (const values of VALUES) {
  t.test(
    `with ${values} the chart is without a fault, and conforms to the schemas of Kubernetes`,
    { skip },
    async (t) => {
      const { status, out, err } = helm('lint', '--strict', CHART, '-f', `${CHART}/ci/${values}`);
      t.equal(status, 0, `${out}${err}`);
      const resources = render(values);
      for (const resource of resources) {
        const { kind, metadata } = resource;
        t.doesNotThrow(() => validateResource(resource), `${kind} ${metadata.name}`);
        t.ok(metadata.name.startsWith('edge-sealgate'), metadata.name);
        t.ok(metadata.namespace, `${kind} has its namespace`);
        t.equal(metadata.labels?.['app.kubernetes.io/instance'], 'edge', kind);
      }
      const names = resources.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
      t.equal(new Set(names).size, names.length, 'no name twice');

      const { template, selector } = only(resources, 'Deployment').spec;
      t.match(template.metadata.labels, selector.matchLabels);
      const [container] = template.spec.containers;
      t.match(container.securityContext, { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
      t.match(template.spec.securityContext, {
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      const volumes = template.spec.volumes.map(({ name }: { name: string }) => name);
      for (const mount of container.volumeMounts) {
        t.ok(volumes.includes(mount.name), mount.name);
        t.notOk('subPath' in mount, 'a change of the ConfigMap reaches running pods');
      }
      const ports = new Set(container.ports.map(({ name }: { name: string }) => name));
      for (const { kind, metadata, spec } of resources) {
        if (kind !== 'Service') continue;
        t.same(spec.selector, selector.matchLabels, metadata.name);
        for (const { targetPort } of spec.ports) t.ok(ports.has(targetPort), targetPort);
      }
    },
  );
}

t.test('the tested values turn on every kind of resource that the chart has', { skip }, async (t) => {
  const kinds = new Set(VALUES.flatMap((values) => render(values).map(({ kind }) => kind)));
  const templates = readdirSync(`${CHART}/templates`, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.yaml'),
  );
  const written = new Set(
    templates.flatMap((file) =>
      [...read(`templates/${file}`).matchAll(/^kind: (\w+)$/gm)].map(([, kind]) => kind ?? ''),
    ),
  );
  t.same([...kinds].sort(), [...written].sort());
});

t.test(
  'the Deployment leaves the number of pods to the autoscaler, where there is one',
  { skip },
  async (t) => {
    t.equal(only(render('config-values.yaml'), 'Deployment').spec.replicas, 2);
    t.equal(only(render('minimal-values.yaml'), 'Deployment').spec.replicas, 1);
    t.equal(only(render('config-values.yaml', '--set', 'replicaCount=0'), 'Deployment').spec.replicas, 0);
    const scaled = render('everything-values.yaml');
    t.notOk('replicas' in only(scaled, 'Deployment').spec);
    t.equal(
      only(scaled, 'HorizontalPodAutoscaler').spec.scaleTargetRef.name,
      only(scaled, 'Deployment').metadata.name,
    );
  },
);

for (const values of ['config-values.yaml', 'everything-values.yaml']) {
  t.test(`with ${values} the gateway accepts the file and the arguments`, { skip }, async (t) => {
    const resources = render(values);
    const folder = t.testdir();
    const { data = {} } = only(resources, 'ConfigMap', 'edge-sealgate');
    for (const [name, text] of Object.entries(data)) writeFileSync(join(folder, name), text);
    mkdirSync(join(folder, 'state'));
    const file = join(folder, 'gateway.yaml');
    writeFileSync(file, (data['gateway.yaml'] ?? '').replace('/var/lib/sealgate', join(folder, 'state')));
    const run = (...args: string[]) =>
      spawnSync(process.execPath, ['dist/main.js', ...args], { encoding: 'utf8' });
    const checked = run('check', '-c', file);
    t.equal(checked.status, 0, checked.stdout + checked.stderr);
    t.match(checked.stdout, 'valid');

    const { args } = only(resources, 'Deployment').spec.template.spec.containers[0];
    t.equal(args[2], '/etc/sealgate/gateway.yaml');
    // Without the file it ends after it has read its arguments: 2 would be an unknown one.
    const started = run(...args.map((arg: string) => (arg === args[2] ? join(folder, 'none.yaml') : arg)));
    t.equal(started.status, 1, started.stderr);
    t.match(started.stderr, 'none.yaml');
  });
}

t.test('the file arrives as it was written', { skip }, async (t) => {
  const { configFile, extraConfigFiles } = parse(read('ci/everything-values.yaml'));
  const { data } = only(render('everything-values.yaml'), 'ConfigMap', 'edge-sealgate');
  t.same(data, { 'gateway.yaml': configFile, ...extraConfigFiles });
  const text =
    '  # indented\nlisten: { port: 1 }\nshutdown: { delay: 1s, grace: 2s }\n# ${VARIABLE} {{ .Values }}\n';
  const file = join(t.testdir({ 'gateway.yaml': text }), 'gateway.yaml');
  const resources = render('everything-values.yaml', '--set-file', `configFile=${file}`);
  t.equal(only(resources, 'ConfigMap', 'edge-sealgate').data?.['gateway.yaml'], text);
});

t.test('a pod may drain as long as the file allows', { skip }, async (t) => {
  for (const [values, seconds, ...more] of [
    ['config-values.yaml', 50],
    ['config-values.yaml', 40 + 7200 + 10, '--set', 'config.shutdown.delay=40s,config.shutdown.grace=2h'],
    ['everything-values.yaml', 2 + 60 + 10],
    ['existing-values.yaml', 75],
    ['minimal-values.yaml', 60],
    ['config-values.yaml', 0, '--set', 'terminationGracePeriodSeconds=0'],
  ] as const) {
    const { spec } = only(render(values, ...more), 'Deployment').spec.template;
    t.equal(spec.terminationGracePeriodSeconds, seconds, `${values} ${more.join(' ')}`);
  }
});

t.test('a changed file restarts pods only if the values ask for it', { skip }, async (t) => {
  const template = (...more: string[]) =>
    only(render('config-values.yaml', ...more), 'Deployment').spec.template;
  const changed = ['--set', 'config.log.level=debug'];
  t.same(template(...changed), template());
  const rollout = ['--set', 'reload=rollout'];
  t.not(
    template(...rollout, ...changed).metadata.annotations['checksum/config'],
    template(...rollout).metadata.annotations['checksum/config'],
  );
});

t.test('what others made is used, and nothing is made in its place', { skip }, async (t) => {
  const resources = render('existing-values.yaml');
  t.notOk(resources.some(({ kind }) => kind === 'ConfigMap' || kind === 'Secret'));
  const { volumes, containers } = only(resources, 'Deployment').spec.template.spec;
  t.match(volumes, [
    { configMap: { name: 'gateway-file' } },
    { secret: { secretName: 'gateway-secrets' } },
    { name: 'tmp' },
    { persistentVolumeClaim: { claimName: 'gateway-state' } },
  ]);
  t.equal(containers[0].args[2], '/etc/sealgate/edge.yaml');
  const [config] = only(render('minimal-values.yaml'), 'Deployment').spec.template.spec.volumes;
  t.match(config, { name: 'config', secret: { secretName: 'gateway-file' } });
});

t.test('Prometheus finds the pods under the job that the alerts name', { skip }, async (t) => {
  const resources = render('everything-values.yaml', '--set', 'nameOverride=guard');
  const rule = only(resources, 'PrometheusRule');
  t.equal(rule.metadata.namespace, 'monitoring');
  const alerts = parse(
    readFileSync('deploy/prometheus/alerts.yaml', 'utf8').replaceAll('job="sealgate"', 'job="guard"'),
  );
  t.same(rule.spec.groups, alerts.groups);
  const { spec } = only(resources, 'ServiceMonitor');
  const admin = only(resources, 'Service', 'edge-guard-admin');
  t.match(admin.metadata.labels, spec.selector.matchLabels);
  t.equal(admin.metadata.labels?.[spec.jobLabel], 'guard');
  t.equal(spec.endpoints[0].port, admin.spec.ports[0].name);
  const others = resources.filter(
    ({ kind, metadata }) => kind === 'Service' && metadata.name !== admin.metadata.name,
  );
  for (const { metadata } of others) t.notMatch(metadata.labels, spec.selector.matchLabels);
  const { spec: podMonitor } = only(render('existing-values.yaml'), 'PodMonitor');
  const pod = only(render('existing-values.yaml'), 'Deployment').spec.template;
  t.match(pod.metadata.labels, podMonitor.selector.matchLabels);
});

t.test('the names of the resources stay within 63 characters', { skip }, async (t) => {
  const resources = render('everything-values.yaml', '--set', `fullnameOverride=${'n'.repeat(70)}`);
  for (const { kind, metadata } of resources) t.ok(metadata.name.length <= 63, `${kind} ${metadata.name}`);
});

/** Values, and what the refusal states. */
const REFUSED: readonly (readonly [string, RegExp])[] = [
  ['replicas=3', /'replicas' not allowed/],
  ['replicaCount=two', /replicaCount/],
  ['ports.http=80', /ports\/http/],
  ['ports.http=99999', /ports\/http/],
  ['image.pullPolicy=Sometimes', /pullPolicy/],
  ['image.repository=', /image\/repository/],
  ['image.digest=sha256:12', /image\/digest/],
  ['reload=never', /reload/],
  ['config=text', /config/],
  ['configKey=a/b', /configKey/],
  ['service.type=ExternalName', /service\/type/],
  ['ingress.enabled=yes', /ingress\/enabled/],
  ['ingress.hosts[0].paths[0].path=orders', /path/],
  ['autoscaling.minReplicas=0', /minReplicas/],
  ['metrics.serviceMonitor.enable=true', /'enable' not allowed/],
  ['podDisruptionBudget.maxUnavailable=some', /maxUnavailable/],
  ['state.mountPath=state', /mountPath/],
  ['resources.request.cpu=1', /'request' not allowed/],
  // What a schema cannot express.
  ['config.routes=null', /the gateway has no file: set config/],
  ['existingConfigMap=other', /several are set: config, existingConfigMap/],
  ['config.shutdown.grace=soon', /cannot read: set terminationGracePeriodSeconds/],
  ['metrics.serviceMonitor.enabled=true,metrics.podMonitor.enabled=true', /every pod counts twice/],
  ['ingress.enabled=true', /ingress\.hosts is empty/],
  ['httpRoute.enabled=true', /httpRoute\.parentRefs is empty/],
  ['autoscaling.enabled=true,autoscaling.minReplicas=11', /minReplicas is more than maxReplicas/],
  ['autoscaling.enabled=true,autoscaling.targetCPUUtilizationPercentage=null', /autoscaling needs a target/],
  ['secrets.existingSecret=a,secrets.values.b=c', /set existingSecret or values, not both/],
];

t.test('wrong values are refused, with the reason', { skip }, async (t) => {
  for (const [set, reason] of REFUSED) {
    const { status, err } = helm(
      'template',
      'edge',
      CHART,
      '-f',
      `${CHART}/ci/config-values.yaml`,
      '--set',
      set,
    );
    t.not(status, 0, set);
    t.match(err, reason, set);
  }
});

t.test('the schema has the values of values.yaml, and no others', async (t) => {
  const { properties } = JSON.parse(read('values.schema.json'));
  t.same(differences(parse(read('values.yaml')), { ...properties, global: undefined }, ''), []);
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
}

function differences(
  values: Readonly<Record<string, unknown>>,
  schemas: Readonly<Record<string, Schema | undefined>>,
  prefix: string,
): readonly string[] {
  const missing = Object.keys(values).filter((name) => schemas[name] === undefined);
  return [
    ...missing.map((name) => `${prefix}${name} is not in the schema`),
    ...Object.entries(schemas).flatMap(([name, schema]) => {
      if (schema === undefined) return [];
      if (!(name in values)) return prefix === 'resources.' ? [] : [`${prefix}${name} is not in values.yaml`];
      const value = values[name];
      return schema.properties === undefined || typeof value !== 'object' || value === null
        ? []
        : differences(value as Record<string, unknown>, schema.properties, `${prefix}${name}.`);
    }),
  ];
}

t.test('chart, kustomization and package are of one version', async (t) => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  const chart = parse(read('Chart.yaml'));
  t.equal(chart.appVersion, version);
  t.equal(parse(readFileSync('deploy/kubernetes/kustomization.yaml', 'utf8')).images[0].newTag, version);
});
