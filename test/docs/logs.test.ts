import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/logs.md', root), 'utf8');
const sources = (readdirSync(new URL('src', root), { recursive: true }) as string[])
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, text: readFileSync(new URL(`src/${name}`, root), 'utf8') }));

/** Calls with details and a message in fixed words. */
const LOGGED = /\blog\??\.(?:info|warn|error|debug|fatal)\(\s*(?:\{[^}]*\}|\w+(?:\([^)]*\))?),\s*'([^']+)'/g;

t.test('the page has every line that the gateway logs', async (t) => {
  const lines = sources.flatMap(({ name, text }) =>
    [...text.matchAll(LOGGED)].map(([, message = '']) => ({ name, message })),
  );
  t.ok(lines.length > 15, `${lines.length} lines`);
  for (const { name, message } of lines) t.ok(page.includes(`\`${message}\``), `${name}: ${message}`);
});

t.test('the page has the lines of the replay store, which are chosen by its state', async (t) => {
  const { text = '' } = sources.find(({ name }) => name === 'tokens/replay/replay-store-pool.ts') ?? {};
  const [, table = ''] = /const MESSAGES[^{]*\{([\s\S]*?)\n\};/.exec(text) ?? [];
  const messages = [...table.matchAll(/: '([^']+)'/g)].map(([, message = '']) => message);
  t.equal(messages.length, 4);
  for (const message of messages) t.ok(page.includes(`\`${message}\``), message);
});

t.test('every new word of bound and opaque tokens is in the glossary, with its page', async (t) => {
  const glossary = readFileSync(new URL('docs/glossary.md', root), 'utf8');
  const rows = new Map(
    [...glossary.matchAll(/^\| ([^|]+?) +\|(.*)\|$/gm)].map(([, term = '', meaning = '']) => [term, meaning]),
  );
  const pages: Readonly<Record<string, readonly string[]>> = {
    'proof of possession': ['dpop.md', 'client-certificates.md'],
    proof: ['dpop.md'],
    nonce: ['dpop.md#nonces'],
    'replay store': ['dpop.md#each-proof-is-good-once'],
    'bound token': ['dpop.md', 'client-certificates.md'],
    thumbprint: ['dpop.md', 'client-certificates.md'],
    introspection: ['introspection.md'],
    exchange: ['token-exchange.md'],
    'step up': ['step-up.md'],
  };
  for (const [term, links] of Object.entries(pages))
    for (const link of links) t.match(rows.get(term) ?? '', `(${link})`, term);
});
