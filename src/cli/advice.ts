import type { Cause } from '../core/causes.ts';

/** What would have to change, for each cause of a refusal: by the client, at the provider, in the file or at the backend. */
export const ADVICE = {
  ambiguous_path:
    'send the path in its plain form, or let the route `allow` the spelling if its backend needs it',
  bad_request: 'send exactly one Host: a name or address with an optional port',
  multiple_tokens: 'send the token once, in one place',
  token_missing: 'send `Authorization: Bearer TOKEN`, or open the route with `access: public` or `optional`',
  token_malformed:
    'send the access token whole, as the provider issued it: three parts with dots between them',
  token_expired: 'get a fresh token from the provider; if it is fresh, compare the clocks',
  token_not_yet_valid: "compare the provider's clock with the gateway's, or raise `clockTolerance`",
  token_too_old: 'get a fresh token, or raise `maxTokenAge` of the issuer',
  issuer_unknown:
    'add the issuer to `issuers` exactly as the token spells its `iss`, or get a token from one that is there',
  issuer_not_allowed: 'name the issuer in the `issuers` of the route, or get a token from one that is named',
  audience_mismatch:
    'see its audience with --show-claims; ask the provider for a token for this API, or add the audience to `audiences`',
  algorithm_not_allowed:
    'let the provider sign with an accepted algorithm, or add this one to `algorithms` of the issuer',
  key_unknown:
    "look at the provider's keys with `sealgate keys`: the token is signed with one that is not published",
  signature_invalid: 'send the token unchanged; if it is, somebody else signed it',
  type_not_allowed:
    'send an access token; ID tokens need `idTokens: true`, other types their name in `tokenTypes`',
  claim_missing: 'let the provider put the claim into the token',
  token_bound: 'ask the provider for a token that is not bound to a key',
  token_revoked: 'log in again for a new token',
  insufficient_scope: 'ask the provider for a token with the scope, and see that the client may have it',
  role_missing: 'give the user or client the role at the provider, and get a fresh token',
  claim_mismatch: 'see what the claim holds with --show-claims, and change it at the provider or in `claims`',
  condition_failed:
    'see what the condition saw with --show-claims, and change the token, the request or `when`',
  identity_incomplete: 'let the provider put the claim into the token, or take `required` away',
  identity_too_large: 'send fewer values with `filter`, or raise `maxBytes`',
  upgrade_refused: 'set `websocket: true` on the route, or send the request without `Upgrade: websocket`',
  origin_not_allowed: 'add the origin to `cors.origins` of the route',
  route_unknown: 'compare host and path with `sealgate routes`; a prefix ends at a slash, and case counts',
  method_not_allowed:
    'add the method to `methods` of the route; a path never falls through to a wider route because of it',
  keys_unavailable: 'see why the keys cannot be had with `sealgate keys`, or give saved ones with --jwks',
  request_timeout: 'see that the client sends without pauses, or raise the limit that the reason names',
  body_too_large: 'send a smaller body, or raise `bodyLimit` of the route',
  expectation_failed: 'leave `Expect` out, or send `Expect: 100-continue`',
  rate_limited: 'wait as long as `Retry-After` says, or raise `rateLimit` of the route',
  headers_too_large: 'send fewer or shorter header fields, or raise the limit that the reason names',
  upstream_unreachable: 'see that the backend runs where `url` says, and that its certificate holds',
  upstream_invalid: 'look at the response of the backend, or at what stands between it and the gateway',
  upstream_timeout: 'see why the backend is slow, or raise the `timeouts` of the route or upstream',
  upstream_unhealthy: 'see why no backend passes its health check',
  overloaded: 'add capacity, or raise the limit that the reason names',
  shutting_down: 'send the request to another instance, or raise `shutdown.grace`',
  internal: 'find the request id in the log and report what stands there: it is a bug',
} as const satisfies Record<Cause, string>;
