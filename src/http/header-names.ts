/** Fields that end at this hop (RFC 9110 §7.6.1, RFC 9112, RFC 7540 §3.2.1), dropped both ways. `host` is not among them. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Fields by which some frameworks let a client change the method or the URL that was judged. */
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
  'x-envoy-original-path',
  'x-waws-unencoded-url',
]);

/** Fields in which proxies speak of the client and the request, beside all of `x-forwarded-*`; the gateway says itself what of it is true. */
export const PROXY_FIELDS: ReadonlySet<string> = new Set([
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'fastly-client-ip',
  'forwarded',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-forwarded',
  'x-original-forwarded-for',
  'x-real-ip',
  'x-remote-addr',
  'x-remote-ip',
  'x-request-id',
]);

/** Fields that describe the message for every recipient; `Connection` may not take them away (RFC 9110 §7.6.1). */
export const END_TO_END =
  /^(?:accept|access-control-|content-|if-|sec-)|^(?:cache-control|cookie|date|origin|range|referer|user-agent|via|host|authorization)$/;
