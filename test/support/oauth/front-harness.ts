import { stringify } from 'yaml';
import { startCountingUpstream } from '../backends/counting-upstream.ts';
import { startGateway, type TestGateway, type TestGatewayOptions } from '../gateway/gateway.ts';
import { type ScriptedProvider, startScriptedProvider } from './scripted-provider.ts';

export const ORIGIN = 'https://gw.example';
export const CLIENT_ID = 'the-client';
/** An identifier of a resource of the gateway. */
export const RESOURCE = `${ORIGIN}/mcp`;
export const REDIRECT_URI = 'https://app.example/callback';
const REDIRECT_URIS = [REDIRECT_URI, 'http://localhost/callback', 'http://127.0.0.1/callback'];

/** A gateway with a front at `/oauth`, and what stands behind it. */
export interface FrontHarness {
  readonly gateway: TestGateway;
  readonly url: string;
  readonly provider: ScriptedProvider;
  /** `GET /oauth/authorize` with these parameters over good ones; undefined leaves one out, a list repeats it. */
  authorize(changes?: Parameters): Promise<Response>;
  /** The same with a query as it is. */
  authorizeRaw(query: string, headers?: Record<string, string>): Promise<Response>;
  /** `POST /oauth/token` with these parameters over those of a good code exchange. */
  token(changes?: Parameters, headers?: Record<string, string>): Promise<Response>;
  refresh(changes?: Parameters): Promise<Response>;
  register(metadata: unknown, headers?: Record<string, string>): Promise<Response>;
  metadata(): Promise<Response>;
}

export type Parameters = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface FrontHarnessOptions extends TestGatewayOptions {
  /** Of the issuer, over the usual keys. */
  readonly issuer?: Record<string, unknown>;
  /** Of `oauthProxy`, over the usual keys. */
  readonly front?: Record<string, unknown>;
  readonly listen?: Record<string, unknown>;
  readonly routes?: readonly Record<string, unknown>[];
  readonly provider?: ScriptedProvider;
}

export const AUTHORIZATION = {
  response_type: 'code',
  client_id: CLIENT_ID,
  redirect_uri: REDIRECT_URI,
  state: 'af0ifjsldkj',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
} as const;
export const CODE_EXCHANGE = {
  grant_type: 'authorization_code',
  code: 'SplxlOBeZQQYbYS6WxSbIA',
  redirect_uri: REDIRECT_URI,
  client_id: CLIENT_ID,
  code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
} as const;
const REFRESH = {
  grant_type: 'refresh_token',
  refresh_token: 'tGzv3JOkF0XG5Qx2TlKWIA',
  client_id: CLIENT_ID,
} as const;

/** The text of a form: each parameter in order, a list as often as it is long. */
export function formOf(parameters: Parameters): string {
  const form = new URLSearchParams();
  for (const [name, values] of Object.entries(parameters)) {
    for (const value of values === undefined ? [] : [values].flat()) form.append(name, value);
  }
  return form.toString();
}

/** Starts it for one test. */
export async function startFront(
  t: { teardown(undo: () => void | Promise<void>): unknown },
  options: FrontHarnessOptions = {},
): Promise<FrontHarness> {
  const provider = options.provider ?? (await startScriptedProvider(t));
  const upstream = await startCountingUpstream();
  const text = stringify({
    listen: { port: 0, publicUrl: ORIGIN, ...options.listen },
    admin: { port: 0 },
    issuers: {
      corp: {
        issuer: provider.url,
        audiences: [RESOURCE],
        oauthProxy: {
          path: '/oauth',
          clientId: CLIENT_ID,
          redirectUris: REDIRECT_URIS,
          ...options.front,
        },
        ...options.issuer,
      },
    },
    upstreams: { backend: { url: upstream.url } },
    routes: options.routes ?? [
      { name: 'tools', path: '/mcp', upstream: 'backend', resource: true, access: { scopes: ['mcp:use'] } },
    ],
  });
  const gateway = await startGateway(text, options);
  t.teardown(async () => {
    await gateway.close();
    await upstream.close();
  });
  const { url } = gateway;
  const post = (path: string, body: string, headers: Record<string, string>) =>
    fetch(url + path, { method: 'POST', body, headers, redirect: 'manual' });
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const authorizeRaw = (query: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/oauth/authorize?${query}`, { headers, redirect: 'manual' });
  return {
    gateway,
    url,
    provider,
    authorizeRaw,
    authorize: (changes = {}) => authorizeRaw(formOf({ ...AUTHORIZATION, ...changes })),
    token: (changes = {}, headers = {}) =>
      post('/oauth/token', formOf({ ...CODE_EXCHANGE, ...changes }), { ...form, ...headers }),
    refresh: (changes = {}) => post('/oauth/token', formOf({ ...REFRESH, ...changes }), form),
    register: (metadata, headers = {}) =>
      post('/oauth/register', typeof metadata === 'string' ? metadata : JSON.stringify(metadata), {
        'content-type': 'application/json',
        ...headers,
      }),
    metadata: () => fetch(`${url}/.well-known/oauth-authorization-server/oauth`),
  };
}
