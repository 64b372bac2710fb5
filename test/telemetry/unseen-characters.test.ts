import t from 'tap';
import { renderAccessLine } from '../../src/telemetry/access-line.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import type { RequestRecord } from '../../src/telemetry/request-record.ts';
import { forTerminal } from '../../src/telemetry/terminal-log.ts';
import { HOSTILE_TEXT, UNSEEN, unseenIn } from '../support/core/unseen.ts';

const record = (text: string): RequestRecord => ({
  requestId: 'id-1',
  method: 'GET',
  path: `/${text}`,
  status: 403,
  route: 'a',
  code: 'claim_mismatch',
  reason: text,
  issuer: 'corp',
  client: '127.0.0.1',
  durationMs: 1,
  upstreamMs: undefined,
  subject: text,
});

function writtenBy(level: 'info', fields: object, message: string): string {
  const lines: string[] = [];
  createLogger(level, { write: (line) => void lines.push(line) })[level](fields, message);
  return lines.join('');
}

function shownOnTerminal(line: string): string {
  const shown: string[] = [];
  forTerminal({ write: (text) => void shown.push(text), flushSync: () => {} }, { color: false }).write(line);
  return shown.join('');
}

t.test('no control or format character is raw in a line of the log, and its value is the same', async (t) => {
  for (const character of UNSEEN) {
    const name = `U+${character.codePointAt(0)?.toString(16)}`;
    const access = renderAccessLine('info', record(`a${character}b`));
    t.same(unseenIn(access), [], `access line with ${name}`);
    t.match(JSON.parse(access), {
      path: `/a${character}b`,
      reason: `a${character}b`,
      subject: `a${character}b`,
    });

    const own = writtenBy(
      'info',
      { reason: `a${character}b`, nested: [{ [character]: character }] },
      character,
    );
    t.same(unseenIn(own), [], `line of the gateway itself with ${name}`);
    t.match(JSON.parse(own), {
      reason: `a${character}b`,
      nested: [{ [character]: character }],
      msg: character,
    });
    t.equal(own.at(-1), '\n');
  }
});

t.test('an error with its stack is escaped as well', async (t) => {
  const line = writtenBy('info', { err: new Error(HOSTILE_TEXT) }, 'failed');
  t.same(unseenIn(line), []);
  t.equal(JSON.parse(line).err.message, HOSTILE_TEXT);
});

t.test('nor does one reach a terminal', async (t) => {
  t.same(unseenIn(shownOnTerminal(renderAccessLine('info', record(HOSTILE_TEXT)))), []);
  t.same(unseenIn(shownOnTerminal(writtenBy('info', { reason: HOSTILE_TEXT }, HOSTILE_TEXT))), []);
  t.match(shownOnTerminal(renderAccessLine('info', record('\u{e0041}'))), '\\udb40\\udc41');
});

t.test('letters and signs of all scripts stay readable', async (t) => {
  const text = 'é☃𝄞 שלום سلام 日本';
  t.match(renderAccessLine('info', record(text)), text);
  t.match(writtenBy('info', { reason: text }, 'x'), text);
});
