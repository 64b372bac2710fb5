import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { EventStreamFilter } from '../../../../src/pipeline/mcp/lists/event-stream-filter.ts';
import {
  type ListVisibility,
  MAX_LIST_BYTES,
  UnfilterableList,
} from '../../../../src/pipeline/mcp/lists/list-visibility.ts';

const visibility: ListVisibility = { mayUse: (_kind, name) => !name.startsWith('hidden') };
const latin1 = (text: string) => Buffer.from(text).toString('latin1');

/** What passes of a stream that comes in these pieces, piece by piece. */
function pass(...pieces: string[]): string[] {
  const filter = new EventStreamFilter(visibility);
  const passed = pieces.map((piece) => filter.write(piece));
  return [...passed, filter.end()];
}
const whole = (...pieces: string[]) => pass(...pieces).join('');
const flawOf = (step: () => unknown) => {
  try {
    return step();
  } catch (error) {
    return error instanceof UnfilterableList ? error.flaw : error;
  }
};

const LIST = '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"hidden"},{"name":"a"}]}}';
const SEEN = '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"}]}}';
const CALL = '{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"hidden é"}]}}';

const STREAMS: Readonly<Record<string, readonly [sent: string, passed?: string]>> = {
  'a list': [`data: ${LIST}\n\n`, `data: ${SEEN}\n\n`],
  'a list with other fields': [
    `event: message\nid: 7\ndata: ${LIST}\nretry: 5\n: note\n\n`,
    `event: message\nid: 7\ndata: ${SEEN}\nretry: 5\n: note\n\n`,
  ],
  'an id after the data': [`data:${LIST}\nid\n\n`, `data: ${SEEN}\nid\n\n`],
  'data of several lines': [
    'id: 1\ndata: {"result":\ndata:{"tools":[\ndata: {"name":"hidden"},\nx: y\ndata: {"name":"a"}]\ndata\ndata: }}\n\n',
    'id: 1\nx: y\ndata: {"result": {"tools":[{"name":"a"}]  }}\n\n',
  ],
  'CR LF': [
    `id: 7\r\ndata: ${LIST}\r\n\r\n: x\r\n\r\ndata: ${LIST}\r\n\r\n`,
    `id: 7\r\ndata: ${SEEN}\r\n\r\n: x\r\n\r\ndata: ${SEEN}\r\n\r\n`,
  ],
  CR: [`id: 7\rdata: ${LIST}\r\rdata: ${LIST}\r\r`, `id: 7\rdata: ${SEEN}\r\rdata: ${SEEN}\r\r`],
  'line ends of all kinds': [
    `id: 7\r\ndata: ${LIST}\r\n\rid: 8\ndata: ${LIST}\n\r\n: x\r: y\n\n\n`,
    `id: 7\r\ndata: ${SEEN}\r\n\rid: 8\ndata: ${SEEN}\n\r\n: x\r: y\n\n\n`,
  ],
  'a line of data that ends otherwise than the last': [
    `data:\rx: y\rdata: ${LIST}\n\nid: 1\n\n`,
    `x: y\rdata:  ${SEEN}\n\nid: 1\n\n`,
  ],
  'a byte order mark at the start': [`\ufeffdata: ${LIST}\n\n`, `\ufeffdata: ${SEEN}\n\n`],
  'a byte order mark before a comment': [`\ufeff: x\ndata: ${LIST}\n\n`, `\ufeff: x\ndata: ${SEEN}\n\n`],
  'another event type': [`event: other\ndata: ${LIST}\n\n`, `event: other\ndata: ${SEEN}\n\n`],
  'a call, a list, a call': [
    `data: ${CALL}\n\ndata: ${LIST}\n\ndata: ${CALL}\n\n`,
    `data: ${CALL}\n\ndata: ${SEEN}\n\ndata: ${CALL}\n\n`,
  ],
  'what has no message': [
    ': hello\n\nid: 3\ndata:\n\ndata\n\nevent: endpoint\ndata: /messages?session=1\n\nretry: 10\n\n\n\n:\n',
  ],
  'a comment that looks like a list': [`: data: ${LIST}\n\n`],
  'an event without its end': [`data: ${CALL}\n\ndata: ${LIST}\n`, `data: ${CALL}\n\n`],
  'a line without its end': [`: a\ndata: ${LIST}`, ': a\n'],
};

for (const [name, [sent, passed = sent]] of Object.entries(STREAMS)) {
  t.test(`${name}: the same wherever it is split`, async (t) => {
    const text = latin1(sent);
    const expected = latin1(passed);
    t.equal(whole(text), expected);
    t.equal(whole(...text), expected, 'byte by byte');
    for (let at = 1; at < text.length; at++)
      assert.equal(whole(text.slice(0, at), text.slice(at)), expected, `split at ${at}`);
  });
}

t.test('each event goes on with the piece that completes it, and comments at once', async (t) => {
  t.same(
    pass(': a\n', '\n', `data: ${latin1(CALL)}\n`, '\n', ': b\r', '\nda', 'ta: x\n\n: c\nid: 1', '\n\n'),
    [': a\n', '\n', '', `data: ${latin1(CALL)}\n\n`, ': b\r', '\n', 'data: x\n\n: c\n', 'id: 1\n\n', ''],
  );
  t.same(pass('data: x\r\r', '\ndata: y\r\n\r', '\n'), ['data: x\r\r', '\ndata: y\r\n\r', '\n', '']);
});

t.test('what is not changed is passed on itself', async (t) => {
  const text = `: x\n\ndata: ${latin1(CALL)}\n\n`;
  t.equal(pass(text)[0], text);
});

const REFUSED: Readonly<Record<string, string>> = {
  'data that is no message': 'data: {"result"\n\n',
  'data with a hidden second reading': `data: {"result":{},"Result":${LIST}}\n\n`,
  'data in upper case': `DATA: ${LIST}\n\n`,
  'data with a blank': `data : ${LIST}\n\n`,
  'data after a blank': ` data: ${LIST}\n\n`,
  'data with U+0000': `\0data: ${LIST}\n\n`,
  'a byte order mark within the stream': `: x\n\n\ufeffdata: ${LIST}\n\n`,
  'a byte order mark that would come to the start': `data: ${LIST}\n\ufeffid: 5\ndata:\n\n`,
  'a byte order mark twice': `\ufeff\ufeffdata: ${LIST}\n\n`,
  'two messages in one event': `data: ${CALL}\ndata: ${LIST}\n\n`,
  'broken UTF-8': `data: {"a":"\x80"}\n\n`,
};
for (const [name, sent] of Object.entries(REFUSED))
  t.test(`refused: ${name}`, async (t) => {
    const text = name === 'broken UTF-8' ? sent : latin1(sent);
    t.equal(
      flawOf(() => whole(text)),
      'unreadable',
    );
    t.equal(
      flawOf(() => whole(...text)),
      'unreadable',
    );
  });

t.test('an event may have 4 MiB, whether it comes at once or not', async (t) => {
  const event = (bytes: number) => `data: "${'x'.repeat(bytes - 10)}"\n\n`;
  const fits = event(MAX_LIST_BYTES);
  t.equal(fits.length, MAX_LIST_BYTES);
  t.equal(whole(fits), fits);
  t.equal(whole(fits.slice(0, 7), fits.slice(7)), fits);
  const over = event(MAX_LIST_BYTES + 1);
  t.equal(
    flawOf(() => whole(over)),
    'too large',
  );
  t.equal(
    flawOf(() => whole(over.slice(0, 7), over.slice(7))),
    'too large',
  );
  const filter = new EventStreamFilter(visibility);
  const endless = () => {
    for (let n = 0; n <= MAX_LIST_BYTES; n += 65_536) filter.write('x'.repeat(65_536));
    return 'no end';
  };
  t.equal(flawOf(endless), 'too large');
});

t.test('an event of 4 MiB that comes byte by byte costs linear time', async (t) => {
  const filter = new EventStreamFilter(visibility);
  const began = process.cpuUsage().user;
  for (let n = 0; n < MAX_LIST_BYTES; n++) filter.write('x');
  t.ok(process.cpuUsage().user - began < 20_000_000);
});

t.test(
  'random streams: readers get the same events, but for what is filtered, wherever they are split',
  async () => {
    const piece = fc.constantFrom(
      ...['\n', '\n', '\n\n', '\n\n', '\r', '\r\n', '\r\n\r\n', ' ', ':', ': x', 'x', '\xef\xbb\xbf'],
      ...['data', 'data:', 'data: ', 'data: ', 'id', 'id: 1', 'event: x', 'retry: 1', `data: ${LIST}\n`],
      ...[
        LIST,
        latin1(CALL),
        '{"a":1}',
        'data: {"result":{"tools":[',
        '{"name":"hidden"},',
        '{"name":"a"}]}}',
      ],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 25 }), fc.array(fc.nat(400)), (pieces, cuts) => {
        const text = `${pieces.join('')}\n\n`;
        const passed = flawOf(() => whole(text));
        const at = [...new Set([0, ...cuts.filter((cut) => cut < text.length), text.length])].sort(
          (a, b) => a - b,
        );
        assert.equal(
          flawOf(() => whole(...at.map((start, n) => text.slice(start, at[n + 1] ?? start)))),
          passed,
        );
        if (passed === 'unreadable') return;
        const sent = eventsOf(text);
        const seen = eventsOf(String(passed));
        assert.equal(seen.length, sent.length);
        for (const [n, { data, ...fields }] of sent.entries()) {
          const { data: seenData, ...seenFields } = seen[n] ?? { data: '' };
          assert.deepEqual(seenFields, fields);
          if (data.includes('"hidden"')) assert.deepEqual(JSON.parse(seenData).result.tools, [{ name: 'a' }]);
          else assert.equal(seenData, data);
        }
      }),
      { numRuns: 10_000 },
    );
  },
);

/** Reads a stream as the standard has it (HTML §9.2.6). */
function eventsOf(text: string): { readonly data: string; readonly id?: string; readonly event?: string }[] {
  const events: { data: string; id?: string; event?: string }[] = [];
  let data: string[] = [];
  let fields: Record<string, string> = {};
  const lines = text.replace(/^\xef\xbb\xbf/, '').split(/\r\n|\r|\n/);
  for (const line of lines.slice(0, -1)) {
    const [, name = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (line === '') {
      if (data.length > 0) events.push({ ...fields, data: data.join('\n') });
      data = [];
      fields = {};
    } else if (name === 'data') data.push(value);
    else if (name !== '') fields[name] = value;
  }
  return events;
}
