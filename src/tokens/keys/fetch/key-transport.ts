import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { isLoopbackHost } from '../../../core/network/ip.ts';

export interface TransportOptions {
  /** PEM text of the authorities to trust instead of the system's. */
  readonly ca: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The certificate to show where one is asked for: PEM texts. */
  readonly client?: { readonly cert: string; readonly key: string } | undefined;
  /** How long an idle connection is kept, in milliseconds. Default 1,000: minutes lie between two fetches of keys. */
  readonly keepAliveMs?: number;
}

const KEEP_ALIVE_MS = 1_000;

/**
 * Connects to an issuer: TLS verified, through `HTTPS_PROXY` (and `HTTP_PROXY` for plain HTTP) except for `NO_PROXY` and
 * loopback. No limit on connections, so that one hanging issuer never delays another on the same host.
 */
export function createKeyTransport({
  ca,
  env,
  client,
  keepAliveMs = KEEP_ALIVE_MS,
}: TransportOptions): Dispatcher {
  // Explicit, because NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment would otherwise turn it off.
  const tls = { rejectUnauthorized: true, ...(ca !== undefined && { ca }), ...client };
  const options = { connect: tls, keepAliveTimeout: keepAliveMs, keepAliveMaxTimeout: keepAliveMs };
  const httpsProxy = env.https_proxy ?? env.HTTPS_PROXY ?? '';
  const httpProxy = env.http_proxy ?? env.HTTP_PROXY ?? '';
  const excluded = (env.no_proxy ?? env.NO_PROXY ?? '').trim();
  if ((httpsProxy === '' && httpProxy === '') || excluded === '*') return new Agent(options);
  const noProxy = [excluded, ...LOOPBACK_NAMES].filter(Boolean).join(',');
  for (const proxy of [httpsProxy, httpProxy]) {
    // Without the value: it may hold a password.
    if (proxy !== '' && !URL.canParse(proxy)) throw new Error('HTTPS_PROXY or HTTP_PROXY is not a URL');
  }
  return new EnvHttpProxyAgent({ ...options, requestTls: tls, httpsProxy, httpProxy, noProxy });
}

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'] as const;

/** Whether keys may be fetched from there: https, or plain http that never leaves the machine, unless `insecure`. */
export function isAllowedUrl(url: URL, insecure: boolean): boolean {
  if (url.protocol === 'https:') return true;
  return url.protocol === 'http:' && (insecure || isLoopbackHost(url.hostname));
}
