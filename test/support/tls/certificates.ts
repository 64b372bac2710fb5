import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Certificate {
  /** A certificate of this authority, by default for its name and the loopback address. */
  issue(name: string, days?: number, names?: string): Certificate;
}

/** What a certificate is made of, in the words of openssl. */
export interface CertificateWishes {
  /** Such as `/O=Example/CN=orders`, with `+` between values of one part. */
  readonly subject: string;
  /** Such as `subjectAltName=URI:spiffe://example.org/orders`. */
  readonly extensions?: readonly string[];
  /** Default: itself. */
  readonly by?: Certificate;
  readonly days?: number;
  /** Default: sha256. */
  readonly digest?: string;
}

/** Makes any certificate. */
export function makeCertificate({
  subject,
  extensions = [],
  by,
  days = 30,
  digest = 'sha256',
}: CertificateWishes): Certificate {
  return inFolder((folder) => {
    const openssl = (args: readonly string[]) =>
      execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
    const request = 'req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out request.pem';
    openssl([...request.split(' '), '-utf8', '-multivalue-rdn', '-subj', subject]);
    writeFileSync(join(folder, 'extensions'), `${extensions.join('\n')}\n`);
    if (by !== undefined) {
      writeFileSync(join(folder, 'ca.pem'), by.cert);
      writeFileSync(join(folder, 'ca-key.pem'), by.key);
    }
    const signer = by === undefined ? '-signkey key.pem' : '-CA ca.pem -CAkey ca-key.pem -CAcreateserial';
    openssl([
      ...`x509 -req -in request.pem ${signer} -out cert.pem -days ${days} -${digest}`.split(' '),
      ...['-extfile', 'extensions'],
    ]);
    return readPair(folder);
  });
}

/** True when openssl is installed. */
export function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Makes a certificate authority of its own, by openssl, in a folder that is gone afterwards. */
export function makeAuthority(name: string): Authority {
  const own = inFolder((folder) => {
    run(
      folder,
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 30 -subj /CN=${name}`,
    );
    return readPair(folder);
  });
  return {
    ...own,
    issue: (subject, days = 30, names = `DNS:${subject},IP:127.0.0.1`) =>
      inFolder((folder) => {
        run(
          folder,
          `req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out request.pem -subj /CN=${subject}`,
        );
        writeFileSync(join(folder, 'ca.pem'), own.cert);
        writeFileSync(join(folder, 'ca-key.pem'), own.key);
        writeFileSync(join(folder, 'extensions'), `subjectAltName=${names}\n`);
        run(
          folder,
          `x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -out cert.pem -days ${days} -extfile extensions`,
        );
        return readPair(folder);
      }),
  };
}

/** A certificate, its authority, and a folder with both. */
export interface Certificates extends Certificate {
  /** Has `ca.pem`, `server.pem` and `server.key`. */
  readonly folder: string;
  readonly ca: string;
}

/** Makes an authority and a certificate for these names; undefined where openssl is not installed. */
export function makeCertificates(names = 'DNS:localhost,IP:127.0.0.1'): Certificates | undefined {
  if (!hasOpenssl()) return undefined;
  const authority = makeAuthority('test-authority');
  const server = authority.issue('server', 2, names);
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-'));
  writeFileSync(join(folder, 'ca.pem'), authority.cert);
  writeFileSync(join(folder, 'server.pem'), server.cert);
  writeFileSync(join(folder, 'server.key'), server.key);
  return { folder, ca: authority.cert, ...server };
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-certificates-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(cwd: string, command: string): void {
  execFileSync('openssl', command.split(' '), { cwd, stdio: 'ignore' });
}

function readPair(folder: string): Certificate {
  return {
    cert: readFileSync(join(folder, 'cert.pem'), 'utf8'),
    key: readFileSync(join(folder, 'key.pem'), 'utf8'),
  };
}
