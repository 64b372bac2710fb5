import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { createGateway } from '../../src/gateway/gateway.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { hasOpenssl, makeAuthority } from '../support/tls/certificates.ts';

const folder = resolve(import.meta.dirname, '../../config/examples');
const skip = hasOpenssl() ? false : 'openssl is not installed';
const NEEDS_CERTIFICATES = new Set(['tls.yaml', 'client-certificates.yaml']);
/** Not the example of the file format as a whole, and not those of MCP servers: they name providers that are not here. */
const isStarted = (name: string) => name !== 'contract.yaml' && !name.startsWith('mcp-');

for (const name of readdirSync(folder).filter((file) => file.endsWith('.yaml') && isStarted(file))) {
  t.test(
    `config/examples/${name} starts as it is`,
    { skip: NEEDS_CERTIFICATES.has(name) && skip },
    async (t) => {
      const authority = NEEDS_CERTIFICATES.has(name) ? makeAuthority('example-ca') : undefined;
      const own = authority?.issue('localhost');
      const file = `${t.testdir({
        [name]: readFileSync(resolve(folder, name)),
        'tls.crt': own?.cert ?? '',
        'tls.key': own?.key ?? '',
        'ca.pem': authority?.cert ?? '',
      })}/${name}`;
      const { config, problems, ...loaded } = loadConfig({ file, env: { SEALGATE_PORT: '0' } });
      t.strictSame(problems, []);
      if (config === undefined) return;
      const onFreePort = { ...config, admin: { ...config.admin, port: 0 } };
      const { gateway, problems: found } = await createGateway({
        loaded: { ...loaded, config: onFreePort, problems },
        config: onFreePort,
        log: createLogger('silent', { write: () => undefined }),
      });
      t.strictSame(found, []);
      const addresses = await gateway?.listen();
      t.match(addresses?.url, NEEDS_CERTIFICATES.has(name) ? /^https:/ : /^http:/);
      t.equal(await gateway?.drain(), 'clean');
    },
  );
}
