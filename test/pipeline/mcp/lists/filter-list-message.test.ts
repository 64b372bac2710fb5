import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { filterListMessage } from '../../../../src/pipeline/mcp/lists/filter-list-message.ts';
import {
  type ListVisibility,
  MAX_LIST_BYTES,
  UnfilterableList,
} from '../../../../src/pipeline/mcp/lists/list-visibility.ts';

/** Nothing whose name begins with `hidden` may be used. */
const visibility: ListVisibility = { mayUse: (_kind, name) => !name.startsWith('hidden') };
const filter = (text: string, by = visibility) => filterListMessage(Buffer.from(text), by).toString();
const result = (members: string) => `{"jsonrpc":"2.0","id":1,"result":{${members}}}`;

/** What comes in, and what goes out; the same where nothing is to be changed. */
const FILTERED: readonly (readonly [name: string, sent: string, passed?: string])[] = [
  [
    'tools by name',
    '"tools":[{"name":"a"},{"name":"hidden"},{"name":"b"}]',
    '"tools":[{"name":"a"},{"name":"b"}]',
  ],
  ['prompts by name', '"prompts":[{"name":"hidden"},{"name":"b"}]', '"prompts":[{"name":"b"}]'],
  [
    'resources by URI',
    '"resources":[{"name":"x","uri":"hidden:"},{"uri":"b:"}]',
    '"resources":[{"uri":"b:"}]',
  ],
  ['resources not by name', '"resources":[{"name":"hidden","uri":"b:"}]'],
  [
    'templates by their URI template',
    '"resourceTemplates":[{"uriTemplate":"hidden:{x}"},{"uriTemplate":"b:{x}"}]',
    '"resourceTemplates":[{"uriTemplate":"b:{x}"}]',
  ],
  ['all of a list', '"tools":[{"name":"hidden"}]', '"tools":[]'],
  ['an empty list', '"tools":[]'],
  ['no list', '"tools":null'],
  [
    'blanks, numbers, escapes and order of what stays',
    '"z" : 1.0 ,"tools" : [ {"name" : "\\u0061", "x": 1e400, "y": 12345678901234567890} , {"name":"hidden"} ] , "a":"\\/"',
    '"z" : 1.0 ,"tools" : [{"name" : "\\u0061", "x": 1e400, "y": 12345678901234567890}] , "a":"\\/"',
  ],
  [
    'names and members spelled with escapes',
    '"\\u0074ools":[{"n\\u0061me":"hi\\u0064den"}]',
    '"\\u0074ools":[]',
  ],
  ['names beyond ASCII', '"tools":[{"name":"größe"},{"name":"hidden 文"}]', '"tools":[{"name":"größe"}]'],
  [
    'entries without a name',
    '"tools":[{},{"name":1},{"name":null},{"title":"a"},"a",1,null,[{"name":"a"}]]',
    '"tools":[]',
  ],
  [
    'several lists at once',
    '"tools":[{"name":"hidden"}],"prompts":[{"name":"hidden"}]',
    '"tools":[],"prompts":[]',
  ],
  ['other members with the same name', '"content":[],"structuredContent":{"tools":[{"name":"hidden"}]}'],
  ['a result of another kind', '"contents":[{"uri":"hidden:"}]'],
  ['a scope', '"cacheScope":"public","tools":[]', '"cacheScope":"private","tools":[]'],
  [
    'a scope after the list',
    '"tools":[],"cacheScope" : "public","x":1',
    '"tools":[],"cacheScope" : "private","x":1',
  ],
  [
    'a scope before a list that is cut',
    '"cacheScope":"public","tools":[{"name":"hidden"}],"x":1',
    '"cacheScope":"private","tools":[],"x":1',
  ],
  ['a scope that is no text', '"tools":[],"cacheScope":{"a":1}', '"tools":[],"cacheScope":"private"'],
  ['a scope that is private', '"tools":[],"ttlMs":5,"cacheScope":"private"'],
  ['a time without a scope', '"ttlMs":5,"tools":[]', '"ttlMs":5,"cacheScope":"private","tools":[]'],
  ['a scope of another result', '"contents":[],"ttlMs":5,"cacheScope":"public"'],
  ['hints of another result, respelled', '"contents":[],"TTLMS":5'],
];

for (const [name, sent, passed = sent] of FILTERED) {
  t.test(`filtered: ${name}`, async (t) => {
    t.equal(filter(result(sent)), result(passed));
    t.equal(filter(`[${result(sent)} ,${result('"x":1')}]`), `[${result(passed)} ,${result('"x":1')}]`);
    if (sent !== passed) return;
    const bytes = Buffer.from(result(sent));
    t.equal(filterListMessage(bytes, visibility), bytes, 'the bytes themselves');
  });
}

t.test('the kind of a list is what the rules go by', async (t) => {
  const asked: string[] = [];
  const remember: ListVisibility = { mayUse: (kind, name) => asked.push(`${kind} ${name}`) > 0 };
  filter(
    result(
      '"tools":[{"name":"t"}],"prompts":[{"name":"p"}],"resources":[{"uri":"r"}],"resourceTemplates":[{"uriTemplate":"rt"}]',
    ),
    remember,
  );
  t.same(asked, ['tools t', 'prompts p', 'resources r', 'resources rt']);
});

const UNTOUCHED = [
  '',
  '   ',
  'null',
  '"{"',
  '{}',
  '[]',
  '[1,"{"]',
  '[[{"result":1}]]',
  'plain text is no message',
  '{"jsonrpc":"2.0","method":"notifications/message","params":{"tools":[{"name":"hidden"}]}}',
  '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"","data":{"tools":[{"name":"hidden"}]}}}',
  '{"result":null}',
  '{"result":[{"tools":[{"name":"hidden"}]}]}',
];
for (const text of UNTOUCHED)
  t.test(`untouched: ${text}`, async (t) => {
    const bytes = Buffer.from(text);
    t.equal(filterListMessage(bytes, visibility), bytes);
  });

const TOOLS = '"tools":[{"name":"hidden"}]';
const UNREADABLE: Readonly<Record<string, string | Buffer>> = {
  'two results': `{"result":{},"result":{${TOOLS}}}`,
  'two results, one spelled with an escape': `{"result":{},"r\\u0065sult":{${TOOLS}}}`,
  'a result in other case': `{"Result":{${TOOLS}}}`,
  'a result with U+0000': `{"result\\u0000":{${TOOLS}}}`,
  'a result with ſ': `{"reſult":{${TOOLS}}}`,
  'two lists': result(`"tools":[],${TOOLS}`),
  'a list in other case beside it': result(`"tools":[],"Tools":[{"name":"hidden"}]`),
  'a list in other case alone': result('"TOOLS":[{"name":"hidden"}]'),
  'a list with ſ': result('"toolſ":[{"name":"hidden"}]'),
  'a list with U+0000': result('"tools\\u0000":[{"name":"hidden"}]'),
  'a list with an underscore': result('"resource_templates":[{"uriTemplate":"hidden:"}]'),
  'a list that is an object': result('"tools":{"0":{"name":"hidden"}}'),
  'a list that is a text': result('"tools":"[{}]"'),
  'an entry with two names': result('"tools":[{"name":"a","name":"hidden"}]'),
  'an entry with a name in other case': result('"tools":[{"name":"a","Name":"hidden"}]'),
  'an entry with a name with U+0000': result('"tools":[{"name":"a","name\\u0000":"hidden"}]'),
  'an entry with an underscore': result('"resourceTemplates":[{"uriTemplate":"a","uri_template":"hidden"}]'),
  'an entry with a member twice': result('"tools":[{"name":"a","x":1,"x":2}]'),
  'a scope twice': result('"tools":[],"cacheScope":"private","cacheScope":"public"'),
  'a scope in other case': result('"tools":[],"cacheScope":"private","CacheScope":"public"'),
  'a time in other case': result('"tools":[],"ttlms":5'),
  'a byte order mark': `\ufeff${result(TOOLS)}`,
  'UTF-16': Buffer.from(result(TOOLS), 'utf16le'),
  'broken UTF-8': Buffer.from(result('"tools":[{"name":"\xff"}]'), 'latin1'),
  'UTF-8 of a surrogate': Buffer.from(result('"tools":[{"name":"\xed\xa0\x80"}]'), 'latin1'),
  'two documents': `{}${result(TOOLS)}`,
  'a line break before more': `{}\n${result(TOOLS)}`,
  'a comma at the end': `{"result":{${TOOLS},}}`,
  'a comma at the end of an array': '{"a":[1,]}',
  'a comment': `{/* */"result":{${TOOLS}}}`,
  'single quotes': `{'result':{${TOOLS}}}`,
  'a name without quotes': `{result:{${TOOLS}}}`,
  'no end': result(TOOLS).slice(0, -1),
  NaN: '{"a":NaN}',
  'a number with a leading zero': '{"a":01}',
  'a number without digits': '{"a":-}',
  'a number with an empty fraction': '{"a":1.}',
  'a number with an empty exponent': '{"a":1e}',
  'a line break in a text': '{"a":"\n"}',
  'a line break late in a text': `{"a":"${'x'.repeat(40)}\n"}`,
  'an unknown escape late in a text': `{"a":"${'x'.repeat(40)}\\x"}`,
  'a text without end': `{"a":"${'x'.repeat(40)}`,
  'an unknown escape': '{"a":"\\x41"}',
  'a short escape': '{"a":"\\u12"}',
  'another blank': '{\u00a0}',
  '257 levels': `{"a":${'['.repeat(256)}${']'.repeat(256)}}`,
  'levels without end': `{"a":${'['.repeat(1_000_000)}`,
};
for (const [name, sent] of Object.entries(UNREADABLE))
  t.test(`unreadable: ${name}`, async (t) => {
    const flaw = (bytes: Buffer) => {
      try {
        return filterListMessage(bytes, visibility);
      } catch (error) {
        return error instanceof UnfilterableList ? error.flaw : error;
      }
    };
    t.equal(flaw(Buffer.from(sent)), 'unreadable');
  });

t.test('as many levels as a schema may have', async (t) => {
  const deep = `{"a":${'['.repeat(255)}${']'.repeat(255)}}`;
  t.equal(filter(deep), deep);
});

t.test('what decides may fail: nothing is shown then', async (t) => {
  const failing: ListVisibility = {
    mayUse() {
      throw new TypeError('a bug');
    },
  };
  t.throws(() => filter(result(TOOLS), failing), TypeError);
});

t.test('random lists: what is left equals the filtered value, and entries keep their bytes', async () => {
  const key = fc.constantFrom('name', 'uri', 'uriTemplate', 'x', 'inputSchema', 'ünï', 'a"b', 'a\\b');
  const name = fc.oneof(
    fc.constantFrom('hidden', 'hidden{', 'a', '"', '\\', ']},{'),
    fc.string({ unit: 'binary' }),
  );
  const entry = fc.oneof(fc.dictionary(key, fc.oneof(name, fc.jsonValue())), fc.jsonValue());
  const members = fc.record(
    {
      tools: fc.array(entry),
      prompts: fc.array(entry),
      resources: fc.array(entry),
      resourceTemplates: fc.array(entry),
      ttlMs: fc.nat(),
      cacheScope: fc.constantFrom('public', 'private', 7),
      nextCursor: name,
      _meta: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  const blanks = fc.constantFrom(undefined, ' ', '\t', 3);
  fc.assert(
    fc.property(members, blanks, (value, space) => {
      const message = { jsonrpc: '2.0', id: 'x', result: value };
      const text = JSON.stringify(message, null, space);
      let passed: string;
      try {
        passed = filter(text);
      } catch (error) {
        // Only random members of entries may be spelled like a name.
        return error instanceof UnfilterableList && /"(?:name|uri|uriTemplate)/i.test(text);
      }
      const expected = structuredClone(value) as Record<string, unknown>;
      let isList = false;
      const kept: unknown[] = [];
      for (const [list, by] of [
        ['tools', 'name'],
        ['prompts', 'name'],
        ['resources', 'uri'],
        ['resourceTemplates', 'uriTemplate'],
      ] as const) {
        const entries = expected[list];
        if (!Array.isArray(entries)) continue;
        isList = true;
        expected[list] = entries.filter((each) => {
          const named =
            each !== null && typeof each === 'object' && Object.hasOwn(each, by) ? each[by] : undefined;
          return typeof named === 'string' && !named.startsWith('hidden');
        });
        kept.push(...(expected[list] as unknown[]));
      }
      if (isList && ('ttlMs' in expected || 'cacheScope' in expected)) expected.cacheScope = 'private';
      assert.deepEqual(JSON.parse(passed), JSON.parse(JSON.stringify({ ...message, result: expected })));
      if (space === undefined) for (const each of kept) assert.ok(passed.includes(JSON.stringify(each)));
      return true;
    }),
    { numRuns: 1_000 },
  );
});

t.test('what is accepted is what JSON.parse accepts', async () => {
  const spoiled = fc
    .tuple(
      fc.json(),
      fc.nat(),
      fc.constantFrom('', '"', '\\', ',', '{', '}', '[', ']', ':', '0', '-', '.', 'e', 'n', ' ', '\0'),
    )
    .map(([json, at, by]) => {
      const text = `{"a":${json}}`;
      const cut = at % text.length;
      return text.slice(0, cut) + by + text.slice(cut + (at % 2));
    });
  fc.assert(
    fc.property(spoiled, (text) => {
      let isJson = true;
      try {
        JSON.parse(text);
      } catch {
        isJson = false;
      }
      if (!text.includes('{')) return true;
      let isRead = true;
      try {
        filter(text);
      } catch {
        isRead = false;
      }
      return isRead === isJson;
    }),
    { numRuns: 5_000 },
  );
});

t.test('a long list takes linear time and stays whole', async (t) => {
  const entries = Array.from(
    { length: 20_000 },
    (_, at) => `{"name":"${at % 2 ? 'hidden' : 'a'}${at}","description":"${'x'.repeat(100)}"}`,
  );
  const text = result(`"tools":[${entries.join(',')}]`);
  t.ok(text.length < MAX_LIST_BYTES);
  t.equal(JSON.parse(filter(text)).result.tools.length, 10_000);
});
