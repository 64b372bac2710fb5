import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { createPushers, createSender } from '../../support/gateway/event-gateway.ts';
import { startGateway } from '../../support/gateway/gateway.ts';
import { hasOpenssl, makeAuthority } from '../../support/tls/certificates.ts';

const skip = hasOpenssl() ? false : 'openssl is not installed';

t.test('providers that speak HTTP/2', { skip }, async (t) => {
  const authority = makeAuthority('test-ca');
  const own = authority.issue('localhost');
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-events-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'cert.pem'), own.cert);
  writeFileSync(join(folder, 'key.pem'), own.key);
  const pushers = await createPushers(t);
  const tls = `listen: { tls: { cert: '${folder}/cert.pem', key: '${folder}/key.pem' } }`;
  const gateway = await startGateway(pushers.textOf(tls));
  t.teardown(async () => {
    await gateway.close();
  });
  const { logoutToken, securityEvent } = createSender(pushers, () => gateway.url);
  const session = connect(`https://localhost:${new URL(gateway.url).port}`, { ca: authority.cert });
  t.teardown(() => session.close());
  const post = async (kind: string, type: string, body: string): Promise<number | undefined> => {
    const stream = session.request({
      ':method': 'POST',
      ':path': `/.well-known/sealgate/${kind}/corp`,
      'content-type': type,
    });
    stream.end(body);
    const [headers] = await once(stream, 'response');
    stream.resume();
    await once(stream, 'close');
    return headers[':status'];
  };
  const form = 'application/x-www-form-urlencoded';
  const event = 'application/secevent+jwt';
  t.equal(await post('logout', form, `logout_token=${logoutToken()}`), 200);
  t.equal(await post('logout', form, 'logout_token=no'), 400);
  t.equal(await post('events', event, securityEvent()), 202);
  t.equal(await post('events', event, 'no'), 400);
  t.equal(await post('events', event, 'x'.repeat(70_000)), 413);
  t.comment('a stream that is reset in the middle of its body costs nothing');
  const stream = session.request({
    ':method': 'POST',
    ':path': '/.well-known/sealgate/logout/corp',
    'content-type': form,
  });
  stream.on('error', () => {});
  stream.write('logout_token=');
  stream.close(8);
  await once(stream, 'close');
  t.equal(await post('logout', form, `logout_token=${logoutToken()}`), 200);
});
