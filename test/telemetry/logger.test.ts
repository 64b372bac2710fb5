import t from 'tap';
import { createLogger } from '../../src/telemetry/logger.ts';

function written(fields: object, worker?: number): Record<string, unknown> {
  const lines: string[] = [];
  createLogger('debug', { write: (line) => void lines.push(line) }, worker).debug(fields, 'what happened');
  return JSON.parse(lines.join(''));
}

t.test('numbers have at most three decimals', async (t) => {
  const { time: _, ...line } = written({
    durationMs: 12.345678901,
    share: 0.1 + 0.2,
    port: 8080,
    none: -0.0001,
    text: '1.23456',
    nested: { exact: 0.123456 },
  });
  t.same(line, {
    level: 'debug',
    durationMs: 12.346,
    share: 0.3,
    port: 8080,
    none: 0,
    text: '1.23456',
    nested: { exact: 0.123456 },
    msg: 'what happened',
  });
});

t.test('the fields of the caller stay as they are', async (t) => {
  const fields = Object.freeze({ durationMs: 1.23456 });
  t.equal(written(fields)['durationMs'], 1.235);
});

t.test('every line of a worker has its number, and no line of a single process', async (t) => {
  t.equal(written({ issuer: 'corp' }, 3)['worker'], 3);
  t.notOk('worker' in written({ issuer: 'corp' }));
});
