/** Fields that describe one connection or the framing on it (RFC 9110 §7.6.1, RFC 9112, RFC 7540 §3.2.1). */
export const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Fields that end at this hop, dropped both ways. `host` is not among them. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  ...CONNECTION_FIELDS,
  'expect',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
]);

/** Fields by which some frameworks let a client replace the method or URL that was checked, or the file that is served. */
export const OVERRIDES: ReadonlySet<string> = new Set([
  'x-http-method',
  'x-http-method-override',
  'x-method',
  'x-method-override',
  'x-http-path-override',
  'x-http-url-override',
  'x-http-host-override',
  'x-host',
  'x-original-host',
  'x-original-method',
  'x-original-path',
  'x-original-uri',
  'x-original-url',
  'x-rewrite-uri',
  'x-rewrite-url',
  'x-override-url',
  'x-forwarded-method',
  'x-forwarded-path',
  'x-forwarded-uri',
  'x-forwarded-url',
  'x-waws-unencoded-url',
  // Gunicorn before 22 takes these for the CGI variables, and cuts the path by the first.
  'script-name',
  'path-info',
  'x-script-name',
  'x-ingress-path',
  // Rack chooses by these how a file is sent, and which.
  'x-sendfile-type',
  'x-accel-mapping',
]);

/**
 * Fields in which proxies describe the client, its connection and the request. Backends believe them, so the gateway always drops them
 * and sets its own; those in `X-Forwarded-*` of trusted proxies are read first.
 */
export const PROXY_FIELDS: ReadonlySet<string> = new Set([
  // The client's address
  'ali-cdn-real-ip',
  'appengine-user-ip',
  'cdn-src-ip',
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'cf-pseudo-ipv4',
  'client-ip',
  'cloudfront-viewer-address',
  'do-connecting-ip',
  'eo-client-ip',
  'eo-connecting-ip',
  'fastly-client-ip',
  'fly-client-ip',
  'forwarded',
  'forwarded-for',
  'http-client-ip',
  'http-forwarded',
  'http-forwarded-for',
  'http-x-cluster-client-ip',
  'http-x-forwarded',
  'http-x-forwarded-for',
  'incap-client-ip',
  'proxy-client-ip',
  'remote-addr',
  'true-client-ip',
  'x-appengine-remote-addr',
  'x-appengine-user-ip',
  'x-azure-clientip',
  'x-azure-socketip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-coming-from',
  'x-forwarded',
  'x-nf-client-connection-ip',
  'x-original-forwarded-for',
  'x-original-remote-addr',
  'x-originating-ip',
  'x-proxyuser-ip',
  'x-real-ip',
  'x-remote-addr',
  'x-remote-ip',
  'x-sucuri-clientip',
  'x-true-client-ip',
  'x-vercel-forwarded-for',
  'x-vercel-proxied-for',
  'z-forwarded-for',
  // How it came in
  'cf-visitor',
  'cloudfront-forwarded-proto',
  'front-end-https',
  'x-arr-ssl',
  'x-scheme',
  'x-url-scheme',
  // The certificate it showed (RFC 9440 §4)
  'client-cert',
  'client-cert-chain',
  'x-arr-clientcert',
  'x-client-cert',
  'x-client-verify',
  // The request
  'x-request-id',
  // CGI makes `HTTP_PROXY` of it, a proxy through which libraries then send their own requests
  'proxy',
]);

/**
 * Families of such fields, by the folded start of their names: `X-Forwarded-*`, those that Envoy obeys, those by which WebLogic and
 * WebSphere (`$WS…`) trust proxies, and the client's certificate as nginx and AWS pass it on.
 */
export const PROXY_PREFIXES: readonly string[] = [
  'x-forwarded-',
  'x-envoy-',
  'wl-proxy-',
  '-ws',
  'ssl-client-',
  'x-ssl-client-',
  'x-amzn-mtls-',
];

/** Fields for every recipient of the message; `Connection` must not remove them (RFC 9110 §7.6.1). */
export const END_TO_END =
  /^(?:accept|access-control-|content-|if-|sec-)|^(?:cache-control|cookie|date|origin|range|referer|user-agent|via|host|authorization)$/;
