import { once } from 'node:events';
import { startBackend } from './backend.ts';
import { startPage } from './page.ts';
import { startProvider } from './provider/provider.ts';

/*
 * One part of the demo as a separate process, for docker-compose.yml:
 *   serve.ts provider    port 4000; DEMO_ISSUER is its address from outside
 *   serve.ts backend     port 3000
 *   serve.ts page        port 5000
 */
const host = '0.0.0.0';
const issuer = process.env.DEMO_ISSUER ?? 'http://localhost:4000';
const parts = {
  provider: () => startProvider({ host, port: 4000, issuer }),
  backend: () => startBackend({ host, port: 3000, log: console.log }),
  page: () => startPage({ host, port: 5000, issuer }),
};

const name = process.argv[2] ?? '';
if (!Object.hasOwn(parts, name)) throw new Error(`expected one of ${Object.keys(parts).join(', ')}`);
const part = await parts[name as keyof typeof parts]();
console.log(`${name} is ready`);

await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
await part.close();
