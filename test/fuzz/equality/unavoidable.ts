import { splitField } from './asking-proxy.ts';
import { FILES } from './files.ts';
import type { Outcome } from './outcome.ts';
import type { ClientRequest } from './requests.ts';
import { ALL_WAYS } from './table.ts';

/** One request, what became of it in the proxy mode and by one way of asking, and where those differ. */
export interface Difference {
  readonly request: ClientRequest;
  readonly proxied: Outcome;
  readonly asked: Outcome;
  readonly found: readonly string[];
}

/** A row of the table in docs/other-proxies.md: ways, and what they cannot do as the proxy mode does it. */
export interface Unavoidable {
  /** As the row has them. */
  readonly ways: readonly string[];
  readonly what: string;
  /** Whether the row is why the request fared differently; or why no generated request does because of it. */
  readonly explains: ((difference: Difference) => boolean) | string;
}

/** Whose replies name no fields to drop. */
const BY_NAME = ['forward-auth', 'auth-request'];

export const UNAVOIDABLE: readonly Unavoidable[] = [
  { ways: ALL_WAYS, what: 'a route with `upstream: none`', explains: 'all routes have an upstream' },
  {
    ways: ALL_WAYS,
    what: 'a path that the gateway serves itself (keys, metadata, front, events)',
    explains: ({ request, asked }) =>
      asked.record.code === 'route_unknown' &&
      (FILES[request.file]?.own ?? []).includes(request.target.split('?')[0] as string),
  },
  {
    ways: ALL_WAYS,
    what: 'an allowed request to a route with `mcp`',
    explains: ({ proxied, asked }) =>
      proxied.record.route === 'tools' && refusedBy(asked, 'mcp_invalid', 'the route has `mcp` rules'),
  },
  {
    ways: ALL_WAYS,
    what: 'a permitted CORS preflight',
    explains: ({ request, proxied, asked, found }) =>
      request.method === 'OPTIONS' &&
      [proxied, asked].every(isAllowed) &&
      found.every((difference) => difference.startsWith('fields for the client')),
  },
  { ways: ALL_WAYS, what: 'the body: its length, coding, `bodyLimit`', explains: 'no request has a body' },
  { ways: ALL_WAYS, what: 'the backend: unreachable, slow, invalid', explains: 'it responds' },
  {
    ways: ALL_WAYS,
    what: 'a request of type `application/grpc`',
    explains: 'the status that is compared is that of the table',
  },
  {
    ways: ALL_WAYS,
    what: 'a token in the query that is not forwarded',
    explains: ({ request, proxied, asked }) =>
      isAllowed(proxied) &&
      refusedBy(asked, 'bad_request', 'the query holds') &&
      /[?&]token=/.test(request.target),
  },
  {
    ways: ALL_WAYS,
    what: 'a target that does not begin with a slash',
    explains: ({ request, proxied, asked }) =>
      !request.target.startsWith('/') &&
      !isAllowed(proxied) &&
      ['bad_request', 'route_unknown'].includes(asked.record.code),
  },
  {
    ways: ALL_WAYS,
    what: '`Sec-WebSocket-Key` or `Upgrade: websocket` without the rest of a handshake',
    explains: ({ request, proxied, asked }) =>
      !isWholeHandshake(request) &&
      request.fields.some((field) => /^(?:sec-websocket-key:|upgrade: *websocket)/i.test(field)) &&
      (['upgrade_refused', 'origin_not_allowed'].includes(asked.record.code) ||
        refusedBy(asked, 'bad_request', 'a WebSocket handshake is a GET') ||
        // A handshake does not expect anything.
        (proxied.record.code === 'expectation_failed' && isAllowed(asked))),
  },
  {
    ways: BY_NAME,
    what: 'a token in a cookie or in Sec-WebSocket-Protocol that is not forwarded',
    explains: ({ request, proxied, asked }) =>
      isAllowed(proxied) &&
      refusedBy(asked, 'bad_request', 'a cookie or Sec-WebSocket-Protocol') &&
      request.fields.some((field) => /^(?:cookie|sec-websocket-protocol):.*</i.test(field)),
  },
  {
    ways: BY_NAME,
    what: 'a field that overrides the method or URL, other than those of the way',
    explains: (difference) => refusedFor(difference, (name) => OVERRIDES.test(fold(name))),
  },
  {
    ways: BY_NAME,
    what: 'a name of an identity header, or of a header with a token, in another spelling',
    explains: (difference) =>
      refusedFor(difference, (name, dropped) => fold(name) !== name && dropped.includes(fold(name))),
  },
  {
    ways: BY_NAME,
    what: 'another spelling of a field with a meaning in HTTP or among proxies, such as `Transfer_Encoding`',
    explains: (difference) => refusedFor(difference, (name) => fold(name) !== name && MEANT.test(fold(name))),
  },
  {
    ways: BY_NAME,
    what: '`X-Sealgate-*` that the file does not name',
    explains: (difference) =>
      refusedFor(
        difference,
        (name, dropped) => fold(name).startsWith('x-sealgate') && !dropped.includes(name),
      ),
  },
  {
    ways: ['auth-request'],
    what: 'a refusal with 4xx, other than 401',
    explains: 'the status is that for the client, which the asking proxy takes from X-Sealgate-Status',
  },
  {
    ways: ['auth-request'],
    what: 'a `Host` that no URL can have',
    explains: ({ request, proxied, asked }) =>
      /^$|[/?#]/.test(request.host) &&
      !isAllowed(proxied) &&
      refusedBy(asked, 'bad_request', 'X-Original-URL'),
  },
  {
    ways: ['ext-authz'],
    what: 'what stands beside a token that is not forwarded in its Cookie or Sec-WebSocket-Protocol',
    explains: ({ proxied, asked, found }) =>
      [proxied, asked].every(isAllowed) &&
      found.every((difference) => difference.startsWith('fields for the backend')) &&
      isEqualWithout(proxied, asked, ['cookie', 'sec-websocket-protocol']),
  },
  {
    ways: ['ext-authz-grpc'],
    what: 'two fields of one name, without `encode_raw_headers`',
    explains: 'no rule of the files differs by it',
  },
  {
    ways: ['ext-authz-grpc'],
    what: 'one `Authorization` with a comma in it, without `encode_raw_headers`',
    explains: ({ request, asked }) =>
      refusedBy(asked, 'multiple_tokens', 'more than one Authorization') &&
      request.fields.some((field) => /^authorization:.*,/i.test(field)),
  },
  {
    ways: ['ext-authz-grpc'],
    what: 'bytes that are not UTF-8 in a field, without `encode_raw_headers`',
    explains: 'all fields are ASCII',
  },
];

/** The row that is why a request fared differently by a way. */
export function rowOf(way: string, difference: Difference): Unavoidable | undefined {
  return UNAVOIDABLE.find(
    ({ ways, explains }) => ways.includes(way) && typeof explains === 'function' && explains(difference),
  );
}

function isAllowed({ record }: Outcome): boolean {
  return record.code === 'allow';
}

function refusedBy({ record, forBackend }: Outcome, code: string, reason: string): boolean {
  return forBackend === undefined && record.code === code && record.reason?.includes(reason) === true;
}

/** By the words of the contract, not by the lists of the code. */
const OVERRIDES =
  /^(?:x-(?:http-)?(?:method|host)|x-original-|x-rewrite-|x-forwarded-(?:uri|method|path|url)$|script-name|path-info|x-accel-mapping|x-sendfile-type)/;
const MEANT =
  /^(?:host|authorization|cookie|origin|connection|upgrade|keep-alive|transfer-encoding|te|trailer|expect|content-.*|sec-websocket-protocol|x-forwarded-.*|forwarded|x-real-ip|proxy-.*)$/;

function fold(name: string): string {
  return name.replace(/[^a-z0-9-]/g, '-');
}

/** Whether a field of the request is why the way refused it before it was decided on. */
function refusedFor(
  { request, asked }: Difference,
  isSpoofed: (name: string, dropped: readonly string[]) => boolean,
): boolean {
  const dropped = FILES[request.file]?.dropped ?? [];
  return (
    refusedBy(asked, 'bad_request', 'could pass for identity') &&
    request.fields.some((field) => isSpoofed(splitField(field)[0].toLowerCase(), dropped))
  );
}

function isWholeHandshake({ fields }: ClientRequest): boolean {
  return (
    fields.some((field) => /^upgrade: *websocket/i.test(field)) &&
    fields.some((field) => /^connection:.*upgrade/i.test(field))
  );
}

function isEqualWithout(proxied: Outcome, asked: Outcome, names: readonly string[]): boolean {
  const left = ({ forBackend = new Map() }: Outcome) =>
    JSON.stringify([...forBackend].filter(([name]) => !names.includes(name)).sort());
  const isLess = names.every(
    (name) => asked.forBackend?.get(name) === undefined || proxied.forBackend?.get(name) !== undefined,
  );
  return isLess && left(proxied) === left(asked);
}
