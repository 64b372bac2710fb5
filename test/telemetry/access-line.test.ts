import t from 'tap';
import { renderAccessLine } from '../../src/telemetry/access-line.ts';
import { createAccessLog } from '../../src/telemetry/access-log.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import type { RequestRecord } from '../../src/telemetry/request-record.ts';

const RECORD: RequestRecord = {
  requestId: '0d6b8a3e-5a55-4a1b-9a49-2f7f0f2f8b11',
  method: 'GET',
  path: '/orders/7',
  status: 200,
  route: 'read-orders',
  code: 'allow',
  reason: undefined,
  issuer: 'corp',
  client: '192.0.2.1',
  durationMs: 1.25,
  upstreamMs: 0.875,
  subject: undefined,
};

const FULL: RequestRecord = { ...RECORD, code: 'key_unknown', reason: 'no key "a"', subject: 'sub|1' };

/** The line as pino's own serializer writes it. */
function writtenByPino(level: 'info' | 'error', record: RequestRecord): Record<string, unknown> {
  const lines: string[] = [];
  const log = createLogger('info', { write: (line) => void lines.push(line) });
  log[level](record, 'request');
  return JSON.parse(lines.join(''));
}

t.test('a line has the fields that pino would write, in the same order', async (t) => {
  const bare = { ...RECORD, route: undefined, issuer: undefined, upstreamMs: undefined };
  for (const record of [RECORD, FULL, bare]) {
    for (const level of ['info', 'error'] as const) {
      const { time, ...ours } = JSON.parse(renderAccessLine(level, record));
      const { time: _, ...theirs } = writtenByPino(level, record);
      t.same(ours, theirs);
      t.same(Object.keys(ours), Object.keys(theirs));
      t.match(renderAccessLine(level, record), /^\{"time":"[^"]+","level":"/, 'its time comes first');
      t.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
  }
});

t.test('no text breaks out of its field or starts another line', async (t) => {
  const hostile = [
    '"',
    '\\',
    'a\r\nb',
    '","status":200,"x":"',
    '\u0000\u001b[31m',
    '\u007f\u0085',
    '\u2028',
    '\ud800',
    'é☃𝄞',
    '\\u0022',
    '',
  ];
  const fields = [
    'requestId',
    'method',
    'path',
    'route',
    'code',
    'reason',
    'issuer',
    'client',
    'subject',
  ] as const;
  for (const [at, text] of hostile.entries()) {
    for (const field of fields) {
      const line = renderAccessLine('info', { ...FULL, [field]: text } as RequestRecord);
      t.equal(line.indexOf('\n'), line.length - 1, `one line with text ${at} as ${field}`);
      t.equal(JSON.parse(line)[field], text);
      t.ok(
        [...line.trimEnd()].every((character) => character >= ' '),
        'no control character is raw',
      );
    }
  }
});

t.test('lines go where the logger writes, in turn with its own, and under its level', async (t) => {
  const levels = { info: ['before', 'request', 'request', 'after'], error: ['request'], silent: [] } as const;
  for (const [level, expected] of Object.entries(levels)) {
    const lines: string[] = [];
    const log = createLogger(level as keyof typeof levels, { write: (line) => void lines.push(line) });
    const record = createAccessLog({ log, allowedShare: () => 1 });
    log.info('before');
    record(RECORD);
    record({ ...RECORD, code: 'internal' });
    log.info('after');
    t.same(
      lines.map((line) => JSON.parse(line).msg),
      expected,
    );
  }
});
