import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import type { ReloadReport } from '../../../src/admin/status.ts';
import { type LiveGateway, liveText, startLiveGateway } from '../../support/gateway/live-gateway.ts';
import { askOnce, connectAsking, QUESTIONS } from '../../support/gateway/questions.ts';
import { mint, signingKey } from '../../support/tokens/mint.ts';

/* What a reload changes for proxies that ask, and what it cannot change. */

const DECISIONS = 'decisions: { port: 0 }';
const ASKED = '  - { name: b, path: /b, upstream: none, access: authenticated }';
const fileOf = (routes = ASKED, decisions = DECISIONS) => liveText({ top: decisions, routes });

const urlOf = ({ lines }: LiveGateway): string =>
  lines.find(({ msg }) => msg === 'listening')?.decisionsUrl as string;

const ask = (live: LiveGateway, target: string, token = live.token()) =>
  askOnce(urlOf(live), QUESTIONS['forward-auth'](target, [`Authorization: Bearer ${token}`]));

/** What became of the file that was just written, whether this signal or the watcher came first. */
async function outcomeOf(live: LiveGateway, text: string): Promise<ReloadReport> {
  live.write(text);
  const report = await live.gateway.reload('signal');
  if (report.result !== 'unchanged') return report;
  const { reloads } = (await (await live.admin('/status')).json()) as { reloads: ReloadReport[] };
  return reloads[0] ?? report;
}

t.test(
  'new rules count for the next question, also on a connection that is open, and keys stay warm',
  async (t) => {
    const live = await startLiveGateway(t, fileOf());
    const bearer = `Authorization: Bearer ${live.token({ scope: 'read' })}`;
    const standing = await connectAsking(urlOf(live));
    t.teardown(() => standing.destroy());
    const next = async (target: string) => {
      standing.send(QUESTIONS['auth-request'](target, [bearer]));
      return (await standing.read())?.status;
    };
    t.equal(await next('/b'), 200);
    t.equal(await next('/c'), 403, 'no such route');
    const fetches = live.issuer.fetches();
    const stricter = ASKED.replace('authenticated', '{ scopes: [write] }');
    t.equal(
      (await outcomeOf(live, fileOf(stricter.concat('\n', ASKED.replace('b, path: /b', 'c, path: /c')))))
        .result,
      'applied',
    );
    t.equal(await next('/b'), 403, 'a token that was accepted before is checked by the new rules');
    t.equal(await next('/c'), 200);
    t.equal((await outcomeOf(live, fileOf(''))).result, 'applied');
    t.equal(await next('/c'), 403);
    t.equal(live.issuer.fetches(), fetches, 'no key was fetched again');
  },
);

t.test('the proxies that may ask are those of the new file', async (t) => {
  const live = await startLiveGateway(t, fileOf());
  const trusting = (list: string) => fileOf(ASKED, `decisions: { port: 0, trustedProxies: [${list}] }`);
  t.equal((await ask(live, '/b'))?.status, 200);
  t.equal((await outcomeOf(live, trusting('192.0.2.1'))).result, 'applied');
  t.equal((await ask(live, '/b'))?.code, 'proxy_not_trusted');
  t.equal((await outcomeOf(live, trusting('192.0.2.1, 127.0.0.1'))).result, 'applied');
  t.equal((await ask(live, '/b'))?.status, 200);
});

t.test('the names that no client may send are those of the new file', async (t) => {
  const live = await startLiveGateway(t, fileOf());
  const spoof = () =>
    askOnce(
      urlOf(live),
      QUESTIONS['forward-auth']('/b', [`Authorization: Bearer ${live.token()}`, 'X_Team: admins']),
    );
  t.equal((await spoof())?.status, 200);
  const text = fileOf().concat('identity: { reserved: [x-team] }\n');
  t.equal((await outcomeOf(live, text)).result, 'applied');
  t.equal((await spoof())?.code, 'bad_request');
});

t.test('a question that waits finishes on the old file', async (t) => {
  const key = signingKey('ES256');
  const held: ServerResponse[] = [];
  const provider = createServer((_, res) => held.push(res)).listen(0, '127.0.0.1');
  await once(provider, 'listening');
  t.teardown(() => {
    provider.closeAllConnections();
    provider.close();
  });
  const slow = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  const withSlow = (text: string) =>
    text.replace(
      'upstreams:',
      `  slow: { issuer: '${slow}', jwksUri: '${slow}/keys', audiences: [api] }
defaults: { issuers: [corp, slow] }
readiness: { wait: 0s }
upstreams:`,
    );
  const live = await startLiveGateway(t, withSlow(fileOf()));
  const token = mint(key, { iss: slow, aud: 'api', sub: 'ann', exp: Math.floor(Date.now() / 1000) + 600 });
  const waiting = await connectAsking(urlOf(live));
  t.teardown(() => waiting.destroy());
  // The response to the first shows that the second has arrived, too.
  waiting.send(
    QUESTIONS['ext-authz']('/nowhere') + QUESTIONS['ext-authz']('/b', [`Authorization: Bearer ${token}`]),
  );
  t.equal((await waiting.read())?.status, 404);
  t.equal((await outcomeOf(live, fileOf())).result, 'applied', 'a file without that issuer');
  for (const res of held.splice(0)) res.end(JSON.stringify({ keys: [key.jwk] }));
  t.equal((await waiting.read())?.status, 200);
  t.equal((await ask(live, '/b', token))?.code, 'issuer_unknown', 'the next one is decided by the new file');
});

t.test('where proxies ask needs a restart, and is one problem', async (t) => {
  const live = await startLiveGateway(t, fileOf());
  const cases: readonly (readonly [text: string, key: string])[] = [
    [fileOf(ASKED, 'decisions: { port: 4711 }'), 'decisions.port'],
    [fileOf(ASKED, 'decisions: { port: 0, host: 127.0.0.2 }'), 'decisions.host'],
    [fileOf(ASKED, 'decisions: { port: 0, grpc: 4712 }'), 'decisions.grpc'],
    [liveText(), 'decisions'],
    [fileOf(ASKED, 'decisions: { port: 0, tls: { cert: a.pem, key: b.pem } }'), 'decisions.tls'],
  ];
  for (const [text, key] of cases) {
    const { result, problems } = await outcomeOf(live, text);
    t.equal(result, 'refused', key);
    t.equal(problems.length, 1, `${key}: ${problems.join('; ')}`);
    t.match(problems[0], `a change of ${key} needs a restart`);
    t.equal((await ask(live, '/b'))?.status, 200, 'the file before stays active');
  }
  const without = await startLiveGateway(t, liveText());
  const { result, problems } = await outcomeOf(without, fileOf());
  t.equal(result, 'refused');
  t.match(problems, [/a change of decisions needs a restart/]);
  t.equal(problems.length, 1);
});
