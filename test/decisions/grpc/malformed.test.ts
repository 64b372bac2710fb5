import fc from 'fast-check';
import t, { type Test } from 'tap';
import { type CheckClient, codeOf, encodeCheck } from '../../support/decisions/check-client.ts';
import { startChecks } from '../../support/decisions/start-checks.ts';
import {
  checkOf,
  field,
  HOST,
  METHOD,
  numberField,
  PATH,
  PLAIN,
  SOURCE,
} from '../../support/decisions/wire-bytes.ts';

const INVALID_ARGUMENT = 'failed 3';
const ROUTES = [
  { name: 'all', path: '/', upstream: 'none', access: 'public' },
  { name: 'guarded', path: '/guarded', upstream: 'none', access: 'authenticated' },
];

/** Each is one change of a message that is allowed. */
const MALFORMED: Readonly<Record<string, Buffer>> = {
  'attributes twice': Buffer.concat([checkOf(PLAIN), checkOf(PLAIN)]),
  'a source twice': checkOf(PLAIN, [SOURCE, SOURCE]),
  'a request twice': field(1, SOURCE, field(4, field(2, ...PLAIN)), field(4)),
  'an HTTP request twice': field(1, SOURCE, field(4, field(2, ...PLAIN), field(2))),
  'a method twice': checkOf([...PLAIN, METHOD]),
  'a path twice': checkOf([...PLAIN, field(4, '/guarded')]),
  'a host twice': checkOf([...PLAIN, HOST]),
  'an address twice': checkOf(PLAIN, [
    field(1, field(1, field(1, field(2, '192.0.2.7'), field(2, '10.0.0.1')))),
  ]),
  'a socket address twice': checkOf(PLAIN, [field(1, field(1, field(1), field(1, field(2, '10.0.0.1'))))]),
  'an address of two kinds': checkOf(PLAIN, [
    field(1, field(1, field(1, field(2, '10.0.0.1')), field(2, field(1, '/x')))),
  ]),
  'a path of a wrong type': checkOf([METHOD, HOST, numberField(4, 1)]),
  'attributes of a wrong type': numberField(1, 1),
  'a source of a wrong type': checkOf(PLAIN, [numberField(1, 1)]),
  'header fields of a wrong type': checkOf([...PLAIN, numberField(3, 1)]),
  'a path that is no UTF-8': checkOf([METHOD, HOST, field(4, Buffer.from([0x2f, 0xff]))]),
  'half of a surrogate pair in a path': checkOf([
    METHOD,
    HOST,
    field(4, Buffer.from([0x2f, 0xed, 0xa0, 0x80])),
  ]),
  'a value that is no UTF-8': checkOf([...PLAIN, field(3, field(1, 'x'), field(2, Buffer.from([0xe9])))]),
  'a name that is no UTF-8': checkOf([...PLAIN, field(13, field(1, field(1, Buffer.from([0xe9]))))]),
  'a key of the map twice': checkOf([
    ...PLAIN,
    field(3, field(1, 'x'), field(2, '1')),
    field(3, field(1, 'x'), field(2, '2')),
  ]),
  'a key within its entry twice': checkOf([...PLAIN, field(3, field(1, 'x'), field(1, 'y'))]),
  'a value within its entry twice': checkOf([
    ...PLAIN,
    field(3, field(1, 'x'), field(2, '1'), field(2, '2')),
  ]),
  'a list of header fields twice': checkOf([...PLAIN, field(13), field(13)]),
  'a list and a map of header fields': checkOf([...PLAIN, field(3, field(1, 'x'), field(2, '1')), field(13)]),
  'a header field with two values': checkOf([
    ...PLAIN,
    field(13, field(1, field(1, 'x'), field(2, '1'), field(3, '2'))),
  ]),
  'a field that ends behind its message': field(1, Buffer.from([0x22, 0x7f])),
  'a field that ends behind all': Buffer.from([0x0a, 0x7f, 0x00]),
  'a tag without a field': Buffer.from([0x0a]),
  'a length without an end': Buffer.from([0x0a, 0xff, 0xff]),
  'a length beyond 32 bits': Buffer.concat([
    Buffer.from([0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]),
    checkOf(PLAIN),
  ]),
  'a length with a bit beyond 32': Buffer.from([0x0a, 0x80, 0x80, 0x80, 0x80, 0x10]),
  'field number 0': Buffer.from([0x02, 0x00]),
  'a type that does not exist': Buffer.from([0x0e]),
  'a group that does not end': Buffer.concat([checkOf(PLAIN), Buffer.from([0x7b])]),
  'the end of no group': Buffer.concat([checkOf(PLAIN), Buffer.from([0x7c])]),
  'groups in groups': Buffer.alloc(1_000, 0x7b),
};

t.test('bytes that are no CheckRequest fail the call', async (t) => {
  const { client, lines } = await startChecks(t, { routes: ROUTES });
  t.equal(codeOf(await client.checkBytes(checkOf(PLAIN))), 'allow', 'what they are changes of');
  for (const [name, bytes] of Object.entries(MALFORMED)) {
    t.equal(codeOf(await client.checkBytes(bytes)), INVALID_ARGUMENT, name);
    t.match(lines.at(-1), { code: 'bad_request', status: 400, via: 'ext-authz-grpc' }, name);
  }
  for (let end = 1; end < checkOf(PLAIN).length; end += 1) {
    const code = codeOf(await client.checkBytes(checkOf(PLAIN).subarray(0, end)));
    t.equal(code, INVALID_ARGUMENT, `the first ${end} bytes`);
  }
  t.equal(
    codeOf(await client.checkBytes(Buffer.alloc(0))),
    'bad_request',
    'an empty message describes nothing',
  );
});

t.test('fields that it does not know are skipped', async (t) => {
  const { client } = await startChecks(t, { routes: ROUTES });
  const unknown: readonly Buffer[] = [
    field(99, 'x'),
    numberField(99, 7),
    Buffer.from([0x99, 0x06, 1, 2, 3, 4, 5, 6, 7, 8]),
    Buffer.from([0x9d, 0x06, 1, 2, 3, 4]),
    Buffer.from([0x9b, 0x06, 0x08, 0x01, 0x9c, 0x06]),
  ];
  for (const bytes of unknown) {
    t.equal(codeOf(await client.checkBytes(Buffer.concat([bytes, checkOf(PLAIN)]))), 'allow');
    t.equal(
      codeOf(await client.checkBytes(checkOf([bytes, ...PLAIN, bytes], [bytes, SOURCE, bytes]))),
      'allow',
    );
  }
  t.equal(codeOf(await client.checkBytes(checkOf([HOST, PATH, METHOD]))), 'allow', 'in any order');
});

/** Changes bytes: replaces, inserts and cuts. */
const mutations = fc.array(
  fc.record({
    at: fc.nat(1_000),
    byte: fc.nat(255),
    kind: fc.constantFrom('replace', 'insert', 'cut', 'repeat'),
  }),
  { minLength: 1, maxLength: 4 },
);
type Mutations = typeof mutations extends fc.Arbitrary<infer Value> ? Value : never;

function mutate(bytes: Buffer, changes: Mutations): Buffer {
  return changes.reduce((changed: Buffer, { at, byte, kind }) => {
    const place = at % (changed.length + 1);
    const [before, after] = [changed.subarray(0, place), changed.subarray(place)];
    if (kind === 'replace') return Buffer.concat([before, Buffer.of(byte), after.subarray(1)]);
    if (kind === 'insert') return Buffer.concat([before, Buffer.of(byte), after]);
    if (kind === 'cut') return Buffer.concat([before, after.subarray(1 + (byte % 8))]);
    return Buffer.concat([before, after.subarray(0, byte % 32), after]);
  }, bytes);
}

t.test('no change of the bytes opens a guarded path', async (t) => {
  const { client } = await startChecks(t, { routes: [{ ...ROUTES[1], path: '/' }] });
  const valid = [
    encodeCheck({ path: '/guarded', headers: { authorization: 'Bearer x', 'x-user-id': 'mallory' } }),
    encodeCheck({
      path: '/guarded',
      rawHeaders: [
        ['authorization', 'Bearer x'],
        ['cookie', 'a=1'],
      ],
    }),
  ];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...valid), mutations, async (bytes, changes) => {
      const result = await client.checkBytes(mutate(bytes, changes));
      return result.code === 3 || (result.code === 0 && (result.response.status?.code ?? 0) !== 0);
    }),
    { numRuns: 1_500 },
  );
  await stillServes(t, client);
});

async function stillServes(t: Test, client: CheckClient): Promise<void> {
  t.equal(codeOf(await client.check()), 'token_missing');
}
