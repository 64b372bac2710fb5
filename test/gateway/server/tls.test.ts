import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { connectRaw, rawRequest } from '../../support/clients/raw.ts';
import { type HarnessOptions, startHarness } from '../../support/gateway/gateway-harness.ts';
import { hasOpenssl, makeAuthority } from '../../support/tls/certificates.ts';

const skip = hasOpenssl() ? false : 'openssl is not installed';
const authority = skip ? undefined : makeAuthority('test-ca');
const stranger = skip ? undefined : makeAuthority('stranger-ca');
const own = authority?.issue('localhost');
const GET = rawRequest('GET /public HTTP/1.1');

function startTls(t: Test, tls: Readonly<Record<string, unknown>> = {}, options: HarnessOptions = {}) {
  return startHarness(t, {
    ...options,
    listen: { tls: { cert: 'tls.crt', key: 'tls.key', ...tls } },
    files: { 'tls.crt': own?.cert ?? '', 'tls.key': own?.key ?? '', 'ca.pem': authority?.cert ?? '' },
  });
}

/** The status of a request over a fresh connection, or `closed`. */
async function statusOver(port: number, options: ConnectionOptions = {}): Promise<number | 'closed'> {
  const connection = await connectRaw(port, {
    ca: authority?.cert,
    servername: 'localhost',
    ...options,
  }).catch(() => undefined);
  if (connection === undefined) return 'closed';
  connection.send(GET);
  const response = await connection.read();
  connection.destroy();
  return response?.status ?? 'closed';
}

t.test('speaks TLS 1.2 and 1.3 and nothing older', { skip }, async (t) => {
  const { port } = await startTls(t);
  t.equal(await statusOver(port, { minVersion: 'TLSv1.3' }), 200);
  t.equal(await statusOver(port, { maxVersion: 'TLSv1.2' }), 200);
  t.equal(
    await statusOver(port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }),
    'closed',
  );
  const strict = await startTls(t, { minVersion: 'TLSv1.3' });
  t.equal(await statusOver(strict.port, { maxVersion: 'TLSv1.2' }), 'closed');
  t.equal(await statusOver(strict.port), 200);
});

t.test('without http2 nobody is offered it', { skip }, async (t) => {
  const { port } = await startTls(t, { http2: false });
  const connection = await connectRaw(port, {
    ca: authority?.cert,
    servername: 'localhost',
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  t.equal((connection.socket as TLSSocket).alpnProtocol, 'http/1.1');
  connection.destroy();
});

t.test('renewed files are used for new connections, and open ones are not disturbed', { skip }, async (t) => {
  const harness = await startTls(t, {}, { reloads: true });
  const open = () => connectRaw(harness.port, { ca: authority?.cert, servername: 'localhost' });
  const subjectOf = async () => {
    const connection = await open();
    const { serialNumber } = (connection.socket as TLSSocket).getPeerCertificate();
    connection.destroy();
    return serialNumber;
  };
  const standing = await open();
  const before = await subjectOf();
  const renewed = authority?.issue('localhost');
  // As certificate managers do it: written beside, then put in place.
  for (const [name, text] of [
    ['tls.crt', renewed?.cert],
    ['tls.key', renewed?.key],
  ] as const) {
    writeFileSync(join(harness.folder, 'new'), text ?? '');
    renameSync(join(harness.folder, 'new'), join(harness.folder, name));
  }
  await harness.reload();
  t.not(await subjectOf(), before);
  standing.send(GET);
  t.equal((await standing.read())?.status, 200);
  standing.destroy();

  writeFileSync(join(harness.folder, 'tls.key'), own?.key ?? '');
  t.equal(await harness.reload(), 'refused', 'a key of another certificate');
  t.equal(await statusOver(harness.port), 200, 'the one before stays active');
});

t.test(
  'client certificates: required ones must hold, optional ones too if they are shown',
  { skip },
  async (t) => {
    const good = authority?.issue('client');
    const foreign = stranger?.issue('client');
    const expired = authority?.issue('client', -1);
    const cases = [
      ['none', undefined, 'closed', 200],
      ['a good one', good, 200, 200],
      ['one of a stranger', foreign, 'closed', 'closed'],
      ['an expired one', expired, 'closed', 'closed'],
      ['one that signed itself', stranger, 'closed', 'closed'],
    ] as const;
    const required = await startTls(t, { clientCa: 'ca.pem' });
    const optional = await startTls(t, { clientCa: 'ca.pem', clientCert: 'optional' });
    for (const [name, certificate, whenRequired, whenOptional] of cases) {
      const shown = certificate === undefined ? {} : { cert: certificate.cert, key: certificate.key };
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        t.equal(await statusOver(required.port, { ...shown, maxVersion }), whenRequired, `${name}, required`);
        t.equal(await statusOver(optional.port, { ...shown, maxVersion }), whenOptional, `${name}, optional`);
      }
    }
    t.strictSame(required.warnings, []);
  },
);

t.test(
  'files that are missing, no PEM, or do not belong together stop the start, each at its place',
  { skip },
  async (t) => {
    const start = async (tls: Readonly<Record<string, unknown>>, files: Readonly<Record<string, string>>) => {
      try {
        await startHarness(t, {
          listen: { tls: { cert: 'tls.crt', key: 'tls.key', ...tls } },
          files: { 'tls.crt': own?.cert ?? '', 'tls.key': own?.key ?? '', ...files },
        });
        return 'started';
      } catch (error) {
        return (error as Error).message;
      }
    };
    t.match(await start({ cert: 'missing.crt' }, {}), /no such file/);
    t.match(await start({}, { 'tls.crt': 'no PEM' }), /not a PEM certificate and the key/);
    t.match(await start({}, { 'tls.key': stranger?.key ?? '' }), /not a PEM certificate and the key/);
    t.match(await start({ clientCa: 'ca.pem' }, { 'ca.pem': 'empty' }), /holds no PEM certificate/);
  },
);

t.test('a handshake that never ends is ended', { skip }, async (t) => {
  const harness = await startHarness(t, {
    listen: { tls: { cert: 'tls.crt', key: 'tls.key' }, limits: { headerTimeout: '500ms' } },
    files: { 'tls.crt': own?.cert ?? '', 'tls.key': own?.key ?? '' },
  });
  const connection = await connectRaw(harness.port);
  connection.send('\x16\x03\x01');
  t.equal(await connection.closed(4000), true);
});
