import t from 'tap';
import { startCountingUpstream } from '../support/backends/counting-upstream.ts';
import { startExchange } from '../support/exchange/exchange-harness.ts';
import { issue, type Respond, startTokenEndpoint } from '../support/exchange/token-endpoint.ts';

/*
 * A token that was exchanged for one caller, upstream, audience or scope must never serve another, and the caller's own
 * must never reach a backend, however requests interleave.
 */

/** Whom and what a request of the endpoint is for, readable in the token that it is given. */
const nameOf = (subject: string, form: Readonly<Record<string, string>>): string => {
  const { sub, scope } = JSON.parse(Buffer.from(subject.split('.')[1] ?? '', 'base64url').toString());
  return [sub, scope, form.audience, form.resource ?? '', form.scope ?? ''].join('|').replaceAll(' ', '+');
};

const EXCHANGES = {
  orders: { audience: 'orders', scopes: ['read'] },
  'orders-write': { audience: 'orders', scopes: ['read', 'write'] },
  'orders-resource': { audience: 'orders', resource: 'https://orders.example', scopes: ['read'] },
  billing: { audience: 'billing', scopes: ['read'] },
  'billing-plain': { audience: 'billing', scopes: undefined },
} as const;
const NAMES = Object.keys(EXCHANGES) as (keyof typeof EXCHANGES)[];

t.test('no token serves another caller, upstream, audience or scope', async (t) => {
  const endpoint = await startTokenEndpoint(t);
  const backend = await startCountingUpstream();
  t.teardown(() => backend.close());
  // Every third is too short to be cached, some come late, some fail.
  let asked = 0;
  endpoint.respond = (request, response) => {
    asked += 1;
    const members = {
      access_token: nameOf(request.subject, request.form),
      expires_in: asked % 3 === 0 ? 30 : 3600,
    };
    const respond: Respond =
      asked % 11 === 0 ? (_, failed) => void failed.writeHead(500).end() : issue(members);
    setTimeout(() => respond(request, response), asked % 5);
  };
  const auth = { clientId: 'gateway', clientSecret: 's' };
  const base = { grant: 'token-exchange', tokenUrl: endpoint.url, auth };
  const { url, token } = await startExchange(t, {
    endpoint,
    file: {
      upstreams: Object.fromEntries(
        NAMES.map((name) => [name, { url: backend.url, exchange: { ...base, ...EXCHANGES[name] } }]),
      ),
    },
    routes: NAMES.map((name) => ({
      name,
      path: `/${name}`,
      upstream: name,
      access: 'authenticated',
      tokenFrom: [{ cookie: 'session' }],
    })),
  });
  // Two tokens of one subject differ as much as those of two.
  const callers = ['ada', 'bob', 'ada '].flatMap((sub) =>
    ['', 'a', 'a b'].map((scope) => ({ sub, scope, raw: token({ sub, scope }) })),
  );
  const wrong: string[] = [];
  let served = 0;
  const ask = async (at: number): Promise<void> => {
    const name = NAMES[at % NAMES.length] as (typeof NAMES)[number];
    const { sub, scope, raw } = callers[(at * 7) % callers.length] as (typeof callers)[number];
    const headers: Record<string, string> =
      at % 4 === 0 ? { cookie: `session=${raw}` } : { authorization: `Bearer ${raw}` };
    const response = await fetch(`${url}/${name}/${at}`, { headers });
    if (response.status !== 200) return;
    served += 1;
    const seen = backend.requests.find(({ target }) => target === `/${name}/${at}`);
    const { audience, scopes, ...rest } = { resource: '', ...EXCHANGES[name] };
    const expected = [sub, scope, audience, rest.resource, (scopes ?? []).join(' ')].join('|');
    const got = seen?.headers.authorization;
    if (got !== `Bearer ${expected.replaceAll(' ', '+')}`) wrong.push(`${name} ${sub}: ${got}`);
  };
  for (let round = 0; round < 20; round += 1)
    await Promise.all(Array.from({ length: 30 }, (_, at) => ask(round * 30 + at)));
  t.strictSame(wrong, []);
  t.ok(served > 400, `${served} served`);
  t.ok(endpoint.requests.length < 400, `${endpoint.requests.length} asked`);
  const all = JSON.stringify(backend.requests.map(({ rawHeaders, target }) => [rawHeaders, target]));
  for (const { raw } of callers) t.notOk(all.includes(raw.slice(-60)));
});
