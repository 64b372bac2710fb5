import { readFileSync } from 'node:fs';
import t from 'tap';
import { CAUSES } from '../../src/core/causes.ts';
import { REFUSALS } from '../../src/core/refusals.ts';
import { failureOf } from '../../src/proxy/failure.ts';
import { UPSTREAM_FAULTS } from '../../src/proxy/upstream-faults.ts';

t.test('every fault of a backend has a reason of its own, which the documentation explains', async (t) => {
  const documented = readFileSync(new URL('../../docs/refusals.md', import.meta.url), 'utf8');
  const reasons = new Set<string>();
  for (const [fault, { cause, reason }] of Object.entries(UPSTREAM_FAULTS)) {
    t.equal(REFUSALS[CAUSES[cause]].source, 'upstream', fault);
    t.notOk(reasons.has(reason), `${fault}: ${reason}`);
    t.ok(documented.includes(`\`${reason}\``), `${fault}: ${reason}`);
    reasons.add(reason);
  }
});

t.test('a request that a version of HTTP cannot carry is no fault of the backend', async (t) => {
  const failure = (code: string) => failureOf(Object.assign(new Error(), { code }));
  t.match(failure('SEALGATE_REQUEST_UNFIT'), { code: 'bad_request', cause: 'request_unfit' });
  t.match(failure('ERR_HTTP2_HEADER_SINGLE_VALUE'), { code: 'bad_request', cause: 'field_twice' });
});
