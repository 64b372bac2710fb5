/**
 * A provider, a backend and files for a gateway, as a process of its own: `node --import tsx machine-peers.ts`. Writes
 * `gateway.yaml`, a better one, a broken one and a token into the folder where it runs, and stays until it is killed.
 */
import { writeFileSync } from 'node:fs';
import { startCountingUpstream } from '../../support/backends/counting-upstream.ts';
import { createKeyServer } from '../../support/tokens/key-server.ts';
import { mint, signingKey } from '../../support/tokens/mint.ts';

const key = signingKey('ES256');
const provider = await createKeyServer();
provider.publish(key);
const backend = await startCountingUpstream();

/** `corp` works; `partner` and the backend of `/gone` are down for good. */
const gatewayFile = (more = ''): string => `readiness: { wait: 1s, require: [corp] }
defaults: { issuers: [corp] }
issuers:
  corp: { issuer: '${provider.issuer()}', audiences: ['\${AUDIENCE}'] }
  partner: { issuer: 'http://127.0.0.1:1', audiences: [api] }
upstreams:
  orders: { url: '${backend.url}' }
  gone: { url: 'http://127.0.0.1:1' }
routes:
  - { name: orders, path: /orders, upstream: orders, access: authenticated }
  - { name: gone, path: /gone, upstream: gone, access: authenticated }
${more}`;

const now = Math.floor(Date.now() / 1000);
const claims = { iss: provider.issuer(), aud: 'api', sub: 'alice', iat: now, exp: now + 600 };
writeFileSync(
  'gateway.new.yaml',
  gatewayFile('  - { name: status, path: /status, upstream: orders, access: public }\n'),
);
writeFileSync(
  'gateway.bad.yaml',
  gatewayFile('  - { name: broken, path: /broken, upstream: nobody, access: public }\n'),
);
writeFileSync('environment', 'AUDIENCE=api\n');
writeFileSync('token.txt', mint(key, claims));
// The last one: once it exists, so do the others.
writeFileSync('gateway.yaml', gatewayFile());
