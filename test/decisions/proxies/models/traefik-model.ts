import { GoHeaders } from './go-headers.ts';

/** The parts of Traefik's dynamic configuration that dynamic.yaml has. */
export interface TraefikFile {
  readonly http: {
    readonly routers: Readonly<
      Record<
        string,
        { readonly rule: string; readonly priority: number; readonly middlewares: readonly string[] }
      >
    >;
    readonly middlewares: Readonly<Record<string, TraefikMiddleware>>;
  };
}

interface TraefikMiddleware {
  readonly headers?: { readonly customRequestHeaders: Readonly<Record<string, string>> };
  readonly forwardAuth?: {
    readonly address: string;
    readonly trustForwardHeader: boolean;
    readonly authRequestHeaders?: readonly string[];
    readonly authResponseHeaders: readonly string[];
  };
}

export interface ClientRequest {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly lines: readonly string[];
}

interface Response {
  readonly status: number;
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

/** Asks the gateway: a path and header lines. */
export type Ask = (path: string, lines: readonly string[]) => Promise<Response>;

/** pkg/middlewares/forwardedheaders: dropped at the entry point, since no address is trusted. */
const DROPPED = [
  'Proto',
  'For',
  'Host',
  'Port',
  'Server',
  'Uri',
  'Method',
  'Prefix',
  'Tls-Client-Cert',
  'Tls-Client-Cert-Info',
]
  .map((name) => `X-Forwarded-${name}`)
  .concat('X-Real-Ip');
/** pkg/middlewares/auth/forward.go */
const HOP_HEADERS = ['Connection', 'Keep-Alive', 'Te', 'Trailers', 'Transfer-Encoding', 'Upgrade'];
/** net/http/httputil/reverseproxy.go */
const REVERSE_PROXY_HOP_HEADERS = [
  ...HOP_HEADERS,
  'Proxy-Connection',
  'Proxy-Authenticate',
  'Proxy-Authorization',
  'Trailer',
];

/**
 * What Traefik 3 does with a request by its source, given the file: the entry point, the router, its middlewares in their order and the
 * reverse proxy. Gives the response of the gateway, and the fields that the backend gets where it is allowed.
 */
export async function passThroughTraefik(
  file: TraefikFile,
  request: ClientRequest,
  ask: Ask,
): Promise<{ readonly response: Response; readonly forwarded: readonly string[] | undefined }> {
  const headers = GoHeaders.of(request.lines);
  for (const name of DROPPED) headers.delete(name);
  const isWebSocket = /^websocket$/i.test(headers.values('upgrade')[0] ?? '');
  headers.set('X-Real-Ip', '192.0.2.1');
  headers.set('X-Forwarded-Proto', isWebSocket ? 'ws' : 'http');
  headers.set('X-Forwarded-Port', '80');
  headers.set('X-Forwarded-Host', request.host);
  headers.set('X-Forwarded-Server', 'traefik');

  const router = Object.values(file.http.routers)
    .toSorted((a, b) => b.priority - a.priority)
    .find(({ rule }) => matches(rule, request.host, headers));
  if (router === undefined) return { response: { status: 404, headers: {} }, forwarded: undefined };

  let response: Response | undefined;
  for (const name of router.middlewares) {
    const { headers: custom, forwardAuth } = file.http.middlewares[name] as TraefikMiddleware;
    for (const [field, value] of Object.entries(custom?.customRequestHeaders ?? {})) {
      if (value === '') headers.delete(field);
      else headers.set(field, value);
    }
    if (forwardAuth === undefined) continue;
    if (forwardAuth.trustForwardHeader || forwardAuth.authRequestHeaders !== undefined)
      throw new Error('not modeled');
    response = await ask(new URL(forwardAuth.address).pathname, questionOf(headers, request));
    if (response.status < 200 || response.status >= 300) return { response, forwarded: undefined };
    for (const field of forwardAuth.authResponseHeaders) {
      headers.delete(field);
      const values = response.headers[field.toLowerCase()];
      if (values !== undefined) headers.set(field, ...values);
    }
  }
  if (response === undefined) throw new Error('the router does not ask');

  const upgrade = headers.named().some((name) => /^upgrade$/i.test(name)) ? headers.values('upgrade') : [];
  for (const name of [...headers.named(), ...REVERSE_PROXY_HOP_HEADERS]) headers.delete(name);
  if (upgrade.length > 0) {
    headers.set('Connection', 'Upgrade');
    headers.set('Upgrade', ...upgrade);
  }
  return { response, forwarded: headers.pairs() };
}

function questionOf(from: GoHeaders, { method, host, target }: ClientRequest): readonly string[] {
  const headers = from.copy();
  for (const name of [...headers.named(), ...HOP_HEADERS]) headers.delete(name);
  headers.set('X-Forwarded-For', '192.0.2.1');
  headers.set('X-Forwarded-Method', method);
  headers.set('X-Forwarded-Proto', 'http');
  headers.set('X-Forwarded-Host', host);
  headers.set('X-Forwarded-Uri', target);
  const pairs = headers.pairs();
  return [
    'Host: sealgate',
    ...pairs.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${pairs[at + 1]}`] : [])),
  ];
}

/** The rules that the file has: `Host` and `HeaderRegexp`, joined by `&&`. */
function matches(rule: string, host: string, headers: GoHeaders): boolean {
  return rule.split(' && ').every((part) => {
    const [, matcher, first = '', second] = /^(\w+)\(`([^`]+)`(?:, `([^`]+)`)?\)$/.exec(part) ?? [];
    if (matcher === 'Host') return host === first;
    if (matcher !== 'HeaderRegexp' || second === undefined) throw new Error(`not modeled: ${part}`);
    const pattern = new RegExp(second.replace('(?i)', ''), second.startsWith('(?i)') ? 'i' : '');
    return headers.values(first).some((value) => pattern.test(value));
  });
}
