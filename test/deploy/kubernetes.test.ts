import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { type Resource, validateResource } from './kubernetes-schemas.ts';

const FOLDER = 'deploy/kubernetes';
function readResources(text: string): Resource[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Resource);
}

const files = readdirSync(FOLDER).filter((file) => !['kustomization.yaml', 'gateway.yaml'].includes(file));

for (const file of files) {
  t.test(`${file} conforms to the schemas of Kubernetes`, async (t) => {
    for (const resource of readResources(readFileSync(`${FOLDER}/${file}`, 'utf8'))) {
      t.doesNotThrow(() => validateResource(resource), `${resource.kind} ${resource.metadata.name}`);
    }
  });
}

t.test('the check detects a wrong field', async (t) => {
  const deployment = parse(readFileSync(`${FOLDER}/deployment.yaml`, 'utf8'));
  deployment.spec.template.spec.containers[0].ports[0].containerPort = 'eighty';
  t.throws(() => validateResource(deployment));
  t.throws(() => validateResource({ ...deployment, spec: { replicas: 1 } }));
});

t.test('kustomize lists every file, and only these', async (t) => {
  const { resources } = parse(readFileSync(`${FOLDER}/kustomization.yaml`, 'utf8'));
  t.same([...resources].sort(), [...files].sort());
});

t.test('the Deployment leaves the number of pods to its autoscaler', async (t) => {
  const { spec } = parse(readFileSync(`${FOLDER}/deployment.yaml`, 'utf8'));
  const { scaleTargetRef } = parse(readFileSync(`${FOLDER}/autoscaler.yaml`, 'utf8')).spec;
  t.match(scaleTargetRef, { kind: 'Deployment', name: 'sealgate' });
  t.notOk('replicas' in spec);
});

t.test('the file in the ConfigMap is valid and matches the manifests', async (t) => {
  const { config, problems } = loadConfig({ file: `${FOLDER}/gateway.yaml` });
  t.same(problems, []);
  const pod = parse(readFileSync(`${FOLDER}/deployment.yaml`, 'utf8')).spec.template.spec;
  const ports = Object.fromEntries(
    pod.containers[0].ports.map((port: { name: string; containerPort: number }) => [
      port.name,
      port.containerPort,
    ]),
  );
  t.same(ports, { http: config?.listen.port, admin: config?.admin.port });
  const needed = ((config?.shutdown.delay ?? 0) + (config?.shutdown.grace ?? 0)) / 1000;
  t.ok(pod.terminationGracePeriodSeconds > needed, 'the pod is not killed while it drains');
  t.notOk(
    pod.containers[0].volumeMounts.some((mount: object) => 'subPath' in mount),
    'a change of the ConfigMap reaches running pods',
  );
});

const skip = spawnSync('kubectl', ['version', '--client']).status === 0 ? false : 'kubectl is not installed';
t.test('kustomize builds it', { skip }, async (t) => {
  const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', FOLDER], { encoding: 'utf8' });
  t.equal(status, 0, stderr);
  const resources = readResources(stdout);
  for (const resource of resources) t.doesNotThrow(() => validateResource(resource), resource.kind);
  const kinds = resources.map(({ kind }) => kind);
  for (const kind of [
    'ConfigMap',
    'Deployment',
    'HorizontalPodAutoscaler',
    'NetworkPolicy',
    'PodDisruptionBudget',
  ]) {
    t.ok(kinds.includes(kind), kind);
  }
});
