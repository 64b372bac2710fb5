import { readFileSync } from 'node:fs';
import t from 'tap';
import { REFUSALS, type RefusalRow } from '../../src/core/refusals.ts';

const page = readFileSync(new URL('../../docs/refusals.md', import.meta.url), 'utf8');
const documented = new Map(
  [...page.matchAll(/^\| `(\w+)` +\| (\d{3}) +\|/gm)].map(([, code, status]) => [code, Number(status)]),
);

t.test('docs/refusals.md names every refusal with its status, and no other', async (t) => {
  for (const [code, row] of Object.entries(REFUSALS)) t.equal(documented.get(code), row.status, code);
  t.same([...documented.keys()].sort(), Object.keys(REFUSALS).sort());
});

t.test('every 401 and the lack of scopes have a challenge, and nothing else has', async (t) => {
  for (const [code, row] of Object.entries<RefusalRow>(REFUSALS)) {
    t.equal(row.challenge !== undefined, row.status === 401 || code === 'insufficient_scope', code);
  }
});

t.test('only the absence of a token is a challenge without error', async (t) => {
  const bare = Object.entries<RefusalRow>(REFUSALS).filter(([, { challenge }]) => challenge === 'none');
  t.same(
    bare.map(([code]) => code),
    ['token_missing'],
  );
});
