import t from 'tap';
import { isRefusal, refuse } from '../../../src/core/refusals.ts';
import { decide } from '../../../src/pipeline/decision/decide.ts';
import type { Gate } from '../../../src/pipeline/gate.ts';
import type { RequestFacts } from '../../../src/pipeline/messages/request.ts';
import type { LimitStore } from '../../../src/pipeline/rate-limit/limit-store.ts';
import {
  compileFile,
  decideNow,
  fakeVerifier,
  fileWith,
  gateOf,
  requestOf,
  resultOf,
  tokenOf,
} from '../../support/pipeline/gate.ts';

const APP = 'https://app.example.com';
const verifier = fakeVerifier({
  alice: tokenOf({ sub: 'alice' }),
  bob: tokenOf({ sub: 'bob' }),
  late: refuse('token_expired', 'late'),
});
const bearer = (name: string) => ['Authorization', `Bearer ${name}`];
const preflight = (path: string, method: string, origin = APP) =>
  requestOf(`OPTIONS ${path}`, 'Origin', origin, 'Access-Control-Request-Method', method);

const headersOf = (gate: Gate, request: RequestFacts) => decideNow(gate, request).addedHeaders ?? [];

t.test('a preflight needs no token, even where the route does not take OPTIONS', async (t) => {
  const gate = await gateOf(
    fileWith([
      { path: '/a', access: 'authenticated', methods: ['PUT'], cors: { origins: [APP] } },
      { path: '/a', access: 'authenticated', methods: ['GET'] },
      { path: '/b', access: 'authenticated' },
    ]),
    verifier,
  );
  t.equal(resultOf(gate, preflight('/a', 'PUT')), 'preflight');
  t.equal(decideNow(gate, preflight('/a', 'PUT')).route?.name, 'r0');
  t.equal(resultOf(gate, preflight('/a', 'PUT', 'https://evil.example')), 'origin_not_allowed');
  t.equal(resultOf(gate, preflight('/a', 'GET')), 'method_not_allowed', 'that route has no cors');
  t.equal(resultOf(gate, preflight('/a', 'DELETE')), 'method_not_allowed');
  t.equal(resultOf(gate, preflight('/b', 'GET')), 'token_missing', 'nor has this one');
  t.equal(resultOf(gate, preflight('/c', 'GET')), 'route_unknown');
  t.equal(resultOf(gate, preflight('/a/../b', 'PUT')), 'ambiguous_path', 'the path comes first');
  t.equal(resultOf(gate, requestOf('OPTIONS /b', 'Origin', APP)), 'token_missing', 'no preflight');
});

t.test('a refused preflight reveals nothing of the rules', async (t) => {
  const gate = await gateOf(fileWith([{ cors: { origins: [APP], credentials: true } }]), verifier);
  t.strictSame(headersOf(gate, preflight('/', 'GET', 'https://evil.example')), ['vary', 'Origin']);
});

t.test('every response of the route carries its CORS fields, refusals too', async (t) => {
  const gate = await gateOf(
    fileWith([
      { access: { scopes: ['x'] }, cors: { origins: [APP] }, rateLimit: { max: 9, window: '1h', by: 'ip' } },
    ]),
    verifier,
  );
  for (const [credentials, code] of [
    [[], 'token_missing'],
    [bearer('late'), 'token_expired'],
    [bearer('alice'), 'insufficient_scope'],
    [[...bearer('alice'), ...bearer('bob')], 'multiple_tokens'],
  ] as const) {
    const request = requestOf('GET /', 'Origin', APP, ...credentials);
    t.equal(resultOf(gate, request), code);
    const headers = headersOf(gate, request);
    t.match(headers.slice(0, 4), ['vary', 'Origin', 'access-control-allow-origin', APP], code);
    t.ok(headers.includes('ratelimit'), code);
  }
});

t.test('a 405 may be read by the scripts that the routes of its path let in, and by no others', async (t) => {
  const gate = await gateOf(
    fileWith([
      { path: '/a', methods: ['GET'] },
      { path: '/a', methods: ['PUT'], cors: { origins: [APP] } },
      { path: '/b', methods: ['GET'] },
    ]),
    verifier,
  );
  const response = (target: string, origin: string) => headersOf(gate, requestOf(target, 'Origin', origin));
  t.match(response('DELETE /a', APP), ['vary', 'Origin', 'access-control-allow-origin', APP]);
  t.strictSame(response('DELETE /a', 'https://evil.example'), ['vary', 'Origin']);
  t.strictSame(response('DELETE /b', APP), []);
  t.strictSame(response('DELETE /c', APP), []);
});

t.test('limits by address come before the token, so guessing at tokens is limited', async (t) => {
  const gate = await gateOf(
    fileWith([{ access: 'authenticated', rateLimit: { max: 3, window: '1h', by: 'ip' } }]),
    verifier,
  );
  const results = ['x', 'y', 'z', 'alice'].map((name) => resultOf(gate, requestOf('GET /', ...bearer(name))));
  t.strictSame(results, ['signature_invalid', 'signature_invalid', 'signature_invalid', 'rate_limited']);
  t.equal(resultOf(gate, { ...requestOf('GET /', ...bearer('alice')), clientAddress: '192.0.2.9' }), 'allow');
});

t.test('limits by subject come after access: what is refused before costs nobody anything', async (t) => {
  const gate = await gateOf(
    fileWith([{ access: 'authenticated', rateLimit: { max: 1, window: '1h', by: 'subject' } }]),
    verifier,
  );
  for (let i = 0; i < 5; i++) t.equal(resultOf(gate, requestOf('GET /', ...bearer('late'))), 'token_expired');
  t.equal(resultOf(gate, requestOf('GET /', ...bearer('alice'))), 'allow');
  t.equal(resultOf(gate, requestOf('GET /', ...bearer('alice'))), 'rate_limited');
  t.equal(resultOf(gate, requestOf('GET /', ...bearer('bob'))), 'allow');
});

t.test('an optional route counts who is nobody by address', async (t) => {
  const gate = await gateOf(
    fileWith([{ access: 'optional', rateLimit: { max: 1, window: '1h', by: 'subject' } }]),
    verifier,
  );
  t.equal(resultOf(gate, requestOf('GET /')), 'allow');
  t.equal(resultOf(gate, requestOf('GET /')), 'rate_limited');
  t.equal(resultOf(gate, requestOf('GET /', ...bearer('alice'))), 'allow');
});

t.test('routes do not share their counters, and a reload keeps them', async (t) => {
  const file = fileWith([
    { path: '/a', rateLimit: { max: 1, window: '1h', by: 'ip' } },
    { path: '/b', rateLimit: { max: 1, window: '1h', by: 'ip' } },
  ]);
  const counted = new Map<string, number>();
  const limitStore: LimitStore = {
    take(key) {
      counted.set(key, (counted.get(key) ?? 0) + 1);
      return { allowed: true, remaining: 0, resetMs: 0, retryMs: 0 };
    },
    close: async () => {},
  };
  for (let reload = 0; reload < 2; reload++) {
    const { gate } = await compileFile(file, { verifier, limitStore });
    for (const path of ['/a', '/b']) t.equal(resultOf(gate, requestOf(`GET ${path}`)), 'allow');
  }
  t.strictSame([...counted.values()], [2, 2]);
});

t.test('a shared store is waited for in both places', async (t) => {
  const responses: (boolean | undefined)[] = [];
  const limitStore: LimitStore = {
    async take() {
      const allowed = responses.shift();
      return allowed === undefined ? undefined : { allowed, remaining: 0, resetMs: 0, retryMs: 0 };
    },
    close: async () => {},
  };
  const file = fileWith([
    {
      access: 'authenticated',
      rateLimit: [
        { max: 1, window: '1h', by: 'ip' },
        { max: 1, window: '1h', by: 'subject' },
      ],
    },
  ]);
  const { gate } = await compileFile(file, { verifier, limitStore });
  for (const [given, code] of [
    [[true, true], 'allow'],
    [[false], 'rate_limited'],
    [[true, false], 'rate_limited'],
    [[undefined], 'overloaded'],
    [[true, undefined], 'overloaded'],
  ] as const) {
    responses.splice(0, 9, ...given);
    const { outcome } = await decide(gate, requestOf('GET /', ...bearer('alice')));
    t.equal(isRefusal(outcome) ? outcome.code : 'allow', code, JSON.stringify(given));
  }
});

t.test('a WebSocket of an origin that is not listed is refused before its token is looked at', async (t) => {
  const cors = { origins: [APP] };
  const gate = await gateOf(fileWith([{ access: 'authenticated', cors, websocket: true }]), verifier);
  const upgrade = (...headers: string[]) => ({ ...requestOf('GET /', ...headers), isUpgrade: true });
  t.equal(
    resultOf(gate, upgrade('Origin', 'https://evil.example', ...bearer('alice'))),
    'origin_not_allowed',
  );
  t.equal(resultOf(gate, upgrade('Origin', APP, 'Origin', APP, ...bearer('alice'))), 'origin_not_allowed');
  t.equal(resultOf(gate, upgrade('Origin', APP, ...bearer('alice'))), 'allow');
  t.equal(resultOf(gate, upgrade(...bearer('alice'))), 'allow', 'no browser');
  t.equal(
    resultOf(gate, requestOf('GET /', 'Origin', 'https://evil.example', ...bearer('alice'))),
    'allow',
    'a plain request of another origin is served, and its response unreadable to scripts',
  );
});

t.test(
  'a route without websocket: true refuses the handshakes of clients that may use it; others do not learn of it',
  async (t) => {
    const gate = await gateOf(fileWith([{ access: 'authenticated' }]), verifier);
    const upgrade = (...headers: string[]) => ({ ...requestOf('GET /', ...headers), isUpgrade: true });
    t.equal(resultOf(gate, upgrade()), 'token_missing');
    t.equal(resultOf(gate, upgrade(...bearer('alice'))), 'upgrade_refused');
    t.equal(resultOf(gate, requestOf('GET /', ...bearer('alice'))), 'allow');
  },
);
