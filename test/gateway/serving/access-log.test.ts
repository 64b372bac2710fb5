import t from 'tap';
import { createAccessLog } from '../../../src/telemetry/access-log.ts';
import { createLogger } from '../../../src/telemetry/logger.ts';
import type { RequestRecord } from '../../../src/telemetry/request-record.ts';
import { liveText, startLiveGateway } from '../../support/gateway/live-gateway.ts';

const CONTRACT_FIELDS = [
  'time',
  'level',
  'requestId',
  'method',
  'path',
  'status',
  'route',
  'code',
  'reason',
  'issuer',
  'client',
  'durationMs',
  'upstream',
  'upstreamAddress',
  'upstreamMs',
];

t.test('an access line has the documented fields, and no others', async (t) => {
  const live = await startLiveGateway(t, liveText());
  const allowed = live.nextLine('request');
  await (await live.get('/a?secret=1')).text();
  const line = await allowed;
  t.same(Object.keys(line).sort(), [...CONTRACT_FIELDS.filter((field) => field !== 'reason'), 'msg'].sort());
  t.match(line, { path: '/a', status: 200, route: 'a', code: 'allow', issuer: 'corp', client: '127.0.0.1' });
  const refused = live.nextLine('request');
  await (await live.get('/a', 'nonsense')).text();
  t.match(await refused, { status: 401, code: 'token_malformed', reason: /./ });
});

for (const [form, expected] of [
  ['none', undefined],
  ['plain', 'alice'],
  ['hash', /^[\w-]{22}$/],
] as const) {
  t.test(`log.subject: ${form} applies to allowed and to refused requests`, async (t) => {
    const live = await startLiveGateway(
      t,
      liveText({
        top: `log: { subject: ${form} }`,
        routes: '  - { name: s, path: /s, upstream: backend, access: { scopes: [none] } }',
      }),
    );
    for (const [path, status] of [
      ['/a', 200],
      ['/s', 403],
    ] as const) {
      const line = live.nextLine('request');
      await (await live.get(path)).text();
      t.match(await line, { status });
      if (expected === undefined) t.notOk('subject' in (await line));
      else t.match((await line).subject, expected);
    }
    const bad = live.nextLine('request');
    await (await live.get('/a', `${live.token()}x`)).text();
    t.notOk('subject' in (await bad), 'a token that does not hold names nobody');
  });
}

t.test('sampling leaves out uneventful requests only', async (t) => {
  const lines: string[] = [];
  let drawn = 0;
  const log = createLogger('info', { write: (line) => lines.push(line) });
  const write = createAccessLog({
    log,
    allowedShare: () => 0.5,
    random: () => (drawn++ % 2 === 0 ? 0.9 : 0.1),
  });
  const record: RequestRecord = {
    requestId: 'r',
    method: 'GET',
    path: '/',
    status: 200,
    route: 'a',
    code: 'allow',
    reason: undefined,
    issuer: undefined,
    client: '127.0.0.1',
    durationMs: 1,
    upstreamMs: 1,
    subject: undefined,
  };
  for (let n = 0; n < 10; n += 1) write(record);
  t.equal(lines.length, 5);
  for (let n = 0; n < 10; n += 1) {
    write({ ...record, status: 401, code: 'token_expired' });
    write({ ...record, status: 502, code: 'allow' });
    write({ ...record, wouldRefuse: 'insufficient_scope' });
  }
  t.equal(lines.length, 35);
});
