import { renameSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { startCountingUpstream } from '../backends/counting-upstream.ts';
import { createKeyServer } from '../tokens/key-server.ts';
import { mint, signingKey } from '../tokens/mint.ts';
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts';

type Tap = Parameters<typeof startGatewayProcess>[0];

const KEY = signingKey('ES256');

/** Workers behind one listener, an issuer and a backend. */
export async function startWorkers(t: Tap, workers = 3, admin = 'port: 0') {
  const issuer = await createKeyServer();
  issuer.publish(KEY);
  const upstream = await startCountingUpstream((_req, res) => res.end('fine'));
  t.teardown(async () => {
    await upstream.close();
    await issuer.close();
  });
  const textOf = (more = '') => `listen: { port: 0 }
admin: { ${admin} }
workers: ${workers}
shutdown: { grace: 5s }
issuers: { corp: { issuer: '${issuer.issuer()}', audiences: [api] } }
upstreams: { backend: { url: '${upstream.url}' } }
routes:
  - { name: a, path: /a, upstream: backend, access: authenticated }
${more}
`;
  const gateway = await startGatewayProcess(t, textOf());
  const now = Math.floor(Date.now() / 1000);
  const token = mint(KEY, { iss: issuer.issuer(), aud: 'api', sub: 's', iat: now, exp: now + 600 });
  // A connection of its own each time, so that every worker gets some.
  const get = async (path: string): Promise<number> => {
    const response = await fetch(`${gateway.url}${path}`, {
      headers: { authorization: `Bearer ${token}`, connection: 'close' },
    });
    await response.text();
    return response.status;
  };
  return { gateway, issuer, textOf, get, write: (text: string) => replace(gateway, text) };
}

function replace({ file }: GatewayProcess, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

/** The sum of a metric over its labels. */
export async function metric(gateway: GatewayProcess, name: string): Promise<number> {
  const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  return text
    .split('\n')
    .filter((line) => line.startsWith(name))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(20);
}

/** Process ids of the workers, by what the kernel knows. */
export async function childrenOf({ child }: GatewayProcess): Promise<number[]> {
  const text = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
  return text.trim().split(' ').filter(Boolean).map(Number);
}
