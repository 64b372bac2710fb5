import { request } from 'node:http';
import t from 'tap';
import { startCountingUpstream } from '../support/backends/counting-upstream.ts';
import { startGateway } from '../support/gateway/gateway.ts';
import { createKeyServer } from '../support/tokens/key-server.ts';
import { mint, signingKey } from '../support/tokens/mint.ts';
import { badTokens, boundTokens, PUBLISHED } from './bad-tokens.ts';

const now = Math.floor(Date.now() / 1000);

interface Reply {
  readonly status: number | undefined;
  readonly body: string;
  readonly challenge: string;
}

async function rig() {
  const keys = await createKeyServer();
  const canary = await createKeyServer();
  const upstream = await startCountingUpstream();
  keys.publish(...Object.values(PUBLISHED));
  const iss = keys.issuer();
  const gateway = await startGateway(
    `
log: { level: debug }
issuers:
  corp: { issuer: '${iss}', audiences: [api] }
upstreams: { app: { url: '${upstream.url}' } }
routes: [{ name: api, path: /, upstream: app, access: authenticated }]
`,
    { clock: () => now * 1000 },
  );
  const ask = (authorization: string): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const outgoing = request(gateway.url, { headers: { authorization }, agent: false }, (response) => {
        let body = '';
        response.on('data', (piece) => {
          body += piece;
        });
        response.on('end', () => {
          resolve({
            status: response.statusCode,
            body,
            challenge: String(response.headers['www-authenticate']),
          });
        });
      });
      outgoing.on('error', reject).end();
    });
  const close = async () => {
    await gateway.close();
    await Promise.all([keys.close(), canary.close(), upstream.close()]);
  };
  return { iss, gateway, keys, canary, upstream, ask, close };
}

t.test('no bad token gets one byte to a backend, and none of them gets into the log', async (t) => {
  const { iss, gateway, upstream, ask, close } = await rig();
  t.teardown(close);
  for (const [name, token, code] of [...badTokens(iss, now), ...boundTokens(iss, now)]) {
    // A value that no header field can have never gets here.
    if (!/^[ -~]*$/.test(token)) continue;
    const { status, body, challenge } = await ask(`Bearer ${token}`);
    if (token.length > 32 * 1024) {
      t.equal(status, 431, name);
      continue;
    }
    t.equal(status, 401, name);
    const { code: responded, ...rest } = JSON.parse(body) as { code: string };
    t.equal(responded, token === '' ? 'token_malformed' : code, name);
    t.same(
      Object.keys(rest).sort(),
      ['requestId', 'status', 'title', 'type'],
      `${name}: nothing but the row of the table`,
    );
    t.match(challenge, /^Bearer .*error="invalid_token"/, name);
    t.equal(upstream.bytes(), 0, `${name}: nothing went up`);
    const tail = token.slice(-20);
    if (tail.length === 20)
      t.notOk(
        gateway.lines.some((line) => JSON.stringify(line).includes(tail)),
        `${name}: not logged`,
      );
  }
});

t.test('what a header names is never fetched', async (t) => {
  const { iss, canary, keys, upstream, ask, close } = await rig();
  t.teardown(close);
  const foreign = signingKey('RS256', { kid: 'mine' }, 'foreign');
  canary.publish(foreign);
  const claims = { iss, aud: 'api', iat: now, exp: now + 300 };
  const url = canary.jwksUri;
  for (const header of [
    { jku: url },
    { x5u: url },
    { jku: url, kid: 'other' },
    { jwk: foreign.jwk },
    { x5c: ['MIIC'], x5u: url },
  ]) {
    const { status, body } = await ask(`Bearer ${mint(foreign, claims, header)}`);
    t.match([status, JSON.parse(body)], [401, { code: 'key_unknown' }], JSON.stringify(Object.keys(header)));
  }
  t.same(canary.asked, []);
  t.equal(keys.fetches(), 1, 'and the issuer is asked no more than before');
  t.equal(upstream.bytes(), 0);
});

t.test('audiences that are not ours', async (t) => {
  const { iss, upstream, ask, close } = await rig();
  t.teardown(close);
  const mintFor = (aud: unknown) => mint(PUBLISHED.es, { iss, aud, iat: now, exp: now + 300 });
  for (const aud of [
    'other',
    'ap',
    'api2',
    'API',
    ' api',
    ['other'],
    [['api']],
    ['api', 1],
    { api: 1 },
    1,
    true,
    [null],
  ]) {
    const { status, body } = await ask(`Bearer ${mintFor(aud)}`);
    t.match([status, JSON.parse(body)], [401, { code: 'audience_mismatch' }], JSON.stringify(aud));
  }
  for (const aud of [undefined, null, '', []]) {
    const { status, body } = await ask(`Bearer ${mintFor(aud)}`);
    t.match([status, JSON.parse(body)], [401, { code: 'claim_missing' }], `none: ${JSON.stringify(aud)}`);
  }
  t.equal(upstream.bytes(), 0);
  t.equal((await ask(`Bearer ${mintFor(['other', 'api'])}`)).status, 200);
});
