import { createHash, X509Certificate } from 'node:crypto';
import t from 'tap';
import { folderWith, sealgate } from '../support/cli/cli.ts';
import { hasOpenssl, makeAuthority, makeCertificate } from '../support/tls/certificates.ts';
import { mint, signingKey } from '../support/tokens/mint.ts';
import { inPlace } from '../support/tokens/verifier.ts';

const skip = hasOpenssl() ? false : 'openssl is not installed';
const KEY = signingKey('ES256');
const NOW = Math.floor(Date.now() / 1000);
const thumbprint = (pem: string): string =>
  createHash('sha256').update(new X509Certificate(pem).raw).digest('base64url');

const file = (listen: string): string => `
listen: { trustedProxies: [10.0.0.0/8], ${listen} }
issuers: { corp: { issuer: https://corp.example, audiences: [api], algorithms: [ES256], jwks: { file: keys.json } } }
identity: { headers: { x-cert: $certificateSubject, x-cert-sha256: $certificateSha256 } }
routes:
  - { name: all, path: /, upstream: http://127.0.0.1:1, access: { binding: mtls } }
  - { name: named, path: /named, upstream: http://127.0.0.1:1, access: { when: 'request.certificate.uris == ["spiffe://a/b"]' } }
  - { name: listed, path: /listed, upstream: http://127.0.0.1:1, access: { when: 'claims.list == request.certificate.uris' } }
`;
const SPELLED = {
  index: 'request["certificate"].uris.size() > 0',
  indexes: "request['certificate']['uris'].size() > 0",
  field: 'request . certificate["uris"].size() > 0',
  part: '(request)\n["certificate"] . uris.size() > 0',
  macro: '[request].exists(each, each.certificate.uris.size() > 0)',
  text: '"request.certificate" != "" && claims["request"].certificate.uris == []',
};
const spelledRoutes = Object.entries(SPELLED).map(
  ([name, when]) =>
    `  - { name: ${name}, path: /${name}, upstream: http://127.0.0.1:1, access: { when: ${JSON.stringify(when)} } }\n`,
);
const TLS = 'tls: { cert: tls.crt, key: tls.key, clientCa: ca.pem }';

t.test('explain decides on a request with a client certificate', { skip }, async (t) => {
  const authority = makeAuthority('clients');
  const other = makeAuthority('others');
  const client = authority.issue('client', 30, 'URI:spiffe://a/b');
  const middle = makeCertificate({
    subject: '/CN=middle',
    extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign'],
    by: authority,
  });
  const below = makeCertificate({
    subject: '/CN=below',
    extensions: ['subjectAltName=URI:spiffe://a/b'],
    by: middle,
  });
  const stranger = other.issue('stranger', 30, 'URI:spiffe://a/b');
  const own = authority.issue('localhost');
  const path = await folderWith(
    {
      'tls.yaml': file(TLS),
      'spelled.yaml': file(TLS) + spelledRoutes.join(''),
      'header.yaml': file('clientCertHeader: { name: client-cert, format: rfc9440, ca: ca.pem }'),
      'bare.yaml': file('clientCertHeader: { name: client-cert, format: rfc9440 }')
        .replace(/^ {2}- \{ name: (?:named|listed).*\n/gm, '')
        .replace('x-cert: $certificateSubject, ', ''),
      'none.yaml': file('port: 8080')
        .replace(/^identity.*\n/m, '')
        .replace(/access: \{ .*\}/g, 'access: authenticated }'),
      'keys.json': JSON.stringify(inPlace(KEY)),
      'ca.pem': authority.cert,
      'tls.crt': own.cert,
      'tls.key': own.key,
      'client.pem': `${client.key}${client.cert}`,
      'client.der': new X509Certificate(client.cert).raw as unknown as string,
      'below.pem': `${below.cert}${middle.cert}`,
      'alone.pem': below.cert,
      'stranger.pem': stranger.cert,
      'empty.pem': 'nothing',
    },
    t,
  );
  const token = (pem?: string): string =>
    mint(KEY, {
      iss: 'https://corp.example',
      aud: 'api',
      sub: 's',
      iat: NOW,
      exp: NOW + 300,
      ...(pem && { cnf: { 'x5t#S256': thumbprint(pem) } }),
    });
  const explain = async (name: string, pem: string | undefined, target: string, certificate?: string) => {
    const words = [
      'explain',
      '-c',
      path(`${name}.yaml`),
      '--show-claims',
      '--format',
      'json',
      '--token',
      token(pem),
      target,
    ];
    const { code, stdout, stderr } = await sealgate([
      ...words,
      ...(certificate === undefined ? [] : ['--cert', path(certificate)]),
    ]);
    return stdout === '' ? { exit: code, stderr } : { exit: code, ...JSON.parse(stdout) };
  };

  t.match(await explain('tls', client.cert, '/', 'client.pem'), {
    exit: 0,
    identity: { 'x-cert': 'CN=client', 'x-cert-sha256': /^[0-9a-f]{64}$/ },
  });
  t.match(await explain('tls', client.cert, '/', 'client.der'), { exit: 0 });
  t.match(await explain('tls', below.cert, '/', 'below.pem'), {
    exit: 0,
    identity: { 'x-cert': 'CN=below' },
  });
  t.match(await explain('tls', undefined, '/named', 'client.pem'), { exit: 0 });
  t.match(await explain('header', client.cert, '/', 'client.pem'), {
    exit: 0,
    identity: { 'x-cert': 'CN=client' },
  });
  t.match(await explain('tls', client.cert, '/'), { exit: 3, code: 'token_bound' });
  t.match(await explain('tls', other.cert, '/', 'client.pem'), { exit: 3, code: 'token_bound' });
  t.match(await explain('tls', undefined, '/', 'client.pem'), { exit: 3, code: 'binding_required' });

  const unnamed = await explain('header', undefined, '/named', 'stranger.pem');
  t.match(unnamed, { exit: 3, code: 'condition_failed' });
  t.match(unnamed.steps.at(-1).got, /no authority of the file vouches for it/);
  t.match(unnamed.steps.at(-1).note, /intermediates included/);
  for (const name of ['tls', 'header']) {
    const without = await explain(name, undefined, '/named');
    t.match(without, { exit: 3, code: 'condition_failed' });
    t.match(without.steps.at(-1).got, /reads the client certificate, and the request came without one/);
  }
  for (const name of Object.keys(SPELLED)) {
    const { steps } = await explain('spelled', undefined, `/${name}`);
    const lack = name === 'text' ? /could not be evaluated/ : /reads the client certificate, and the request/;
    t.match(steps.at(-1).got, lack, name);
  }
  t.match(
    (await explain('tls', undefined, '/listed', 'client.pem')).steps.at(-1).got,
    /could not be evaluated at character/,
    'what is missing is another value',
  );
  const unvouched = await explain('header', stranger.cert, '/', 'stranger.pem');
  t.match(unvouched, { exit: 0, identity: { 'x-cert-sha256': /^[0-9a-f]{64}$/ } });
  t.notOk('x-cert' in unvouched.identity, 'only its fingerprint counts');
  t.match(await explain('bare', client.cert, '/', 'client.pem'), { exit: 0 });

  for (const [name, certificate, message] of [
    ['tls', 'stranger.pem', /no authority of `listen.tls.clientCa` vouches for .*stranger.pem/],
    ['tls', 'alone.pem', /no authority of `listen.tls.clientCa` vouches/],
    ['tls', 'empty.pem', /holds no certificate that can be read/],
    ['tls', 'missing.pem', /cannot read .*missing.pem/],
    ['none', 'client.pem', /no request has a client certificate here: set `listen.tls.clientCa`/],
  ] as const)
    t.match(await explain(name, client.cert, '/', certificate), { exit: 1, stderr: message });
});

t.test('a file that cannot be read is named as the defaults of the file make it', async (t) => {
  const listen = 'tls: { cert: "${TLS_CERT:-absent.crt}", key: tls.key }';
  const path = await folderWith({ 'gw.yaml': file(listen), 'keys.json': JSON.stringify(inPlace(KEY)) }, t);
  const { code, stdout, stderr } = await sealgate(['check', '-c', path('gw.yaml')]);
  t.equal(code, 1);
  t.match(stdout + stderr, /listen\.tls\.cert: cannot read `absent\.crt`: there is no such file/);
});
