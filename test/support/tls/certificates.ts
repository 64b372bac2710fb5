import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate authority of a test's own, and a certificate of it. */
export interface Certificates {
  /** Where `ca.pem` is. */
  readonly folder: string;
  readonly ca: string;
  readonly key: string;
  readonly cert: string;
}

/** Makes an authority and a certificate for the given names with openssl; undefined where that is not installed. */
export function makeCertificates(names = 'DNS:localhost,IP:127.0.0.1'): Certificates | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-'));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  try {
    openssl('version');
  } catch {
    return undefined;
  }
  openssl(
    'req',
    '-x509',
    ...curve,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=test authority',
    '-days',
    '2',
  );
  openssl('req', ...curve, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=server');
  writeFileSync(join(folder, 'names.cnf'), `subjectAltName=${names}`);
  const signed = [
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'names.cnf',
  ];
  openssl('x509', '-req', '-in', 'server.csr', ...signed, '-out', 'server.pem');
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  return { folder, ca: read('ca.pem'), key: read('server.key'), cert: read('server.pem') };
}
