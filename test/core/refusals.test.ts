import { readFileSync } from 'node:fs';
import t from 'tap';
import { REFUSALS, type RefusalRow } from '../../src/core/refusals.ts';
import { grpcStatusOf } from '../../src/http/grpc.ts';

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

/** The names of the gRPC status codes (google.rpc.Code). */
const GRPC_NAMES: Readonly<Record<number, string>> = {
  3: 'INVALID_ARGUMENT',
  4: 'DEADLINE_EXCEEDED',
  7: 'PERMISSION_DENIED',
  8: 'RESOURCE_EXHAUSTED',
  12: 'UNIMPLEMENTED',
  13: 'INTERNAL',
  14: 'UNAVAILABLE',
  16: 'UNAUTHENTICATED',
};

t.test('docs/refusals.md has what a client gets with every code, and what would cure it', async (t) => {
  const [, section = ''] = page.split('## What would cure a refusal\n');
  const rows = [...section.matchAll(/^\| `(\w+)` +\| (\d{3}) +\| (.+?) +\| (.+?) +\| (.+?) +\|$/gm)];
  t.same(
    rows.map(([, code, status, challenge, grpc]) => [code, status, challenge, grpc].join(', ')),
    Object.entries<RefusalRow>(REFUSALS).map(([code, { status, challenge }]) => {
      const error = challenge === 'none' ? '`scope`' : `\`error="${challenge}"\`, \`scope\``;
      const grpc = grpcStatusOf(status);
      return [code, status, challenge === undefined ? 'none' : error, `${grpc} ${GRPC_NAMES[grpc]}`].join(
        ', ',
      );
    }),
  );
});
