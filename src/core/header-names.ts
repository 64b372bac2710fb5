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

/** Fields by which some frameworks let a client change the method or the URL that was checked, or what they serve for it. */
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
  // Gunicorn before 22 takes these for what CGI calls so, and cuts the path by the first.
  'script-name',
  'path-info',
  'x-script-name',
  'x-ingress-path',
  // By these Rack chooses how a file is sent, and which.
  'x-sendfile-type',
  'x-accel-mapping',
]);

/**
 * Fields in which proxies speak of the client, its connection and the request, and which backends behind them believe; the gateway
 * says itself what of it is true. Dropped whoever sends them: what trusted proxies say in `X-Forwarded-*` is read before.
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
  // The request
  'x-request-id',
  // CGI makes `HTTP_PROXY` of it, by which libraries send their own requests through whatever it names
  'proxy',
]);

/**
 * How the names of whole families begin, folded: what is said of the request before it came here, what an Envoy behind would obey, what
 * WebLogic and WebSphere (`$WS…`) believe of the proxies before them, and the client's certificate in the words of nginx and AWS.
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

/** Fields that describe the message for every recipient; `Connection` may not take them away (RFC 9110 §7.6.1). */
export const END_TO_END =
  /^(?:accept|access-control-|content-|if-|sec-)|^(?:cache-control|cookie|date|origin|range|referer|user-agent|via|host|authorization)$/;
