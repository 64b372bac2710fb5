import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { Pool } from 'undici';
import { startCountingUpstream } from '../support/counting-upstream.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';

const CONFIG = 'deploy/haproxy/haproxy.cfg';
const skip = spawnSync('haproxy', ['-v']).status === 0 ? false : 'haproxy is not installed';

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(
    servers.map(async (server) => {
      server.close();
      await once(server, 'close');
    }),
  );
  return ports;
}

t.test(
  'three gateways behind HAProxy are replaced one by one, and no request fails',
  { skip, timeout: 60_000 },
  async (t) => {
    const upstream = await startCountingUpstream((_req, res) => res.end('fine'));
    t.teardown(() => upstream.close());
    const [front = 0, ...ports] = await freePorts(7);
    const fileOf = (index: number) => `listen: { port: ${ports[2 * index]} }
admin: { port: ${ports[2 * index + 1]} }
shutdown: { delay: 800ms, grace: 5s }
upstreams: { backend: { url: '${upstream.url}' } }
routes: [{ name: all, path: /, upstream: backend, access: public }]
`;
    const gateways: GatewayProcess[] = await Promise.all(
      [0, 1, 2].map((index) => startGatewayProcess(t, fileOf(index))),
    );

    const env: Record<string, string> = { FRONT: `127.0.0.1:${front}` };
    for (const index of [0, 1, 2]) {
      env[`GATEWAY_${index + 1}`] = `127.0.0.1:${ports[2 * index]}`;
      env[`ADMIN_${index + 1}_HOST`] = '127.0.0.1';
      env[`ADMIN_${index + 1}_PORT`] = String(ports[2 * index + 1]);
    }
    const haproxy = spawn('haproxy', ['-db', '-f', CONFIG], {
      env: { ...process.env, ...env },
      stdio: 'ignore',
    });
    const ended = once(haproxy, 'exit');
    t.teardown(async () => {
      haproxy.kill('SIGKILL');
      await ended;
    });

    const clients = new Pool(`http://127.0.0.1:${front}`, { connections: 4 });
    t.teardown(() => clients.destroy());
    const ask = async (): Promise<number> => {
      const { statusCode, body } = await clients.request({ method: 'GET', path: '/' });
      await body.dump();
      return statusCode;
    };
    // HAProxy itself needs a moment until it listens.
    for (let tries = 0; tries < 200 && (await ask().catch(() => 0)) !== 200; tries += 1) await delay(25);

    let running = true;
    let requests = 0;
    const failures: unknown[] = [];
    const asking = Array.from({ length: 4 }, async () => {
      while (running) {
        const status = await ask().catch((error: unknown) => error);
        requests += 1;
        if (status !== 200) failures.push(status);
      }
    });

    for (const [index, gateway] of gateways.entries()) {
      gateway.child.kill('SIGTERM');
      t.same(await gateway.ended, [0, null], `gateway ${index + 1} ended cleanly`);
      gateways[index] = await startGatewayProcess(t, fileOf(index));
      // HAProxy sends it traffic again: the rollout goes on only then, as an orchestrator's does.
      await gateways[index]?.line('request');
    }
    running = false;
    await Promise.all(asking);
    t.same(failures, [], `${requests} requests`);
    t.ok(requests > 100, `${requests} requests`);
  },
);
