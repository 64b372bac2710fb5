import t from 'tap';
import { REFUSALS, type RefusalCode } from '../../src/core/refusals.ts';
import { GRPC_FIELDS, grpcResponseType, grpcStatusOf } from '../../src/http/grpc.ts';

t.test('each status of a refusal has its gRPC status', async (t) => {
  const table: Readonly<Record<number, number>> = {
    400: 3,
    401: 16,
    403: 7,
    404: 12,
    405: 12,
    408: 4,
    413: 3,
    417: 3,
    429: 8,
    431: 3,
    500: 13,
    502: 14,
    503: 14,
    504: 4,
  };
  for (const [code, { status }] of Object.entries(REFUSALS)) {
    t.ok(status in table, code);
    t.equal(grpcStatusOf(status), table[status], code);
  }
});

t.test('the message has title and code, in characters that need no encoding', async (t) => {
  t.strictSame(GRPC_FIELDS.token_missing, [
    'grpc-status',
    '16',
    'grpc-message',
    'A bearer token is required (token_missing)',
  ]);
  for (const code of Object.keys(REFUSALS) as RefusalCode[]) {
    const message = GRPC_FIELDS[code][3] ?? '';
    t.match(message, /^[ -$&-~]+$/);
    t.equal(decodeURIComponent(message), `${REFUSALS[code].title} (${code})`);
  }
});

t.test('what counts as gRPC, and the type of its response', async (t) => {
  const table: readonly (readonly [string | undefined, string | undefined])[] = [
    [undefined, undefined],
    ['', undefined],
    ['application/json', undefined],
    ['text/application/grpc', undefined],
    [' application/grpc', undefined],
    ['application/grp', undefined],
    ['application/grpc', 'application/grpc'],
    ['Application/GRPC', 'application/grpc'],
    ['application/grpc+proto', 'application/grpc'],
    ['application/grpc+json; charset=utf-8', 'application/grpc'],
    ['application/grpc;x="\r\n"', 'application/grpc'],
    ['application/grpc-web', 'application/grpc-web'],
    ['application/grpc-web+proto', 'application/grpc-web+proto'],
    ['application/grpc-web-text; x', 'application/grpc-web-text'],
    ['APPLICATION/grpc-web-text+proto', 'application/grpc-web-text+proto'],
    ['application/grpc-web+x', 'application/grpc'],
    ['application/grpc-website', 'application/grpc'],
  ];
  for (const [sent, type] of table) t.equal(grpcResponseType(sent), type, String(sent));
});
