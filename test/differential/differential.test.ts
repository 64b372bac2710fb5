import t from 'tap';
import { exchangeRaw } from '../support/clients/raw.ts';
import { openDifferentialHarness } from './harness.ts';
import { mayReach } from './reach-model.ts';
import { type BackendName, whyNot } from './real-backends.ts';

const BACKENDS: readonly BackendName[] = ['nginx', 'apache', 'node'];
/** 10,000 cases in CI, a third for each backend; `npm run fuzz` runs a million, or for its minutes. */
const CASES = Math.ceil(Number(process.env.FUZZ_CASES ?? 10_000) / BACKENDS.length);
const MINUTES = Number(process.env.FUZZ_MINUTES ?? 10) / BACKENDS.length;

t.test('the model knows what stays public', async (t) => {
  for (const target of [
    '/public',
    '/public/',
    '/public/x?y=/../admin',
    '/%70ublic/a%20b',
    '/public/100%25',
    '/public/%c3%a9',
  ]) {
    t.equal(mayReach(`GET ${target} HTTP/1.1`), true, target);
  }
  for (const line of [
    ...[
      '/admin',
      '/',
      '/publicx',
      '/Public',
      '/public/../admin',
      '/public/%2e%2e/x',
      '/public//x',
      '/public/%2f',
      '/public;x',
    ],
    ...[
      '/public/%252e',
      '/public/%zz',
      '/public/%c0%ae',
      '/public/\xe9',
      '/public#',
      'http://x/public',
      '*',
      '/public/%00',
    ],
  ].map((target) => `GET ${target} HTTP/1.1`)) {
    t.equal(mayReach(line), false, line);
  }
  for (const line of [
    'TRACE /public HTTP/1.1',
    'get /public HTTP/1.1',
    'GET /public HTTP/1.0',
    'GET /public',
    '',
  ]) {
    t.equal(mayReach(line), false, line);
  }
});

for (const name of BACKENDS) {
  t.test(`${name} never gets a request that the model forbids`, { skip: whyNot(name) }, async (t) => {
    const { harness, play } = await openDifferentialHarness(t, [name]);
    const host = `${name}.example`;
    const open = await exchangeRaw(harness.port, `GET /public/x HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    t.strictSame(open.response?.headers['x-area'], ['public'], 'the public area is open');
    const token = await harness.issuer.token();
    const shown = await exchangeRaw(
      harness.port,
      `GET /admin HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    );
    t.strictSame(shown.response?.headers['x-area'], ['admin'], 'the protected one is there for who may');

    const seed = Date.now() % 1_000_000_000;
    t.comment(`seed ${seed}`);
    const { bypasses, reached, cases } = await play({
      cases: CASES,
      seed,
      untilMs: performance.now() + MINUTES * 60_000,
    });
    t.comment(`${cases} cases, ${reached} requests reached ${name}, ${bypasses.length - 1} bypasses`);
    // The one request that had a token.
    t.strictSame(
      bypasses.filter((line) => line !== 'a backend took "GET /admin HTTP/1.1"'),
      [],
    );
    t.ok(cases > 0);
    t.ok(reached > 100, `${reached} of ${cases} went up`);
    t.strictSame(
      harness.warnings.filter(({ level }) => level === 'error'),
      [],
    );
  });
}
