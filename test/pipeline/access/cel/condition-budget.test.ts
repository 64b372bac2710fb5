import { readFileSync } from 'node:fs';
import { run } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import t from 'tap';
import { isRefusal } from '../../../../src/core/refusals.ts';
import {
  decideNow,
  fakeVerifier,
  fileWith,
  freshTokenOf,
  gateOf,
  requestOf,
  tokenOf,
} from '../../../support/pipeline/gate.ts';

const list = (count: number, entry: (at: number) => string = (at) => at.toString(36)): string[] =>
  Array.from({ length: count }, (_, at) => entry(at));

/** As large as a token of 16 KiB can make them. */
const CLAIMS = {
  orders: list(300, (at) => `o${at}`),
  many: list(2500),
  text: 'a'.repeat(16_000),
  ab: `c${list(15_000, (at) => 'abbabaab'[(at * 7) % 8] ?? 'a').join('')}d`,
  lists: list(200).map(() => list(8)),
  dates: list(500, () => '2026-01-01T00:00:00Z'),
  digits: '9'.repeat(16_000),
  slow: '(a|b)*a(a|b){99}c',
  large: 'a{1000}'.repeat(30),
};

/** `cause` of the refusal, `allow`, and the time that the decision took of the processor. */
async function ask(when: string, target = '/', claims: object = CLAIMS) {
  const verifier = fakeVerifier({ good: freshTokenOf({ ...claims }) });
  const gate = await gateOf(fileWith([{ access: { when } }]), verifier);
  const request = requestOf(`GET ${target}`, 'Authorization', 'Bearer good');
  const { outcome } = decideNow(gate, request);
  return isRefusal(outcome) ? outcome : undefined;
}

const ids = (count: number) => `/?${list(count, (at) => `id=${at.toString(36)}`).join('&')}`;
const same = (count: number) => `/?${'id=o299&'.repeat(count)}`;
const needle = (text: string) => `/?q=${text}`;

const HOSTILE: readonly (readonly [when: string, target?: string])[] = [
  ['request.query.id.all(i, claims.orders.exists(o, o == i))', same(3500)],
  ['request.query.id.all(a, request.query.id.exists_one(b, a == b))', ids(4000)],
  ['request.query.id.all(i, i in claims.orders)', same(3500)],
  ['request.query.id.map(r, r.lowerAscii()).exists(r, r == "zz")', ids(4000)],
  ['request.query.id.map(r, r + "x").map(r, r + "y").exists(r, r == "zz")', ids(3000)],
  ['request.query.id.filter(r, r != "admin" && r != "root" && r != "a").size() > 100000', ids(4000)],
  ['request.path.split("a").all(p, p.split("/").size() < 3)', '/a'.repeat(8000)],
  ['claims.many.all(a, claims.nope == a || claims.none < 4 || claims.neither == a)'],
  ['claims.many.exists(a, claims.many.exists(b, claims.nope == a + b))'],
  ['(claims.many + claims.many).exists(a, a in (claims.many + claims.many))'],
  ['claims.lists.exists(a, claims.lists.exists(b, a != b && claims.lists == claims.orders))'],
  ['claims.lists.all(a, a in claims.lists)'],
  ['claims.text.contains(request.query.q[0])', needle(`${'a'.repeat(8000)}b`)],
  ['claims.text.lastIndexOf(request.query.q[0]) == 1', needle(`b${'a'.repeat(8000)}`)],
  ['claims.many.exists(a, claims.text.contains(a + "!"))'],
  ['claims.many.all(a, claims.text.size() > 3)'],
  ['claims.many.all(a, claims.text.upperAscii() != a)'],
  ['claims.many.all(a, claims.text.trim() != a)'],
  ['claims.many.all(a, claims.text.substring(1, 15000) + a != claims.text)'],
  ['claims.text.replace("a", request.query.q[0]) == "a"', needle('b'.repeat(2000))],
  ['claims.many.exists(a, claims.text.replace(a, "bb") == "x")'],
  ['claims.many.map(a, claims.text).join(claims.text).size() == 1'],
  ['(claims.text + claims.text + claims.text).contains("b" + claims.text)'],
  ['claims.ab.matches("(a|b)*a(a|b){200}c$")'],
  ['claims.ab.matches("[ab]*a[ab]{12}c$")'],
  ['request.path.matches("^(([a-z/])+.)+[A-Z]([a-z])+$")', '/a'.repeat(8000)],
  ['claims.many.exists(a, claims.text.matches("(a+a+)+!$"))'],
  ['claims.ab.matches(claims.slow)'],
  ['claims.ab.matches(claims.large)'],
  ['claims.many.exists(a, "x".matches("(\\\\pL|" + a + ")*y"))'],
  ['claims.many.exists(a, int(claims.digits) == 1)'],
  ['claims.dates.all(a, timestamp(a).getHours("Europe/Berlin") == 1)'],
  ['claims.many.all(a, duration("1h") < duration("2h"))'],
  ['claims.many.all(a, [a, a, a, a, a, a, a, a, a, a, a, a].size() == 12)'],
  ['claims.many.all(a, { "a": a, "b": a, "c": a, "d": a, "e": a, "f": a }.size() == 6)'],
  ['!claims.many.all(a, claims.many.all(b, a == b || true))'],
  ['true || claims.many.all(a, claims.many.all(b, a != b + b)) || true', '/'],
];

t.test('a condition that takes more than its steps is refused with its own cause', async (t) => {
  for (const [when, target] of HOSTILE.slice(0, -1)) {
    const refusal = await ask(when, target);
    t.match(refusal, { code: 'condition_failed', cause: 'condition_exceeded', reason: /10000 steps/ }, when);
    t.notMatch(refusal?.reason, /o299|aaaa/, 'and nothing of what it looked at');
  }
});

t.test('no operator makes up for steps that are missing', async (t) => {
  const slow = 'claims.many.all(a, claims.many.all(b, a != b + b))';
  for (const when of [`${slow} || true`, `!(${slow}) || true`, `${slow} ? true : true`]) {
    t.match(await ask(when), { cause: 'condition_exceeded' }, when);
  }
  t.equal(await ask(`true || ${slow}`), undefined, 'what is not evaluated takes none');
  t.equal(await ask(`has(claims.many) ? true : ${slow}`), undefined);
});

t.test('each evaluation has all of its steps, also after one that had too few', async (t) => {
  const slow = 'claims.many.all(a, claims.many.all(b, a == b))';
  const fine = 'claims.many.exists(a, a == "1")';
  const verifier = fakeVerifier({ good: freshTokenOf({ ...CLAIMS }) });
  const gate = await gateOf(fileWith([{ access: [{ when: slow }, { when: fine }] }]), verifier);
  for (let turn = 0; turn < 5; turn += 1) {
    t.notOk(isRefusal(decideNow(gate, requestOf('GET /', 'Authorization', 'Bearer good')).outcome));
  }
});

t.test('what real conditions do is far within the budget', async (t) => {
  const groups = list(400, (at) => `group-${at}`);
  const fine: readonly (readonly [when: string, target?: string])[] = [
    ['claims.groups.exists(g, g == "group-399")'],
    ['"group-399" in claims.groups'],
    ['claims.groups.filter(g, g.startsWith("group-3")).size() == 111'],
    ['claims.groups.map(g, g.substring(6)).exists(g, g == "17")'],
    ['["admin", "ops", "group-7"].exists(r, r in claims.groups)'],
    ['request.query.id.all(i, i in claims.groups)', '/?id=group-1&id=group-2&id=group-3'],
    [
      'request.path.matches("^/v[0-9]+/(orders|invoices)/[a-z0-9-]+$")',
      '/v1/orders/0b5d6f8a-77aa-4a10-9d3b-7e9a2b6c1d10',
    ],
    ['claims.email.lowerAscii().endsWith("@example.com")'],
    ['request.path.replace("/", ".").size() > 3', `/${'segment/'.repeat(20)}`],
    ['timestamp("2026-01-01T00:00:00Z").getHours("Europe/Berlin") == 1'],
  ];
  for (const [when, target] of fine) {
    t.equal(await ask(when, target, { groups, email: 'A@Example.com' }), undefined, when);
  }
});

t.test('the conditions of the documented table are within the budget', async (t) => {
  const page = readFileSync(new URL('../../../../docs/access.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([^`]+)` +\| ([\d,]+)(?: × (\d+))? +\| [\d,]+ +\| (yes|no) +\|$/gm)];
  t.ok(rows.length >= 5, String(rows.length));
  for (const [, when = '', roles = '', groups = '0', response] of rows) {
    const token = tokenOf(
      { groups: list(Number(groups), (at) => `group-${at}`) },
      { roles: list(Number(roles.replace(',', '')), (at) => `role-${at}`) },
    );
    const gate = await gateOf(fileWith([{ access: { when } }]), fakeVerifier({ good: token }));
    const { outcome } = decideNow(gate, requestOf('GET /', 'Authorization', 'Bearer good'));
    t.match(
      outcome,
      { cause: response === 'yes' ? 'condition_failed' : 'condition_exceeded' },
      `${when} ${roles}`,
    );
  }
});

t.test('macros that pay give what macros give', async (t) => {
  const bindings = {
    claims: {
      a: ['x', 'y', 'z'],
      b: ['y'],
      n: [1n, 2n, 3n],
      m: { k: 'v', l: 'w' },
      deep: [['x'], [], ['y', 'z']],
    },
  };
  const expressions = [
    'claims.a.map(x, x + "!") == ["x!", "y!", "z!"]',
    'claims.a.map(x, claims.n.map(n, x + string(n))) == [["x1","x2","x3"],["y1","y2","y3"],["z1","z2","z3"]]',
    'claims.n.map(n, n > 1, n * n) == [4, 9]',
    'claims.a.filter(x, x in claims.b) == ["y"]',
    'claims.a.filter(x, false) == []',
    'claims.a.filter(x, x != "y").map(x, [x]).filter(l, l[0] == "z") == [["z"]]',
    'claims.deep.map(l, l.map(x, x + x)) == [["xx"], [], ["yy", "zz"]]',
    'claims.deep.map(l, l.size()) == [1, 0, 2]',
    'claims.m.map(k, claims.m[k]) == ["v", "w"]',
    'claims.n.exists_one(n, n == 2) && claims.n.all(n, n > 0) && !claims.n.exists(n, n > 3)',
    'claims.a + claims.a == ["x", "y", "z", "x", "y", "z"]',
    'claims.a.map(x, [x] + [x])[1] == ["y", "y"]',
    '(claims.a.map(x, x) + ["w"]).size() == 4 && claims.a.map(x, x).size() == 3',
    '{"k": claims.a.map(x, x)}["k"][2] == "z"',
    'claims.a.map(x, {"v": x})[0].v == "x"',
    'claims.n.map(n, n == 2 ? claims.missing : n).size() == 3',
    'claims.n.exists(n, claims.missing == n || n == 3)',
    '[1].map(x, claims.a.map(y, y)) == [claims.a] && [[]].map(x, x) == [[]]',
  ];
  for (const when of expressions) {
    const refusal = await ask(
      when,
      '/',
      JSON.parse(JSON.stringify(bindings.claims, (_, v) => (typeof v === 'bigint' ? Number(v) : v))),
    );
    const plain = run(when, bindings, { funcs: strings });
    t.equal(refusal === undefined, plain === true, when);
  }
});

t.test(
  'the steps bound the time: the whole table takes the processor less than what one of it could',
  async (t) => {
    const before = process.cpuUsage();
    for (const [when, target] of HOSTILE) await ask(when, target);
    const { user } = process.cpuUsage(before);
    t.ok(user < 10_000_000, `${user / 1000} ms`);
  },
);
