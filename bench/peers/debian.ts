import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Algorithm, AUDIENCE, ISSUER } from '../load/tokens.ts';
import { nginxPreamble, nginxTemporaryPaths } from '../load/upstream.ts';
import { CORE, freePort, hasProgram, startPinned, untilListening } from '../measure/pinned-process.ts';
import type { Ground, Peer, RunningPeer } from './peer.ts';

const APACHE_MODULES = '/usr/lib/apache2/modules';

interface Recipe {
  readonly argv: (file: string, folder: string) => readonly string[];
  readonly config: (port: number, ground: Ground) => string;
}

async function startFromConfig({ argv, config }: Recipe, ground: Ground): Promise<RunningPeer> {
  const port = await freePort();
  const file = join(ground.folder, 'peer.conf');
  writeFileSync(file, config(port, ground));
  const program = startPinned({
    core: CORE.measured,
    argv: argv(file, ground.folder),
    folder: ground.folder,
  });
  await untilListening(port);
  return { ...program, port };
}

/** A peer that is a program of the distribution with a configuration file. */
function debianPeer(name: string, algorithms: readonly Algorithm[], program: string, recipe: Recipe): Peer {
  return {
    name,
    algorithms,
    missing: () => (hasProgram(program) ? undefined : program),
    start: (ground) => startFromConfig(recipe, ground),
  };
}

export const nginxPlain = debianPeer('nginx, plain proxy', [], 'nginx', {
  argv: (file, folder) => ['nginx', '-c', file, '-e', join(folder, 'error.log')],
  config: (port, { folder, upstreamPort }) => `${nginxPreamble(folder)}
http {
  ${nginxTemporaryPaths(folder)}
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;
  upstream backend { server 127.0.0.1:${upstreamPort}; keepalive 64; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`,
});

const haproxyArgv = (file: string) => ['haproxy', '-db', '-f', file];

const haproxyConfig = (port: number, upstreamPort: number, checks: string) => `global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend clients
  bind 127.0.0.1:${port} backlog 4096
${checks}  default_backend upstream
backend upstream
  server only 127.0.0.1:${upstreamPort}
`;

export const haproxyPlain = debianPeer('HAProxy, plain proxy', [], 'haproxy', {
  argv: haproxyArgv,
  config: (port, { upstreamPort }) => haproxyConfig(port, upstreamPort, ''),
});

/** Form, algorithm, issuer, audience, expiry and signature; the subject is forwarded as a header. */
export const haproxyJwt = debianPeer('HAProxy, jwt_verify', ['RS256'], 'haproxy', {
  argv: haproxyArgv,
  config: (port, { upstreamPort, issuer }) =>
    haproxyConfig(
      port,
      upstreamPort,
      `  http-request deny deny_status 401 unless { req.hdr(authorization) -m found }
  http-request set-var(txn.alg) http_auth_bearer,jwt_header_query('$.alg')
  http-request set-var(txn.iss) http_auth_bearer,jwt_payload_query('$.iss')
  http-request set-var(txn.aud) http_auth_bearer,jwt_payload_query('$.aud')
  http-request set-var(txn.exp) http_auth_bearer,jwt_payload_query('$.exp','int')
  http-request set-var(txn.sub) http_auth_bearer,jwt_payload_query('$.sub')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless { var(txn.alg) -m str RS256 }
  http-request deny deny_status 401 unless { var(txn.iss) -m str ${ISSUER} }
  http-request deny deny_status 401 unless { var(txn.aud) -m str ${AUDIENCE} }
  http-request deny deny_status 401 if { var(txn.exp),sub(txn.now) -m int lt 0 }
  http-request deny deny_status 401 unless { http_auth_bearer,jwt_verify(txn.alg,"${issuer.publicKeyFile}") 1 }
  http-request set-header x-user-id %[var(txn.sub)]
  http-request del-header authorization
`,
    ),
});

export const apacheOpenidc: Peer = {
  ...debianPeer('Apache, mod_auth_openidc', ['RS256'], 'apache2', {
    argv: (file, folder) => ['apache2', '-d', folder, '-f', file, '-DFOREGROUND'],
    config: (port, { folder, upstreamPort, issuer }) => `ServerName 127.0.0.1
Listen 127.0.0.1:${port}
PidFile ${folder}/apache.pid
ErrorLog ${folder}/apache.log
DefaultRuntimeDir ${folder}
${['mpm_event', 'unixd', 'authn_core', 'authz_core', 'authz_user', 'auth_openidc', 'proxy', 'proxy_http']
  .map((name) => `LoadModule ${name === 'unixd' ? 'unixd' : name}_module ${APACHE_MODULES}/mod_${name}.so`)
  .filter((line) => existsSync(line.split(' ')[2] ?? ''))
  .join('\n')}
${process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : ''}
StartServers 1
ServerLimit 1
ThreadsPerChild 256
ThreadLimit 256
MaxRequestWorkers 256
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
OIDCOAuthVerifyCertFiles bench-rs256#${issuer.publicKeyFile}
<Location />
  AuthType oauth20
  <RequireAll>
    Require claim iss:${ISSUER}
    Require claim aud:${AUDIENCE}
  </RequireAll>
  ProxyPass http://127.0.0.1:${upstreamPort}/
</Location>
`,
  }),
  missing: () =>
    existsSync(`${APACHE_MODULES}/mod_auth_openidc.so`) ? undefined : 'libapache2-mod-auth-openidc',
};
