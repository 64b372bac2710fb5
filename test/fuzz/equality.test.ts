import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { ClientRequest } from './equality/requests.ts';
import type { CaseResult, Task } from './equality/run-cases.ts';
import { readTable } from './equality/table.ts';
import { UNAVOIDABLE } from './equality/unavoidable.ts';

/*
 * One engine: a request gets the same decision, code and identity from the proxy mode and from every way of asking, and its backend gets the
 * same fields once an asking proxy has changed what the reply names. What a way cannot do is a table in docs/other-proxies.md.
 */

/** 10,000 in CI; `npm run fuzz` runs a million, or for its minutes. */
const CASES = Number(process.env.FUZZ_CASES ?? 10_000);
const MINUTES = Number(process.env.FUZZ_MINUTES ?? 1);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000_000);
/** A case that was printed, to play it again. */
const REPLAYED =
  process.env.EQUALITY_CASE === undefined
    ? undefined
    : (JSON.parse(process.env.EQUALITY_CASE) as ClientRequest);
const PROCESSES = REPLAYED === undefined ? 2 : 1;
/** Fewer cases need not have everything in them. */
const ENOUGH = 5_000;

/** Every code that a decision on a request without a body can have while all keys are there. */
const CODES = [
  ...['allow', 'ambiguous_path', 'bad_request', 'multiple_tokens', 'upgrade_refused', 'expectation_failed'],
  ...['token_missing', 'token_malformed', 'token_expired', 'token_not_yet_valid', 'issuer_unknown'],
  ...[
    'issuer_not_allowed',
    'audience_mismatch',
    'algorithm_not_allowed',
    'signature_invalid',
    'type_not_allowed',
    'step_up_required',
    'token_bound',
    'binding_required',
    'dpop_proof_invalid',
  ],
  ...['claim_missing', 'insufficient_scope', 'role_missing', 'claim_mismatch', 'condition_failed'],
  ...[
    'identity_incomplete',
    'identity_too_large',
    'origin_not_allowed',
    'route_unknown',
    'method_not_allowed',
  ],
];

t.test('the table of differences is the one that the test knows', async (t) => {
  t.strictSame(
    readTable(),
    UNAVOIDABLE.map(({ ways, what }) => ({ ways, what })),
  );
});

t.test(
  'every way of asking decides as the proxy mode does',
  { timeout: MINUTES * 60_000 + 60_000 },
  async (t) => {
    t.comment(`seed ${SEED}`);
    const results = await Promise.all(
      Array.from({ length: PROCESSES }, (_, at) =>
        runCases({
          cases: Math.ceil(CASES / PROCESSES),
          seed: SEED + at,
          minutes: MINUTES,
          replayed: REPLAYED,
        }),
      ),
    );
    for (const { failure, cases, errors } of results) {
      t.strictSame(errors, []);
      if (failure !== undefined)
        t.fail(`a difference that the table does not name, after ${cases} cases`, {
          found: failure.found,
          again: `EQUALITY_CASE='${JSON.stringify(failure.request)}' npx tap test/fuzz/equality.test.ts`,
        });
    }
    const cases = results.reduce((sum, result) => sum + result.cases, 0);
    const codes = total(results.map((result) => result.codes));
    const rows = total(results.map((result) => result.rows));
    t.comment(`${cases} cases; ${describe(codes)}`);
    t.comment(`differences of the table: ${describe(rows)}`);
    if (cases < ENOUGH || !t.passing()) return;
    for (const { ways, what, explains } of UNAVOIDABLE) {
      if (typeof explains === 'string') continue;
      for (const way of ways) t.ok(rows.has(`${way}: ${what}`), `seen: ${way}: ${what}`);
    }
    for (const code of CODES) t.ok(codes.has(code), `seen: ${code}`);
    t.ok((codes.get('allow') ?? 0) > cases / 20, 'enough is allowed');
  },
);

async function runCases(task: Task): Promise<CaseResult> {
  const child = fork(fileURLToPath(new URL('equality/run-cases.ts', import.meta.url)), [], {
    execArgv: ['--import=tsx'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  child.send(task);
  const [result] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the process ended with ${code}`))),
  ]);
  return result as CaseResult;
}

function total(counts: readonly Readonly<Record<string, number>>[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const one of counts)
    for (const [name, number] of Object.entries(one)) sums.set(name, (sums.get(name) ?? 0) + number);
  return sums;
}

function describe(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort((one, other) => other[1] - one[1])
    .map(([name, number]) => `${name} ${number}`)
    .join(', ');
}
