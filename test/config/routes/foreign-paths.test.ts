import t from 'tap';
import { loadText, MINIMAL } from '../../support/config/config-text.ts';

/* What is a parameter, a pattern or "every method" to other tools, and would be a text here. */

const problems = (text: string) =>
  loadText(text).problems.map(({ severity, message, hint = '' }) => `${severity} ${message} — ${hint}`);
const path = (text: string): string => MINIMAL.replace('/orders', () => JSON.stringify(text));

const PARAMETERS: readonly (readonly [path: string, hint: RegExp])[] = [
  ['/users/{id}', /write `:id`/],
  ['/users/{user-id}/orders', /write `:user_id`/],
  ['/users/{id:int}', /write `:id`/],
  ['/users/{id?}', /write `:id`/],
  ['/users/{}', /write `:id`/],
  ['/files/{name}.json', /a whole segment: write `:name`/],
  ['/files/{proxy+}', /everything below it/],
  ['/files/{*rest}', /everything below it/],
  ['/users/<id>', /write `:id`/],
  ['/users/<int:id>', /write `:id`/],
  ['/files/<path:name>', /everything below it/],
  ['/users/[id]', /write `:id`/],
  ['/files/[...slug]', /everything below it/],
  ['/files/[[...slug]]', /everything below it/],
  ['/users/$id', /write `:id`/],
  ['/users/$userId/orders', /write `:userId`/],
  ['/users/$1', /write `:id`/],
  ['/users/:id?', /write `:id`/],
  ['/users/:id(\\d+)', /write `:id`/],
  ['/users/:id([0-9]+)', /write `:id`/],
  ['/users/(?<id>[^/]+)', /write `:id`/],
  ['/files/:rest+', /everything below it/],
  ['/files/:rest*', /everything below it/],
];

for (const [text, hint] of PARAMETERS) {
  t.test(`a path ${text} is an error that shows how a parameter is written`, async (t) => {
    const found = problems(path(text));
    t.equal(found.length, 1, found.join('\n'));
    t.match(found[0], /^error `.*` is not a parameter here/);
    t.match(found[0], hint);
  });
}

const PATTERNS: readonly string[] = [
  '/users/(.+)',
  '/(app)/users',
  '/users/(\\d+)',
  '/users/\\d+',
  '/users/[0-9]+',
  '/users/.+',
  '/^users',
  '/users$',
  '/users/{id',
];

for (const text of PATTERNS) {
  t.test(`a path ${text} is an error, because nothing in it is a pattern`, async (t) => {
    const found = problems(path(text));
    t.equal(found.length, 1, found.join('\n'));
    t.match(found[0], /^error `.*` is not a pattern here: paths are compared as text/);
  });
}

const TEXTS: readonly string[] = [
  '/odata/$metadata',
  '/odata/$batch',
  '/fhir/Patient/$everything',
  '/odata/Products(5)',
  '/odata/Nearest(lat=1,lon=2)',
  '/npm/@scope/name',
  '/v1/orders:batch',
  '/c++',
  '/files/a.b-c_d~e',
  '/~user',
  '/list[0]',
  '/price$5',
  '/.well-known/x',
  '/a+b',
  '/a,b!c',
];

for (const text of TEXTS) {
  t.test(`a path ${text} is what it looks like`, async (t) => t.same(problems(path(text)), []));
}

for (const text of ['/v2/{id}', '/v2/$1', '/v2/<id>', '/v2/[id]', '/v2/:id']) {
  t.test(`a rewrite to ${text} is an error, because it has no parameters`, async (t) => {
    t.same(problems(`${MINIMAL}    rewrite: ${JSON.stringify(text)}\n`), [
      'error a rewrite has no parameters — it only replaces `path` at the front',
    ]);
  });
}

const METHODS: readonly (readonly [method: string, found: RegExp])[] = [
  ['*', /^error `\*` is not a method — leave `methods` out for all$/],
  ['ANY', /^error `ANY` is not a method — leave `methods` out for all$/],
  ['ALL', /^error `ALL` is not a method — leave `methods` out for all$/],
  ['any', /leave `methods` out for all$/],
  ['get', /^error methods are upper case — write GET$/],
  ['GETS', /^error no request has the method `GETS`.* — did you mean `GET`\?$/],
  ['QUERYX', /^error no request has the method `QUERYX`/],
  ['GET,POST', /^error `GET,POST` is not a method/],
  ['GET POST', /^error `GET POST` is not a method/],
  ['CONNECT', /^error CONNECT is never forwarded/],
  ['TRACE', /^error TRACE is never forwarded/],
];

for (const [method, found] of METHODS) {
  t.test(`a route for the method ${method} is an error`, async (t) => {
    const lines = problems(`${MINIMAL}    methods: [${JSON.stringify(method)}]\n`);
    t.equal(lines.length, 1, lines.join('\n'));
    t.match(lines[0], found);
  });
}

for (const method of ['ANY', 'get', 'GETS', 'TRACE']) {
  t.test(`a preflight for the method ${method} is an error`, async (t) => {
    const cors = `cors: { origins: [https://a.example], methods: [${method}] }`;
    t.match(problems(`${MINIMAL}    ${cors}\n`), [/^error /]);
  });
}

t.test('a method that only preflights allow is a warning', async (t) => {
  const cors = 'cors: { origins: [https://a.example], methods: [GET, PUT] }';
  t.same(problems(`${MINIMAL}    ${cors}\n`), []);
  t.match(problems(`${MINIMAL}    methods: [GET]\n    ${cors}\n`), [
    /^warning the route does not take PUT, so preflights never allow it/,
  ]);
});
