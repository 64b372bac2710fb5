import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { freePorts } from '../../support/backends/ports.ts';
import { builtGateway } from '../../support/gateway/built-gateway.ts';
import { type LiveGateway, liveText, startLiveGateway } from '../../support/gateway/live-gateway.ts';
import { type Cluster, type Stored, startCluster } from './cluster.ts';
import { type DocumentedCommand, readCommands } from './runbook.ts';
import { type SpdyStream, serveSpdy } from './spdy.ts';

const skip = spawnSync('kubectl', ['version', '--client']).status === 0 ? false : 'kubectl is not installed';
const commands = readCommands('docs/operations.md').filter(({ program }) => program === 'kubectl');
const setUp = commands.filter(({ section }) => section === 'In Kubernetes');
const rest = commands.filter(({ section }) => section !== 'In Kubernetes');

/** The output that the page promises, and the exit code if it is not 0. */
const RESPONSES: readonly (readonly [RegExp, RegExp, number?])[] = [
  [/^kubectl kustomize/, /kind: HorizontalPodAutoscaler/],
  [/get pods/, /^sealgate-2-a /m],
  [/--prefix/, /^\[pod\/sealgate-2-a\/sealgate\] \{.*"msg":"listening"/m],
  [/jq -cR/, /^\{.*"level":"error"/m],
  [/--previous/, /the pod before/],
  [/ exec /, /gateway\.yaml: valid/],
  [/ patch hpa/, /horizontalpodautoscaler.autoscaling\/sealgate patched/],
  [/ diff /, /^[+-] +grace: /m, 1],
  [/ apply /, /^deployment.apps\/sealgate (created|unchanged|configured)$/m],
  [/rollout status/, /deployment "sealgate" successfully rolled out/],
  [/rollout history/, /^1 +.*\n2 /m],
  [/rollout undo/, /deployment.apps\/sealgate rolled back/],
];

t.test(
  'every kubectl command of the runbook makes the documented API requests',
  { skip, timeout: 60_000 },
  async (t) => {
    const live = await startLiveGateway(t, liveText());
    live.write('listen: nothing');
    await live.nextLine('configuration refused; the one before stays active');
    const cluster = await startCluster(t, {
      settle: settled,
      log: (_pod, query) =>
        query.get('previous') === 'true'
          ? 'the pod before\n'
          : live.lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
      stream: (_pod, action, query, socket, head) =>
        action === 'exec' ? execute(query, socket, head) : forward(live, socket, head),
    });
    const folder = mkdtempSync(join(tmpdir(), 'sealgate-kube-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const env = { ...process.env, HOME: folder, KUBECONFIG: join(folder, 'config') };
    writeFileSync(env.KUBECONFIG, kubeconfig(cluster.url));

    const run = async ({ where, text }: DocumentedCommand): Promise<void> => {
      const [, response, code = 0] = RESPONSES.find(([pattern]) => pattern.test(text)) ?? [];
      if (response === undefined) return void t.fail(`no expected output for ${where} ${text}`);
      const { status, stdout, stderr } = await finish('bash', ['-o', 'pipefail', '-c', text], env);
      t.equal(status, code, `${where} ${text}`, { stdout, stderr });
      t.match(stdout, response, where, { stderr });
    };

    for (const command of setUp) await run(command);
    t.same(cluster.changes.toSorted(), [
      'POST configmaps/',
      'POST deployments/',
      'POST horizontalpodautoscalers/',
      'POST namespaces/',
      'POST networkpolicies/',
      'POST poddisruptionbudgets/',
      'POST serviceaccounts/',
      'POST services/',
    ]);
    populate(cluster);
    for (const command of rest) {
      if (command.text.includes('port-forward')) await portForward(t, command, env);
      else {
        // A change to apply: the cluster has an older file.
        if (command.text.includes(' diff ')) age(cluster);
        await run(command);
      }
    }
    t.equal(
      cluster.get('configmaps', 'sealgate')?.data?.['gateway.yaml'],
      readFileSync('deploy/kubernetes/gateway.yaml', 'utf8'),
    );
    t.match(cluster.get('deployments', 'sealgate')?.spec, {
      template: { spec: { containers: [{ image: 'sealgate:0.0.9' }] } },
    });
    t.match(
      cluster.get('horizontalpodautoscalers', 'sealgate')?.spec,
      { minReplicas: 3 },
      'the base is active again',
    );
    t.ok(cluster.changes.includes('PATCH horizontalpodautoscalers/sealgate'));
  },
);

function kubeconfig(server: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'here', cluster: { server } }],
    contexts: [{ name: 'here', context: { cluster: 'here', user: 'me' } }],
    users: [{ name: 'me', user: {} }],
    'current-context': 'here',
  });
}

/** A Deployment is rolled out as soon as it exists. */
function settled(object: Stored): Stored {
  if (object.kind !== 'Deployment') return object;
  const replicas = Number(object.spec?.replicas ?? 1);
  const counts = {
    replicas,
    updatedReplicas: replicas,
    readyReplicas: replicas,
    availableReplicas: replicas,
  };
  return { ...object, status: { observedGeneration: object.metadata.generation, ...counts } };
}

/** What controllers create for the Deployment: two revisions, and a pod of the current one. */
function populate(cluster: Cluster): void {
  const deployment = cluster.get('deployments', 'sealgate') as Stored;
  const { selector, template } = deployment.spec as {
    selector: object;
    template: { spec: { containers: object[] } };
  };
  const labels = { 'app.kubernetes.io/name': 'sealgate' };
  for (const [revision, image] of [
    ['1', 'sealgate:0.0.9'],
    ['2', 'sealgate:0.2.0'],
  ] as const) {
    const [container] = template.spec.containers;
    const pod = { ...template.spec, containers: [{ ...container, image }] };
    cluster.put('replicasets', {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `sealgate-${revision}`,
        namespace: 'sealgate',
        labels,
        annotations: { 'deployment.kubernetes.io/revision': revision },
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'Deployment',
            name: 'sealgate',
            uid: deployment.metadata.uid,
            controller: true,
          },
        ],
      },
      spec: { replicas: revision === '2' ? 1 : 0, selector, template: { ...template, spec: pod } },
    });
  }
  cluster.put('pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'sealgate-2-a', namespace: 'sealgate', labels },
    spec: template.spec,
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  });
}

function age(cluster: Cluster): void {
  const map = cluster.get('configmaps', 'sealgate') as Stored;
  const text = String(map.data?.['gateway.yaml']).replace('grace: 30s', 'grace: 20s');
  cluster.put('configmaps', { ...map, data: { 'gateway.yaml': text } });
}

/** Runs the command of `kubectl exec`, with the file that the pod would have. */
function execute(query: URLSearchParams, socket: Socket, head: Buffer): void {
  const [, ...words] = query.getAll('command');
  const args = words.map((word) =>
    word === '/etc/sealgate/gateway.yaml' ? 'deploy/kubernetes/gateway.yaml' : word,
  );
  const streams: SpdyStream[] = [];
  const onStream = (stream: SpdyStream): void => {
    // In this order: exit status, standard output, standard error.
    if (streams.push(stream) < 3) return;
    const [end, stdout, stderr] = streams;
    const child = spawn(process.execPath, [builtGateway(), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (data: Buffer) => stdout?.write(data));
    child.stderr.on('data', (data: Buffer) => stderr?.write(data));
    child.once('close', (code) => {
      const causes = [{ reason: 'ExitCode', message: String(code) }];
      const failed = { metadata: {}, status: 'Failure', reason: 'NonZeroExitCode', details: { causes } };
      end?.write(Buffer.from(JSON.stringify(code === 0 ? { metadata: {}, status: 'Success' } : failed)));
      for (const one of streams) one.end();
    });
  };
  serveSpdy(socket, { onStream, onResponseData: () => {}, onEnd: () => {} }, head);
}

/** Joins each second stream, which carries data, with the admin listener; the others are for errors. */
function forward(live: LiveGateway, socket: Socket, head: Buffer): void {
  const targets = new Map<SpdyStream, Socket>();
  const onStream = (stream: SpdyStream): void => {
    if (stream.nth % 2 === 0) return;
    const target = connect(Number(new URL(live.adminUrl).port), '127.0.0.1');
    targets.set(stream, target);
    target
      .on('data', (data) => stream.write(data))
      .on('end', () => stream.end())
      .on('error', () => stream.end());
    socket.once('close', () => target.destroy());
  };
  serveSpdy(
    socket,
    {
      onStream,
      onResponseData: (stream, data) => targets.get(stream)?.write(data),
      onEnd: (stream) => targets.get(stream)?.end(),
    },
    head,
  );
}

async function portForward(
  t: Test,
  { where, text }: DocumentedCommand,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const [local = 0] = await freePorts(1);
  const child = spawn('bash', ['-c', `exec ${text.replace(/ 9090$/, ` ${local}:9090`)}`], {
    env,
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  const ask = () => fetch(`http://127.0.0.1:${local}/status`).catch(() => undefined);
  let response = await ask();
  while (response === undefined && child.exitCode === null) {
    await delay(20);
    response = await ask();
  }
  t.match(await response?.json(), { status: 'ready' }, `${where} ${text}`);
  child.kill('SIGKILL');
  await ended;
}

interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** This process serves requests meanwhile, so it must not block as `spawnSync` does. */
async function finish(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Finished> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      output[name] += chunk;
    });
  }
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, ...output };
}
