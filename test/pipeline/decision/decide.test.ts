import t from 'tap';
import { isRefusal, refuse } from '../../../src/core/refusals.ts';
import { decide } from '../../../src/pipeline/decision/decide.ts';
import type { TokenVerifier } from '../../../src/tokens/verifier.ts';
import {
  decideNow,
  fakeVerifier,
  fieldsOf,
  fileWith,
  gateOf,
  permitOf,
  requestOf,
  resultOf,
  tokenOf,
} from '../../support/pipeline/gate.ts';

const verifier = fakeVerifier({
  good: tokenOf({ sub: 'alice', iss: 'https://corp.example' }, { scopes: ['a', 'b'] }),
  expired: refuse('token_expired', 'too late'),
});

const gate = await gateOf(
  fileWith([
    { name: 'open', path: '/open' },
    { name: 'passing', path: '/passing', passAuthorization: true },
    { name: 'maybe', path: '/maybe', access: 'optional' },
    { name: 'maybe-passing', path: '/maybe-passing', access: 'optional', passAuthorization: true },
    { name: 'guarded', path: '/guarded', access: 'authenticated' },
    { name: 'scoped', path: '/scoped', access: { scopes: ['c'] }, methods: ['GET'] },
    { name: 'handing', path: '/handing', access: 'authenticated', identity: { forwardToken: true } },
  ]),
  verifier,
);

const bearer = (token: string) => ['Authorization', `Bearer ${token}`] as const;

t.test('each form of access admits what it should and nothing else', async (t) => {
  const credentials: Record<string, readonly string[]> = {
    none: [],
    good: bearer('good'),
    bad: bearer('bad'),
    expired: bearer('expired'),
    basic: ['Authorization', 'Basic YTpi'],
    malformed: ['Authorization', 'Bearer'],
    two: [...bearer('good'), ...bearer('good')],
  };
  const table: Record<string, Record<string, string>> = {
    '/open': {
      none: 'allow',
      good: 'allow',
      bad: 'allow',
      expired: 'allow',
      basic: 'allow',
      malformed: 'allow',
      two: 'multiple_tokens',
    },
    '/maybe': {
      none: 'allow',
      good: 'allow',
      bad: 'signature_invalid',
      expired: 'token_expired',
      basic: 'allow',
      malformed: 'token_malformed',
      two: 'multiple_tokens',
    },
    '/guarded': {
      none: 'token_missing',
      good: 'allow',
      bad: 'signature_invalid',
      expired: 'token_expired',
      basic: 'token_missing',
      malformed: 'token_malformed',
      two: 'multiple_tokens',
    },
    '/scoped': {
      none: 'token_missing',
      good: 'insufficient_scope',
      bad: 'signature_invalid',
      expired: 'token_expired',
      basic: 'token_missing',
      malformed: 'token_malformed',
      two: 'multiple_tokens',
    },
  };
  for (const [path, results] of Object.entries(table)) {
    for (const [credential, expected] of Object.entries(results)) {
      t.equal(
        resultOf(gate, requestOf(`GET ${path}`, ...(credentials[credential] ?? []))),
        expected,
        `${path} ${credential}`,
      );
    }
  }
});

t.test('scheme tricks never pass (RFC 6750 §2.1)', async (t) => {
  const table: Record<string, string> = {
    'Bearer good': 'allow',
    'bearer good': 'allow',
    'BEARER good': 'allow',
    '': 'token_missing',
    Basic: 'token_missing',
    'Basic good': 'token_missing',
    'DPoP good': 'token_missing',
    good: 'token_missing',
    'Bearergood x': 'token_missing',
    'Bearer:good': 'token_missing',
    Bearer: 'token_malformed',
    'Bearer ': 'token_malformed',
    'Bearer  good': 'token_malformed',
    'Bearer\tgood': 'token_malformed',
    'Bearer \tgood': 'token_malformed',
    'Bearer good ': 'token_malformed',
    'Bearer good good': 'token_malformed',
    'Bearer good, Bearer good': 'multiple_tokens',
    'Bearer good,bearer good': 'multiple_tokens',
  };
  for (const [value, expected] of Object.entries(table)) {
    t.equal(
      resultOf(gate, requestOf('GET /guarded', 'Authorization', value)),
      expected,
      JSON.stringify(value),
    );
  }
});

t.test('the steps refuse in the order of the contract', async (t) => {
  const two = [...bearer('bad'), ...bearer('bad')];
  t.equal(resultOf(gate, requestOf('GET //guarded', 'Host', 'a@b', ...two)), 'ambiguous_path');
  t.equal(resultOf(gate, requestOf('GET /nowhere', 'Host', 'a@b', ...two)), 'bad_request');
  t.equal(resultOf(gate, requestOf('GET /nowhere', ...two)), 'route_unknown');
  t.equal(resultOf(gate, requestOf('POST /scoped', ...two)), 'method_not_allowed');
  t.equal(resultOf(gate, requestOf('GET /scoped', ...two)), 'multiple_tokens');
  t.equal(resultOf(gate, requestOf('CONNECT gw.example:443')), 'method_not_allowed');
  t.equal(resultOf(gate, requestOf('TRACE /open')), 'method_not_allowed');
});

t.test('a refusal still names its route', async (t) => {
  t.match(decideNow(gate, requestOf('GET /scoped', ...bearer('good'))), {
    route: { name: 'scoped' },
    outcome: { code: 'insufficient_scope', scopes: ['c'], issuer: 'corp' },
  });
  t.match(decideNow(gate, requestOf('GET /nowhere')), { route: undefined });
});

t.test('identity comes from the token alone, on every route', async (t) => {
  const spoofed = ['X-User-Id', 'root', 'x_user_id', 'root', 'X-Sealgate-Assertion', 'x', 'X-Ok', 'kept'];
  for (const path of ['/open', '/maybe', '/passing']) {
    const { headers, identity } = permitOf(gate, requestOf(`GET ${path}`, ...spoofed));
    t.strictSame([headers.passed, identity], [['X-Ok', 'kept'], []], path);
  }
  const { headers, identity } = permitOf(gate, requestOf('GET /guarded', ...spoofed, ...bearer('good')));
  t.strictSame(headers.passed, ['X-Ok', 'kept']);
  t.strictSame(fieldsOf(identity), {
    'x-user-id': 'alice',
    'x-user-issuer': 'https://corp.example',
    'x-user-scopes': 'a b',
  });
});

t.test('Authorization is forwarded only where the route sets that', async (t) => {
  const sent = (path: string, value: string) =>
    permitOf(gate, requestOf(`GET ${path}`, 'Authorization', value)).credentials;
  for (const path of ['/open', '/maybe', '/guarded']) t.strictSame(sent(path, 'Bearer good'), [], path);
  t.strictSame(sent('/handing', 'Bearer good'), ['authorization', 'Bearer good']);
  t.strictSame(sent('/passing', 'Basic YTpi'), ['authorization', 'Basic YTpi']);
  t.strictSame(sent('/maybe-passing', 'Basic YTpi'), ['authorization', 'Basic YTpi']);
  t.strictSame(sent('/maybe-passing', 'Bearer good'), ['authorization', 'Bearer good']);
});

t.test('a verifier that waits for keys makes the decision a promise, with the same outcome', async (t) => {
  const waiting: TokenVerifier = { verify: async (...input) => verifier.verify(...input) };
  const slow = await gateOf(fileWith([{ access: 'authenticated' }]), waiting);
  const decision = decide(slow, requestOf('GET /', ...bearer('good')));
  t.ok(decision instanceof Promise);
  t.notOk(isRefusal((await decision).outcome));
  t.match((await decide(slow, requestOf('GET /', ...bearer('bad')))).outcome, { code: 'signature_invalid' });
});

t.test('a token that is checked again gives the same headers, and another token its own', async (t) => {
  const first = permitOf(gate, requestOf('GET /guarded', ...bearer('good')));
  const second = permitOf(gate, requestOf('GET /guarded', ...bearer('good')));
  t.equal(first.identity, second.identity, 'remembered');
  const many = Object.fromEntries(
    Array.from({ length: 50 }, (_, at) => [`t${at}`, tokenOf({ sub: `s${at}` })]),
  );
  const mixed = await gateOf(fileWith([{ access: 'authenticated' }]), fakeVerifier(many));
  for (const name of [...Object.keys(many), ...Object.keys(many)]) {
    const { identity } = permitOf(mixed, requestOf('GET /', ...bearer(name)));
    t.strictSame(identity.slice(0, 2), ['x-user-id', name.replace('t', 's')]);
  }
});

t.test('the trace of a refused request ends with the step that refused', async (t) => {
  const steps: { step: string; ok: boolean }[] = [];
  const trace = { showClaims: false, add: (step: { step: string; ok: boolean }) => void steps.push(step) };
  await decide(gate, requestOf('GET /scoped', ...bearer('good')), trace);
  t.strictSame(
    steps.map(({ step, ok }) => [step, ok]),
    [
      ['path', true],
      ['host', true],
      ['match', true],
      ['token', true],
      ['issuers', true],
      ['audiences', true],
      ['binding', true],
      ['scopes', false],
    ],
  );
});
