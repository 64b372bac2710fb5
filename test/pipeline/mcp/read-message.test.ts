import fc from 'fast-check';
import t from 'tap';
import type { Cause } from '../../../src/core/causes.ts';
import { isRefusal } from '../../../src/core/refusals.ts';
import { foldName } from '../../../src/pipeline/mcp/fold-name.ts';
import { readMessageId } from '../../../src/pipeline/mcp/message-id.ts';
import { type Message, readMessage } from '../../../src/pipeline/mcp/read-message.ts';

function read(text: string | Buffer): Message | Cause {
  const outcome = readMessage(Buffer.from(text as string));
  return isRefusal(outcome) ? outcome.cause : outcome;
}

const call = (members: string) => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${members}}`;
const nested = (depth: number) => call(`{"name":"a","arguments":${'['.repeat(depth)}${']'.repeat(depth)}}`);
const uri = (text: string) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri: text } });

/** Bodies with more than one reading, or none. */
const REFUSED: readonly (readonly [what: string, body: string | Buffer, cause: Cause])[] = [
  ['nothing', '', 'mcp_not_json'],
  ['a cut object', '{"jsonrpc":"2.0"', 'mcp_not_json'],
  ['a byte order mark', `\ufeff${call('{"name":"a"}')}`, 'mcp_not_json'],
  ['two objects', `${call('{"name":"a"}')}${call('{"name":"b"}')}`, 'mcp_not_json'],
  ['a comment', `/* */${call('{"name":"a"}')}`, 'mcp_not_json'],
  ['a comma too many', call('{"name":"a",}'), 'mcp_not_json'],
  ['quotes of another kind', call("{'name':'a'}"), 'mcp_not_json'],
  ['a control character in a string', call('{"name":"a\u0001"}'), 'mcp_not_json'],
  ['broken UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'mcp_not_json'],
  [
    'overlong UTF-8',
    Buffer.concat([Buffer.from('{"'), Buffer.from([0xc0, 0xaf]), Buffer.from('":1}')]),
    'mcp_not_json',
  ],
  ['UTF-16', Buffer.from(call('{"name":"a"}'), 'utf16le'), 'mcp_not_json'],
  ['a batch', `[${call('{"name":"a"}')}]`, 'mcp_not_message'],
  ['an empty batch', '[]', 'mcp_not_message'],
  ['a string', '"tools/call"', 'mcp_not_message'],
  ['null', 'null', 'mcp_not_message'],
  ['a name twice', call('{"name":"a","name":"b"}'), 'mcp_names'],
  ['a name twice, once escaped', call('{"name":"a","n\\u0061me":"b"}'), 'mcp_names'],
  ['a name twice in the arguments', call('{"name":"a","arguments":{"x":{"y":1,"y":2}}}'), 'mcp_names'],
  ['a name twice in a list', call('{"name":"a","arguments":[{"y":1,"y":1}]}'), 'mcp_names'],
  ['the prototype twice', call('{"name":"a","arguments":{"__proto__":1,"__proto__":2}}'), 'mcp_names'],
  ['method twice', '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}', 'mcp_names'],
  ['Name beside name', call('{"name":"a","Name":"b"}'), 'mcp_names'],
  ['Name alone', call('{"Name":"b"}'), 'mcp_names'],
  ['two extensions that differ in case', call('{"name":"a","x":1,"X":2}'), 'mcp_names'],
  ['Params', '{"jsonrpc":"2.0","id":1,"method":"tools/call","Params":{"name":"b"}}', 'mcp_names'],
  ['paramſ', '{"jsonrpc":"2.0","id":1,"method":"tools/call","paramſ":{"name":"b"}}', 'mcp_names'],
  ['paramſ, escaped', '{"jsonrpc":"2.0","id":1,"method":"ping","param\\u017f":{}}', 'mcp_names'],
  ['the Kelvin sign', call('{"name":"a","taſK":{}}'), 'mcp_names'],
  ['two extensions with the Kelvin sign', call('{"name":"a","key":1,"\u212aey":2}'), 'mcp_names'],
  ['METHOD', '{"jsonrpc":"2.0","id":1,"method":"ping","METHOD":"tools/call"}', 'mcp_names'],
  ['name and U+0000', call('{"name":"a","name\\u0000":"b"}'), 'mcp_names'],
  ['U+0000 within', call('{"name":"a","na\\u0000me":"b"}'), 'mcp_names'],
  ['U+0000 and case', call('{"NA\\u0000ME":"b"}'), 'mcp_names'],
  ['two extensions and U+0000', call('{"name":"a","x":1,"x\\u0000":2}'), 'mcp_names'],
  ['half a surrogate pair in a name', call('{"name":"a","x\\ud800":1}'), 'mcp_names'],
  [
    'Uri in a reference',
    '{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","Uri":"a:b","uri":"a:c"}}}',
    'mcp_names',
  ],
  [
    'a filter in another case',
    '{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"resourcesubscriptions":["a:b"]}}}',
    'mcp_names',
  ],
  [
    'a version in another case',
    call('{"name":"a","_meta":{"io.modelcontextprotocol/ProtocolVersion":"1"}}'),
    'mcp_names',
  ],
  ['65 levels', nested(63), 'mcp_names'],
  ['a hundred thousand levels', nested(100_000), 'mcp_names'],
  ['a number beyond the doubles', call('{"name":"a","arguments":{"x":1e999}}'), 'mcp_names'],
  ['no version of JSON-RPC', '{"id":1,"method":"ping"}', 'mcp_not_message'],
  ['another version of JSON-RPC', '{"jsonrpc":"1.0","id":1,"method":"ping"}', 'mcp_not_message'],
  ['a version that is a number', '{"jsonrpc":2.0,"id":1,"method":"ping"}', 'mcp_not_message'],
  ['neither kind of message', '{"jsonrpc":"2.0","id":1}', 'mcp_not_message'],
  ['a request and a response', '{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}', 'mcp_not_message'],
  ['a result and an error', '{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', 'mcp_not_message'],
  ['a result without id', '{"jsonrpc":"2.0","result":{}}', 'mcp_not_message'],
  ['a method that is a list', '{"jsonrpc":"2.0","id":1,"method":["tools/call"]}', 'mcp_not_message'],
  ['a method that is null', '{"jsonrpc":"2.0","id":1,"method":null}', 'mcp_not_message'],
  ['an id that is null', '{"jsonrpc":"2.0","id":null,"method":"ping"}', 'mcp_not_message'],
  ['an id that is a list', '{"jsonrpc":"2.0","id":[1],"method":"ping"}', 'mcp_not_message'],
  ['an id that is true', '{"jsonrpc":"2.0","id":true,"method":"ping"}', 'mcp_not_message'],
  ['params that are a list', call('["a"]'), 'mcp_not_message'],
  ['params that are null', call('null'), 'mcp_not_message'],
  ['params that are text', call('"a"'), 'mcp_not_message'],
  ['a method with U+0000', '{"jsonrpc":"2.0","id":1,"method":"tools/call\\u0000"}', 'mcp_not_message'],
  ['a method in another case', '{"jsonrpc":"2.0","id":1,"method":"Tools/Call"}', 'mcp_not_message'],
  ['a method with the long s', '{"jsonrpc":"2.0","id":1,"method":"toolſ/call"}', 'mcp_not_message'],
  ['a method with a blank', '{"jsonrpc":"2.0","id":1,"method":"tools/call "}', 'mcp_not_message'],
  ['a tool that is a number', call('{"name":1}'), 'mcp_not_message'],
  ['a tool that is null', call('{"name":null}'), 'mcp_not_message'],
  ['a tool with U+0000', call('{"name":"a\\u0000"}'), 'mcp_not_message'],
  ['a tool with half a surrogate pair', call('{"name":"a\\udc00"}'), 'mcp_not_message'],
  [
    'subscriptions that are text',
    '{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":"a:b"}}}',
    'mcp_not_message',
  ],
  [
    'a subscription that is null',
    '{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":[null]}}}',
    'mcp_not_message',
  ],
  [
    'a version in _meta that is a number',
    call('{"name":"a","_meta":{"io.modelcontextprotocol/protocolVersion":1}}'),
    'mcp_not_message',
  ],
  ['..', uri('file:///docs/../secret'), 'mcp_uri'],
  ['.. at the end', uri('file:///docs/..'), 'mcp_uri'],
  ['.. before a query', uri('file:///docs/..?a'), 'mcp_uri'],
  ['.', uri('file:///./docs'), 'mcp_uri'],
  ['.. behind the scheme', uri('docs:../secret'), 'mcp_uri'],
  ['.. at the beginning', uri('../secret'), 'mcp_uri'],
  ['a backslash', uri('file:///docs\\..\\secret'), 'mcp_uri'],
  ['an encoded slash', uri('file:///docs%2Fsecret'), 'mcp_uri'],
  ['encoded dots', uri('file:///docs/%2e%2E/secret'), 'mcp_uri'],
  ['an encoded backslash', uri('file:///docs%5csecret'), 'mcp_uri'],
  ['dots encoded twice', uri('file:///docs/%252e%252e/secret'), 'mcp_uri'],
  ['a tab in dots', uri('file:///docs/.\t./secret'), 'mcp_uri'],
  ['a blank at the end', uri('file:///secret '), 'mcp_uri'],
  [
    '.. among subscriptions',
    '{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":["a:b","a:/../b"]}}}',
    'mcp_uri',
  ],
  [
    '.. in a template',
    '{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"a:/../{b}"}}}',
    'mcp_uri',
  ],
];

for (const [what, body, cause] of REFUSED) {
  t.test(`refused: ${what}`, async (t) => {
    t.equal(read(body), cause);
  });
}

/** Messages, and what they are about. */
const READ: readonly (readonly [body: string, kind: Message['kind'], named: readonly string[]])[] = [
  [call('{"name":"a"}'), 'request', ['tools a']],
  [` \n${call('{"name":"a"}')}\r\n`, 'request', ['tools a']],
  [call('{"name":"a\\u0062 ü"}'), 'request', ['tools ab ü']],
  [call('{"name":"a","arguments":{"Name":"b","name":"c","NAME":1,"\\u0000":1}}'), 'request', ['tools a']],
  [call('{"name":"a","_meta":{"progressToken":1,"x":1,"X":2}}'), 'request', ['tools a']],
  [nested(62), 'request', ['tools a']],
  ['{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"}}', 'notification', ['tools a']],
  ['{"jsonrpc":"2.0","id":"x","method":"prompts/get","params":{"name":"p"}}', 'request', ['prompts p']],
  ['{"jsonrpc":"2.0","id":1.5,"method":"ping"}', 'request', []],
  ['{"jsonrpc":"2.0","method":"notifications/initialized"}', 'notification', []],
  ['{"jsonrpc":"2.0","id":1,"method":"ui/open","params":{"name":"a"}}', 'request', []],
  ['{"jsonrpc":"2.0","id":1,"result":{}}', 'response', []],
  ['{"jsonrpc":"2.0","id":"a","error":{"code":1,"message":""}}', 'response', []],
  [uri('file:///docs/.well-known/a..b/c'), 'request', ['resources file:///docs/.well-known/a..b/c']],
  [uri('https://a.example/x%20y?q=%3F'), 'request', ['resources https://a.example/x%20y?q=%3F']],
  [
    '{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"a:b"}}',
    'request',
    ['resources a:b'],
  ],
  [
    '{"jsonrpc":"2.0","id":1,"method":"resources/unsubscribe","params":{"uri":"a:b"}}',
    'request',
    ['resources a:b'],
  ],
  [
    '{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":["a:b","a:c"]}}}',
    'request',
    ['resources a:b', 'resources a:c'],
  ],
  [
    '{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true}}}',
    'request',
    [],
  ],
  [
    '{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p"}}}',
    'request',
    ['prompts p'],
  ],
  [
    '{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"a:/{b}"}}}',
    'request',
    ['resources a:/{b}'],
  ],
];

for (const [body, kind, named] of READ) {
  t.test(`read: ${body.trim().slice(0, 120)}`, async (t) => {
    const message = read(body);
    if (typeof message === 'string') throw new Error(message);
    t.equal(message.kind, kind);
    t.strictSame(
      message.named.map(({ kind, name }) => `${kind} ${name}`),
      named,
    );
    t.equal(message.unnamed, undefined);
  });
}

t.test('what does not name anything as MCP wants it is known to be so', async (t) => {
  for (const [method, params, unnamed] of [
    ['tools/call', '{}', 'tools'],
    ['prompts/get', '{"uri":"a"}', 'prompts'],
    ['resources/read', '{"name":"a"}', 'resources'],
    ['completion/complete', '{}', 'ref'],
    ['completion/complete', '{"ref":{"type":"ref/tool","name":"a"}}', 'ref'],
    ['completion/complete', '{"ref":{"type":"ref/prompt","name":"a","uri":"b:c"}}', 'ref'],
    ['completion/complete', '{"ref":{"name":"a"}}', 'ref'],
  ] as const) {
    const message = read(`{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`);
    t.equal((message as Message).unnamed, unnamed, `${method} ${params}`);
  }
});

t.test('names fold wherever Unicode has simple case folding', async (t) => {
  const cased: string[] = [];
  for (let code = 0; code <= 0x1ffff; code += 1) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const character = String.fromCodePoint(code);
    if (character.toLowerCase() !== character || character.toUpperCase() !== character) cased.push(character);
  }
  const all = cased.join('');
  t.ok(cased.length > 2_000);
  for (const character of cased) {
    // `iu` compares by simple case folding (ECMAScript, Canonicalize).
    for (const [same] of all.matchAll(new RegExp(character, 'giu'))) {
      if (foldName(same) !== foldName(character)) t.fail(`${character} ${same}`);
    }
  }
  t.equal(foldName('paramſ'), 'params');
  t.equal(foldName('\u212aey'), 'key');
  t.equal(foldName('a\u0000\u0000'), 'a');
});

/** Readers that take other members than `JSON.parse` does. */
const LENIENT: readonly ((pairs: readonly (readonly [string, unknown])[], name: string) => unknown)[] = [
  (pairs, name) => pairs.find(([key]) => key === name)?.[1],
  (pairs, name) => pairs.findLast(([key]) => key === name)?.[1],
  (pairs, name) => pairs.find(([key]) => foldName(key) === name)?.[1],
  (pairs, name) => pairs.findLast(([key]) => foldName(key) === name)?.[1],
  (pairs, name) => pairs.findLast(([key]) => key.replace(/\0.*$/s, '') === name)?.[1],
];

t.test('whatever is read, every lenient reader reads the same method and tool', async () => {
  const name = fc.constantFrom('name', 'Name', 'NAME', 'name\0', 'na\0me', 'x', 'X', 'arguments', '_meta');
  const top = fc.constantFrom(
    'jsonrpc',
    'id',
    'method',
    'Method',
    'method\0',
    'params',
    'Params',
    'paramſ',
    'y',
  );
  const pairs = <T>(key: fc.Arbitrary<string>, value: fc.Arbitrary<T>) =>
    fc.array(fc.tuple(key, value), { maxLength: 5 });
  fc.assert(
    fc.property(
      pairs(name, fc.constantFrom('search', 'admin')),
      pairs(top, fc.constantFrom('2.0', 'ping', 'tools/call')),
      fc.shuffledSubarray([0, 1, 2, 3]),
      (inner, outer, order) => {
        const usual: (readonly [string, unknown])[] = [
          ['jsonrpc', '2.0'],
          ['id', 1],
          ['method', 'tools/call'],
          ['params', inner],
        ];
        const all = [...order.map((at) => usual[at] as readonly [string, unknown]), ...outer];
        const write = (members: readonly (readonly [string, unknown])[]): string =>
          `{${members.map(([key, value]) => `${JSON.stringify(key)}:${Array.isArray(value) ? write(value) : JSON.stringify(value)}`).join(',')}}`;
        const message = read(write(all));
        if (typeof message === 'string' || message.kind === 'response') return;
        for (const reader of LENIENT) {
          if (reader(all, 'method') !== message.method) throw new Error('another method');
          const params = reader(all, 'params');
          const tool = Array.isArray(params) ? reader(params, 'name') : undefined;
          if (message.method === 'tools/call' && tool !== message.named[0]?.name)
            throw new Error('another tool');
        }
      },
    ),
    { numRuns: 5_000 },
  );
});

t.test('bytes of any kind are refused or read, and never throw', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void readMessage(bytes)),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => void readMessage(Buffer.from(text))),
    { numRuns: 1_000 },
  );
});

t.test('the id of a message comes back as it was sent', async (t) => {
  for (const [text, id] of [
    ['{"jsonrpc":"2.0","id":1,"method":"ping"}', '1'],
    ['{"method":"ping","params":{"id":7},"id" : "a\\u0062é" }', '"a\\u0062é"'],
    ['{"id":12345678901234567890}', '12345678901234567890'],
    ['{"id":1.0}', '1.0'],
    ['{"id":-1e3}', '-1e3'],
    ['{"\\u0069d":5}', '5'],
    ['{"params":{"id":1}}', 'null'],
    ['[{"id":1}]', 'null'],
    ['{"id":null}', 'null'],
    ['{"id":[1]}', 'null'],
    ['{"id":{"a":1}}', 'null'],
    ['{"id":true}', 'null'],
    ['{"id":1,"id":2}', 'null'],
    ['{"x":"\\"id\\":1","id":2}', '2'],
    [`{"id":"${'a'.repeat(2_000)}"}`, 'null'],
    ['{"id":"', 'null'],
    ['', 'null'],
  ] as const)
    t.equal(readMessageId(text), id, text.slice(0, 60));
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), (text) => void JSON.parse(readMessageId(`{"id":${text}`))),
    { numRuns: 2_000 },
  );
});
