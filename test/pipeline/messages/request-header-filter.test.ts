import t from 'tap';
import { configSchema } from '../../../src/config/schema/config.ts';
import {
  compileRequestHeaderFilter,
  filterHeaders,
} from '../../../src/pipeline/messages/request-header-filter.ts';
import { fileWith } from '../../support/pipeline/gate.ts';

const headerFilter = compileRequestHeaderFilter(
  configSchema.parse(
    fileWith([{ identity: { headers: { 'X-Tenant': 'tenant', 'x-user-id': null } } }], {
      identity: { headers: { 'x-user-roles': '$roles' }, reserved: ['Remote-User'] },
    }),
  ),
  ['x-api-token'],
  'X-Client-Cert',
);

const passedNames = (...rawHeaders: string[]) =>
  filterHeaders(headerFilter, rawHeaders).passed.filter((_, at) => at % 2 === 0);

t.test('identity, reserved, own and override headers never pass, in any alias', async (t) => {
  const names = [
    'x-user-id',
    'X-User-Id',
    'x_user_id',
    'X.User.Id',
    'x~user!id',
    'x-user-issuer',
    'x-user-scopes',
    'x-user-roles',
    'X_USER_ROLES',
    'x-tenant',
    'x_tenant',
    'remote-user',
    'REMOTE_USER',
    'x-sealgate',
    'x-sealgate-assertion',
    'X_Sealgate_Anything',
    'x-http-method-override',
    'X_HTTP_Method_Override',
    'x-method-override',
    'x-http-method',
    'x-original-url',
    'x-waws-unencoded-url',
    'x-rewrite-url',
    'x-forwarded-uri',
    'X_Original_URL',
    'connection',
    'keep-alive',
    'proxy-connection',
    'proxy-authorization',
    'te',
    'trailer',
    'transfer-encoding',
    'Transfer_Encoding',
    'content_length',
    'Content.Length',
    'upgrade',
    'expect',
    'http2-settings',
    'host',
    'authorization',
    'x-forwarded-for',
    'X_Forwarded_For',
    'x-forwarded-anything',
    'forwarded',
    'x-real-ip',
    'x_real_ip',
    'x-request-id',
    'x-api-token',
    'x_api_token',
    ':path',
  ];
  for (const name of names) {
    t.strictSame(passedNames(name, 'v'), [], name);
    t.strictSame(passedNames(name, 'v'), [], `${name} from memory`);
  }
});

t.test('all else passes in the order and spelling of the wire', async (t) => {
  const raw = [
    'Accept',
    '*/*',
    'X-Custom_1',
    'a',
    'cookie',
    'a=b',
    'x-custom_1',
    'b',
    'Content-Length',
    '3',
    'Origin',
    'https://a.example',
    'x-user',
    'c',
    'x-user-identity',
    'd',
    'x-users-id',
    'e',
  ];
  t.strictSame(filterHeaders(headerFilter, raw).passed, raw);
});

t.test('fields with a meaning are handed to the steps that need them', async (t) => {
  const filtered = filterHeaders(headerFilter, [
    'Host',
    'a.example',
    'HOST',
    'b.example',
    'Authorization',
    'Bearer a',
    'authorization',
    'Bearer b',
    'X-Forwarded-For',
    '192.0.2.1',
    'Forwarded',
    'for=192.0.2.1',
    'Origin',
    'https://a.example',
    'Cookie',
    'a=b',
    'X-Api-Token',
    'tok',
    'x_api_token',
    'spoof',
    'X-Client-Cert',
    'a',
    'x_client_cert',
    'spoof',
    'X-CLIENT-CERT',
    'b',
    'DPoP',
    'a.b.c',
    'dpop',
    'd',
  ]);
  t.strictSame(filtered, {
    passed: ['Origin', 'https://a.example', 'Cookie', 'a=b'],
    hosts: ['a.example', 'b.example'],
    authorizations: ['Bearer a', 'Bearer b'],
    origins: ['https://a.example'],
    cookies: ['a=b'],
    credentials: ['x-api-token', 'tok'],
    certificates: ['a', 'b'],
    proofs: ['a.b.c', 'd'],
  });
});

t.test('Connection takes away what it names, before or after it, but nothing end to end', async (t) => {
  t.strictSame(
    passedNames('X-Hop', '1', 'Connection', 'close, X-HOP ,x-other', 'x-other', '2', 'x-stays', '3'),
    ['x-stays'],
  );
  const essentials = [
    'Content-Length',
    'Content-Type',
    'Cookie',
    'Origin',
    'Accept',
    'If-Match',
    'Cache-Control',
    'Range',
  ];
  const raw = essentials.flatMap((name) => [name, 'v']);
  t.strictSame(passedNames('Connection', essentials.join(','), ...raw), essentials);
  const filtered = filterHeaders(headerFilter, [
    'Connection',
    'authorization, host, x-user-id',
    'Authorization',
    'Bearer a',
    'Host',
    'a.example',
  ]);
  t.strictSame([filtered.authorizations, filtered.hosts], [['Bearer a'], ['a.example']]);
  t.strictSame(
    passedNames(
      'Connection',
      ',, ,',
      'connection',
      'x-a',
      'CONNECTION',
      'x-b',
      'x-a',
      '1',
      'x-b',
      '2',
      'x-c',
      '3',
    ),
    ['x-c'],
  );
});

t.test('a flood of names changes no result', async (t) => {
  for (let at = 0; at < 5000; at++) passedNames(`x-flood-${at}`, 'v');
  passedNames(`x-${'l'.repeat(10_000)}`, 'v');
  t.strictSame(passedNames('x_user_id', 'v', 'x-ok', 'v'), ['x-ok']);
});
