import { stripVTControlCharacters } from 'node:util';
import t from 'tap';
import { renderAccessLine } from '../../src/telemetry/access-line.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { forTerminal } from '../../src/telemetry/terminal-log.ts';

function terminal(color = false) {
  const written: string[] = [];
  const destination = { write: (text: string) => void written.push(text), flushSync: () => {} };
  return { written, log: forTerminal(destination, { color }) };
}

const RECORD = {
  requestId: 'id-1',
  method: 'GET',
  path: '/orders/7',
  status: 403,
  route: 'read-orders',
  code: 'insufficient_scope',
  reason: 'the token lacks the scope "orders:read"',
  issuer: 'corp',
  client: '127.0.0.1',
  durationMs: 1.5,
  upstreamMs: undefined,
  subject: undefined,
};

t.test('an access line reads as a request with its outcome', async (t) => {
  const { written, log } = terminal();
  log.write(renderAccessLine('info', RECORD));
  t.match(
    written[0],
    /^\d\d:\d\d:\d\d\.\d{3} INFO {2}GET \/orders\/7 403 insufficient_scope read-orders 1\.5 ms {2}requestId=id-1 reason=the token lacks the scope "orders:read" issuer=corp client=127\.0\.0\.1\n$/,
  );
});

t.test('other lines show their message, their fields and a stack', async (t) => {
  const { written, log } = terminal();
  createLogger('info', log).error({ err: new Error('boom'), route: 'a' }, 'it failed');
  t.match(written[0], /ERROR it failed {2}route=a\n {4}Error: boom\n {4} {4}at /);
});

t.test('nothing that came from outside commands the terminal', async (t) => {
  const { written, log } = terminal();
  const hostile = '/\u001b[2J\r\n\u009b31m\u202eevil\u007f';
  log.write(renderAccessLine('info', { ...RECORD, path: hostile, reason: hostile }));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  t.notMatch(String(written[0]).slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u202e]/);
  t.match(written[0], /\\u001b\[2J\\u000d\\u000a/);
});

t.test('colors change nothing but colors', async (t) => {
  const colorful = terminal(true);
  const plain = terminal();
  const line = renderAccessLine('info', RECORD);
  colorful.log.write(line);
  plain.log.write(line);
  t.not(colorful.written[0], plain.written[0]);
  t.equal(stripVTControlCharacters(String(colorful.written[0])), plain.written[0]);
});
