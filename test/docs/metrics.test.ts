import { readFileSync } from 'node:fs';
import t from 'tap';
import { startTokenEndpoint } from '../support/exchange/token-endpoint.ts';
import { liveText, startLiveGateway } from '../support/gateway/live-gateway.ts';
import { askOnce, QUESTIONS } from '../support/gateway/questions.ts';
import { openEndpoint, sendJson } from '../support/tokens/scripted-endpoint.ts';

const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
const section = /\n## Metrics\n([\s\S]*?)\n## /.exec(page)?.[1] ?? '';
const quoted = (text: string): string[] => [...text.matchAll(/`(\w+)`/g)].map(([, word]) => word as string);

/** Each metric of the page with its labels, and the words of its row. */
const documented = new Map(
  [...section.matchAll(/^\| (`sealgate_[^|]*)\|([^|]*)\|(.*)\|$/gm)].flatMap(
    ([, names = '', labels = '', what = '']) =>
      quoted(names).map((name) => [name, { labels: quoted(labels), words: quoted(what) }] as const),
  ),
);

t.test('the page lists the metrics of the gateway, with their labels and outcomes', async (t) => {
  const token = await startTokenEndpoint(t);
  const introspection = await openEndpoint((_, response) =>
    sendJson(response, { active: true, aud: 'api', sub: 'alice' }),
  );
  t.teardown(() => introspection.close());
  const auth = 'auth: { clientId: g, clientSecret: s }';
  const live = await startLiveGateway(
    t,
    liveText({
      top: 'revocation: { file: revoked.jsonl }\ndecisions: { port: 0 }\ndefaults: { issuers: [corp, opaque] }',
      listen: ', publicUrl: "https://api.example.com"',
      corp: ', dpop: {}',
      issuers: `  opaque: { issuer: "${introspection.origin}", audiences: [api], jwks: none, introspection: { url: "${introspection.url}", ${auth} } }`,
      upstreams: `  own: { url: BACKEND, exchange: { grant: jwt-bearer, tokenUrl: "${token.url}", ${auth}, audience: a } }`,
      routes: `  - { name: own, path: /own, upstream: own, access: authenticated }
  - { name: trial, path: /trial, upstream: backend, mode: report, access: { scopes: [none] } }`,
    }),
  );
  const { decisionsUrl } = live.lines.find(({ msg }) => msg === 'listening') as unknown as {
    readonly decisionsUrl: string;
  };
  for (const [path, own] of [['/own'], ['/trial'], ['/a', 'opaque']] as const) {
    const response = await live.get(path, own);
    t.equal(response.status, 200, path);
    await response.arrayBuffer();
  }
  await askOnce(decisionsUrl, QUESTIONS['auth-request']('/a', [`Authorization: Bearer ${live.token()}`]));

  const text = await (await live.admin('/metrics')).text();
  const names = [...text.matchAll(/^# TYPE (sealgate_\w+) /gm)].map(([, name]) => name as string);
  t.same([...documented.keys()].sort(), names.sort());

  const seen = new Map<string, Map<string, Set<string>>>();
  for (const [, sample = '', pairs = ''] of text.matchAll(/^(sealgate_\w+)(?:\{(.*)\})? /gm)) {
    const name = names.includes(sample) ? sample : sample.replace(/_(?:bucket|sum|count)$/, '');
    const labels = seen.get(name) ?? new Map<string, Set<string>>();
    seen.set(name, labels);
    for (const [, label = '', value = ''] of pairs.matchAll(/(\w+)="([^"]*)"/g))
      if (label !== 'le') labels.set(label, (labels.get(label) ?? new Set()).add(value));
  }
  for (const [name, { labels, words }] of documented) {
    const found = seen.get(name);
    if (found === undefined) continue;
    t.same([...found.keys()].sort(), [...labels].sort(), `${name}: labels`);
    for (const label of ['outcome', 'state', 'result']) {
      for (const value of found.get(label) ?? []) t.ok(words.includes(value), `${name}: ${label} ${value}`);
      if (found.has(label))
        t.same(
          words.filter((word) => !found.get(label)?.has(word)),
          [],
          `${name}: no other ${label}`,
        );
    }
  }
  t.same(seen.get('sealgate_endpoint_requests_total')?.get('endpoint'), new Set(['introspection', 'token']));
  t.same(seen.get('sealgate_endpoint_requests_total')?.get('name'), new Set(['opaque', 'own']));
  for (const endpoint of ['introspection', 'token']) t.match(section, `\`endpoint="${endpoint}"\``);
});

t.test('the pages of what they are about link there', async (t) => {
  for (const name of ['introspection', 'token-exchange', 'dpop', 'revocation']) {
    const text = readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8');
    t.match(text, '(operations.md#metrics)', name);
  }
});
