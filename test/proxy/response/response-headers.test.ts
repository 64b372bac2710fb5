import t from 'tap';
import { HOP_BY_HOP } from '../../../src/core/header-names.ts';
import {
  buildUpstreamHeaders,
  type UpstreamHeadersInput,
} from '../../../src/proxy/request/upstream-headers.ts';
import { ResponseHeaderFilter } from '../../../src/proxy/response/response-header-filter.ts';
import { buildResponseHeaders } from '../../../src/proxy/response/response-headers.ts';

const BASE: UpstreamHeadersInput = {
  passed: ['Accept', '*/*', 'COOKIE', 'a=b', 'Accept', 'text/html', 'Via', '1.1 edge'],
  identity: ['x-user-id', 'alice'],
  credentials: [],
  forwarded: {
    client: '10.0.0.9',
    chain: '10.0.0.9, 192.0.2.1',
    proto: 'https',
    host: 'api.example.com',
    port: '443',
    prefix: '',
  },
  prefix: '',
  requestId: 'r-1',
  host: undefined,
};

const STATED = [
  'x-forwarded-for',
  '10.0.0.9, 192.0.2.1',
  'x-forwarded-proto',
  'https',
  'x-forwarded-host',
  'api.example.com',
  'x-forwarded-port',
  '443',
  'x-request-id',
  'r-1',
  'x-user-id',
  'alice',
];

t.test('what passed goes up in order and spelling, then what the gateway states', async (t) => {
  t.same(buildUpstreamHeaders(BASE), [...BASE.passed, ...STATED]);
});

t.test('Host and Authorization go up only where they are given', async (t) => {
  const headers = buildUpstreamHeaders({
    ...BASE,
    passed: [],
    host: 'a.example',
    credentials: ['authorization', 'Bearer x'],
  });
  t.same(headers, ['host', 'a.example', 'authorization', 'Bearer x', ...STATED]);
});

t.test('the headers of the request are not changed', async (t) => {
  const passed = Object.freeze(['Accept', '*/*']);
  t.not(buildUpstreamHeaders({ ...BASE, passed }), passed);
});

t.test('a client that named no host is not given one', async (t) => {
  const headers = buildUpstreamHeaders({ ...BASE, forwarded: { ...BASE.forwarded, host: undefined } });
  t.notOk(headers.includes('x-forwarded-host'));
});

function respond(status: number, fields: string[]): string[] {
  return buildResponseHeaders({
    status,
    raw: fields,
    names: new ResponseHeaderFilter(['x-user-id']),
    added: ['x-request-id', 'r-1'],
  });
}

t.test(
  'fields of one connection, identity names and what the gateway states are not passed down',
  async (t) => {
    for (const name of [
      ...HOP_BY_HOP,
      'x-user-id',
      'x_user_id',
      'X-User.Id',
      'x-sealgate-any',
      'x-request-id',
    ]) {
      for (const spelling of [name, name.toUpperCase(), name]) {
        t.same(respond(200, [spelling, 'close']), ['x-request-id', 'r-1'], spelling);
      }
    }
  },
);

t.test('what Connection names in a response is dropped, before and after it', async (t) => {
  const fields = ['X-Before', '1', 'Connection', 'close, x-before, X-After', 'x-after', '2', 'x-stays', '3'];
  t.same(respond(200, fields), ['x-stays', '3', 'x-request-id', 'r-1']);
});

t.test('Connection on several lines counts as one list and never takes the length away', async (t) => {
  const fields = [
    'Connection',
    'close',
    'x-a',
    '1',
    'connection',
    'X-A,content-length',
    'Content-Length',
    '5',
  ];
  t.same(respond(200, fields), ['Content-Length', '5', 'x-request-id', 'r-1']);
});

t.test('cookies stay apart and bytes beyond ASCII stay as they are', async (t) => {
  const fields = ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-Name', 'Jos\xe9'];
  t.same(respond(200, fields), [...fields, 'x-request-id', 'r-1']);
});

t.test('a length is dropped where there is never a body, and kept where it states one', async (t) => {
  t.same(respond(204, ['Content-Length', '5']), ['x-request-id', 'r-1']);
  t.same(respond(304, ['Content-Length', '5']), ['Content-Length', '5', 'x-request-id', 'r-1']);
});

t.test('only Location is led back, and cookies keep their paths', async (t) => {
  const prefixes = {
    outside: '/orders',
    inside: '/v2',
    before: '',
    announced: '',
    origin: 'http://b',
    host: undefined,
  };
  const raw = ['location', '/v2/7', 'Set-Cookie', 'a=1; Path=/v2', 'Content-Location', '/v2/7'];
  const head = { status: 201, names: new ResponseHeaderFilter([]), added: [], prefixes };
  t.same(buildResponseHeaders({ ...head, raw }), ['location', '/orders/7', ...raw.slice(2)]);
});
