import type { RefusalCode } from '../core/refusals.ts';

/** What would have to change, for whoever asks why. Codes that no question on the command line can reach have none. */
export const REMEDIES: Readonly<Partial<Record<RefusalCode, string>>> = {
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
};
