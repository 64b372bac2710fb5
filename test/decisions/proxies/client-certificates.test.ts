import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { hasOpenssl, makeAuthority } from '../../support/tls/certificates.ts';
import { fileWith, reloadWith, startAsking, token, valuesOf } from './asking-harness.ts';
import { arrived, get, startModeled } from './models/modeled-proxies.ts';
import { throughEach } from './programs.ts';

/* Headers with a certificate, as clients send them through proxies that ask: no gateway believes them, no backend gets them. */

const NAMES = [
  'Client-Cert',
  'Client-Cert-Chain',
  'X-Client-Cert',
  'X-SSL-Client-Cert',
  'X-Forwarded-Client-Cert',
];

const withHeader = (file: string, name: string): string =>
  file.replace(
    'listen: { port: 0 }',
    `listen: { port: 0, clientCertHeader: { name: ${name}, format: rfc9440 } }`,
  );

const stolen = (() => {
  if (!hasOpenssl()) return undefined;
  const { raw } = new X509Certificate(makeAuthority('clients').issue('alice').cert);
  const digest = new X509Certificate(raw).fingerprint256.replaceAll(':', '');
  const cnf = { 'x5t#S256': Buffer.from(digest, 'hex').toString('base64url') };
  return { authorization: `Authorization: Bearer ${token({ cnf })}`, value: `:${raw.toString('base64')}:` };
})();

if (stolen === undefined) t.pass('openssl is not installed');
else {
  const { authorization, value } = stolen;

  throughEach(t, 'certificates that a client names itself', async (t, proxy) => {
    const harness = await startAsking(t, proxy);
    for (const name of NAMES) {
      await reloadWith(harness, withHeader(fileWith(harness.ports), name));
      const refused = await harness.sendRefused('GET /orders HTTP/1.1', [authorization, `${name}: ${value}`]);
      t.equal(refused.status, 401, name);
      t.match(refused.headers['www-authenticate'], [/invalid_token/], name);
      const line = [`${name}: ${value}`, `${name.toLowerCase()}: ${value}`];
      const got = await harness.sendAllowed('GET /public HTTP/1.1', line);
      t.strictSame(valuesOf(got, name.toLowerCase()), [], name);
    }
  });

  t.test('certificates that a client names itself, through what has no package', async (t) => {
    const { modeled } = await startModeled(t, (file) => withHeader(file, 'Client-Cert'));
    for (const { name: proxy, pass } of modeled) {
      const refused = await pass(get('/orders', [authorization, `Client-Cert: ${value}`]));
      t.match(refused, { status: 401, forwarded: undefined }, proxy);
      for (const name of NAMES) {
        const { forwarded } = await pass(get('/public', [`${name}: ${value}`]));
        t.strictSame(valuesOf(arrived(forwarded), name.toLowerCase()), [], `${proxy}: ${name}`);
      }
    }
  });
}
