import { type CheckClient, fieldsOf } from '../../../support/decisions/check-client.ts';
import type { Ask, ClientRequest } from './traefik-model.ts';

interface StringMatcher {
  readonly exact?: string;
  readonly prefix?: string;
  readonly suffix?: string;
  readonly safe_regex?: { readonly regex: string };
  readonly ignore_case?: boolean;
}

interface StringMatchers {
  readonly patterns: readonly StringMatcher[];
}

/** The parts of Envoy's ext_authz filter with an HTTP service that the file has. */
export interface ExtAuthz {
  readonly failure_mode_allow?: boolean;
  readonly allowed_headers?: StringMatchers;
  readonly disallowed_headers?: StringMatchers;
  readonly encode_raw_headers?: boolean;
  readonly http_service: {
    readonly path_prefix?: string;
    readonly authorization_response?: {
      readonly allowed_upstream_headers?: StringMatchers;
      readonly allowed_upstream_headers_to_append?: StringMatchers;
      readonly allowed_client_headers?: StringMatchers;
      readonly allowed_client_headers_on_success?: StringMatchers;
    };
  };
}

/** The routes that the files have: by header fields, to a response of Envoy's own or to a cluster. */
interface Route {
  readonly match: {
    readonly headers?: readonly {
      readonly name: string;
      readonly present_match?: boolean;
      readonly string_match?: StringMatcher;
      readonly invert_match?: boolean;
    }[];
  };
  readonly direct_response?: { readonly status: number };
}

/** The parts of the connection manager that the files have. */
export interface Manager {
  readonly dropsUnderscores: boolean;
  /** Names that are removed from requests before the filter asks. */
  readonly removed: readonly string[];
  readonly routes: readonly Route[];
}

export interface EnvoySettings extends Manager {
  readonly extAuthz: ExtAuthz;
}

type Fields = readonly (readonly [name: string, value: string])[];

interface Passed {
  readonly status: number;
  readonly toClient: Fields;
  readonly forwarded: Fields | undefined;
}

const NOT_OFFERED: Passed = { status: 403, toClient: [], forwarded: undefined };

/** Envoy's own address, which its HTTP client appends to X-Forwarded-For (AsyncStreamImpl::sendHeaders). */
const OWN_ADDRESS = '127.0.0.1';
/** toClientMatchers in ext_authz_http_impl.cc */
const ALWAYS_TO_CLIENT = ['status', 'content-length', 'www-authenticate', 'location'];

/**
 * What Envoy does with a request by its source: the connection manager (use_remote_address), the ext_authz filter with its HTTP
 * client, which removes after it has set. Gives the fields that the client gets, and those that the backend gets where it is allowed.
 */
export async function passThroughEnvoy(
  { extAuthz, ...manager }: EnvoySettings,
  { method, target, host, lines }: ClientRequest,
  ask: (method: string, ...question: Parameters<Ask>) => ReturnType<Ask>,
): Promise<Passed> {
  const fields = receivedFields(lines, manager);
  if (fields === undefined) return NOT_OFFERED;
  const { path_prefix = '', authorization_response: lists = {} } = extAuthz.http_service;
  const sent = fields.filter(
    ([name]) =>
      (name === 'authorization' || isAmong(extAuthz.allowed_headers, name)) &&
      !isAmong(extAuthz.disallowed_headers, name),
  );
  const forwardedFor = sent.filter(([name]) => name === 'x-forwarded-for').map(([, value]) => value);
  const question = [
    `Host: ${host}`,
    ...joinUnlessRaw(extAuthz, sent).map(([name, value]) => `${name}: ${value}`),
    `x-forwarded-for: ${[...forwardedFor, OWN_ADDRESS].join(',')}`,
    'content-length: 0',
  ];
  const { status, headers } = await ask(method, `${path_prefix}${target}`, question);
  const received: Fields = Object.entries(headers).flatMap(([name, values]) =>
    values.map((value) => [name, value] as const),
  );

  if (status >= 500)
    return { status: extAuthz.failure_mode_allow === true ? 200 : 503, toClient: [], forwarded: undefined };
  if (status !== 200) {
    const { allowed_client_headers: list } = lists;
    const toClient = received.filter(
      ([name]) => list === undefined || ALWAYS_TO_CLIENT.includes(name) || isAmong(list, name),
    );
    return { status, toClient, forwarded: undefined };
  }
  if (lists.allowed_upstream_headers_to_append !== undefined) throw new Error('not modeled');
  const set = received.filter(([name]) => isAmong(lists.allowed_upstream_headers, name));
  const removed = (headers['x-envoy-auth-headers-to-remove'] ?? []).flatMap((value) =>
    value.split(',').map((name) => name.trim()),
  );
  const kept = fields.filter(([name]) => !set.some(([own]) => own === name));
  const forwarded = [...kept, ...set].filter(([name]) => !removed.includes(name));
  const own = ownResponse(manager, forwarded);
  if (own !== undefined) return own;
  return {
    status,
    toClient: received.filter(([name]) => isAmong(lists.allowed_client_headers_on_success, name)),
    forwarded,
  };
}

/** Fields of one name are one, joined by a comma, without encode_raw_headers. X-Forwarded-For is written by the client. */
function joinUnlessRaw({ encode_raw_headers = false }: ExtAuthz, sent: Fields): Fields {
  const others = sent.filter(([name]) => name !== 'x-forwarded-for');
  if (encode_raw_headers) return others;
  const joined = new Map<string, string>();
  for (const [name, value] of others)
    joined.set(name, joined.has(name) ? `${joined.get(name)},${value}` : value);
  return [...joined];
}

/** The same with a gRPC service (ext_authz_grpc_impl.cc). */
export async function checkThroughEnvoy(
  { isRaw, ...manager }: Manager & { readonly isRaw: boolean },
  { method, target, host, lines }: ClientRequest,
  client: CheckClient,
): Promise<Passed> {
  const fields = receivedFields(lines, manager);
  if (fields === undefined) return NOT_OFFERED;
  const joined: Record<string, string> = {};
  for (const [name, value] of fields) joined[name] = name in joined ? `${joined[name]},${value}` : value;
  const about = { method, path: target, host, scheme: 'http', source: '192.0.2.1' };
  const { code, response } = await client.check({
    ...about,
    ...(isRaw ? { rawHeaders: fields } : { headers: joined }),
  });
  const { status, denied_response: denied, ok_response: ok } = response;
  if (code !== 0) return { status: 503, toClient: [], forwarded: undefined };
  if (status?.code !== undefined && status.code !== 0)
    return {
      status: denied?.status?.code ?? 403,
      toClient: Object.entries(fieldsOf(denied?.headers)),
      forwarded: undefined,
    };
  const set = ok?.headers ?? [];
  if (set.some(({ append }) => append?.value === true)) throw new Error('not modeled');
  const kept = fields.filter(([name]) => !set.some(({ header }) => header.key === name));
  const own = set.map(({ header }) => [header.key, header.value] as const);
  const forwarded = [...kept, ...own].filter(([name]) => !ok?.headers_to_remove?.includes(name));
  const direct = ownResponse(manager, forwarded);
  if (direct !== undefined) return direct;
  return {
    status: 200,
    toClient: Object.entries(fieldsOf(ok?.response_headers_to_add)),
    forwarded,
  };
}

/** The first route that fits, if it responds by itself. */
function ownResponse({ routes }: Manager, fields: Fields): Passed | undefined {
  const route = routes.find(({ match: { headers = [] } }) =>
    headers.every(({ name, present_match, string_match, invert_match = false }) => {
      const values = fields.filter(([own]) => own === name).map(([, value]) => value);
      const fits =
        present_match === true
          ? values.length > 0
          : string_match !== undefined && matches(string_match, values.join());
      // A field that is missing does not fit, inverted or not (HeaderUtility::matchHeaders).
      return values.length > 0 && fits !== invert_match;
    }),
  );
  const status = route?.direct_response?.status;
  return status === undefined ? undefined : { status, toClient: [], forwarded: undefined };
}

/** What is left of the fields of a client when the filter sees them. */
function receivedFields(
  lines: readonly string[],
  { dropsUnderscores, removed }: Manager,
): Fields | undefined {
  const fields = lines.map((line) => {
    const [, name = '', value = ''] = /^([^:]+):[ \t]*(.*)$/s.exec(line) ?? [];
    return [name.toLowerCase(), value] as const;
  });
  const upgrade = fields.filter(([name]) => name === 'upgrade').map(([, value]) => value);
  const isUpgrade =
    upgrade.length > 0 && fields.some(([name, value]) => name === 'connection' && /\bupgrade\b/i.test(value));
  // Several are one, joined by a comma, which no upgrade_configs has (HttpConnectionManagerImpl).
  if (isUpgrade && !/^websocket$/i.test(upgrade.join())) return undefined;
  // ServerConnectionImpl::onHeadersCompleteBase and ConnectionManagerUtility::mutateRequestHeaders
  const named = isUpgrade
    ? []
    : fields
        .filter(([name]) => name === 'connection')
        .flatMap(([, value]) => value.toLowerCase().split(/ *, */));
  const dropped = [
    'host',
    'keep-alive',
    'proxy-connection',
    'transfer-encoding',
    'content-length',
    'x-forwarded-proto',
    'x-request-id',
  ].concat(named, removed, isUpgrade ? [] : ['connection', 'upgrade']);
  const kept = fields.filter(
    ([name]) => !dropped.includes(name) && !(dropsUnderscores && name.includes('_')),
  );
  const forwardedFor = kept.filter(([name]) => name === 'x-forwarded-for').map(([, value]) => value);
  return [
    ...kept.filter(([name]) => name !== 'x-forwarded-for'),
    ['x-forwarded-for', [...forwardedFor, '192.0.2.1'].join(',')],
    ['x-forwarded-proto', 'http'],
    ['x-request-id', '2f1c0e5a-0000-4000-8000-000000000000'],
  ];
}

function isAmong(list: StringMatchers | undefined, name: string): boolean {
  return list?.patterns.some((pattern) => matches(pattern, name)) ?? false;
}

function matches({ exact, prefix, suffix, safe_regex, ignore_case }: StringMatcher, name: string): boolean {
  const own = (text: string) => (ignore_case ? text.toLowerCase() : text);
  if (exact !== undefined) return name === own(exact);
  if (prefix !== undefined) return name.startsWith(own(prefix));
  if (suffix !== undefined) return name.endsWith(own(suffix));
  if (safe_regex === undefined) throw new Error('not modeled');
  const { regex } = safe_regex;
  return new RegExp(`^(?:${regex.replace('(?i)', '')})$`, regex.startsWith('(?i)') ? 'i' : '').test(name);
}

interface IstioHttpProvider {
  readonly pathPrefix?: string;
  readonly failOpen?: boolean;
  readonly includeRequestHeadersInCheck?: readonly string[];
  readonly headersToUpstreamOnAllow?: readonly string[];
  readonly headersToDownstreamOnDeny?: readonly string[];
  readonly headersToDownstreamOnAllow?: readonly string[];
}

/** The filter that Istio makes of a provider of its mesh configuration (pilot/pkg/security/authz/builder/extauthz.go). */
export function filterOfIstio(provider: IstioHttpProvider): ExtAuthz {
  return {
    failure_mode_allow: provider.failOpen ?? false,
    ...listOf('allowed_headers', provider.includeRequestHeadersInCheck),
    http_service: {
      ...(provider.pathPrefix !== undefined && { path_prefix: provider.pathPrefix }),
      authorization_response: {
        ...listOf('allowed_upstream_headers', provider.headersToUpstreamOnAllow),
        ...listOf('allowed_client_headers', provider.headersToDownstreamOnDeny),
        ...listOf('allowed_client_headers_on_success', provider.headersToDownstreamOnAllow),
      },
    },
  };
}

/** Names may begin or end with `*`, for a suffix or a prefix. */
function listOf(key: string, names: readonly string[] | undefined): Readonly<Record<string, StringMatchers>> {
  if (names === undefined) return {};
  const patterns = names.map((name): StringMatcher => {
    if (name.endsWith('*')) return { prefix: name.slice(0, -1), ignore_case: true };
    return name.startsWith('*')
      ? { suffix: name.slice(1), ignore_case: true }
      : { exact: name, ignore_case: true };
  });
  return { [key]: { patterns } };
}
