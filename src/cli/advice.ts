import type { Cause } from '../core/causes.ts';
import { MOST_CUTS, MOST_SEGMENTS } from '../http/target.ts';

/**
 * What to change for each cause of a refusal: in the client, at the provider, in the file or at the backend. It keeps the protection;
 * where opening a route is an option, it is never the only one.
 */
export const ADVICE = {
  // The request
  target_unreadable: 'let the client percent-encode what a target may not contain',
  target_form: 'send only the path in the request line, starting with a slash, and the host in Host',
  target_fragment:
    'leave out what follows `#`, which is for browsers alone, or write it as %23 where it belongs to the name',
  path_not_encoded:
    'let the client percent-encode the character: browsers and HTTP libraries leave some as they are',
  path_unsafe_character: 'leave the character out of the path: backends disagree about what it means',
  path_broken_escape: 'write each `%` as an escape of UTF-8 text, and a literal `%` as %25',
  path_encoded_twice: 'encode the path once: a proxy in front may have done it again',
  path_dot_segment: 'let the client take "." and ".." out of the path before it sends it',
  query_not_encoded: 'let the client percent-encode the character in the query',
  spelling_not_allowed:
    'send the path in its plain form, or let the route `allow` the spelling if its backend needs it',
  readings_apart:
    'let the route that is meant `allow` the spelling, and see that no other route takes the path as another backend would read it',
  path_cut:
    'send the character in the query, or give the path a route of its own that also takes the part before %23, %3F or %3B',
  path_marks: `send at most ${MOST_CUTS} of %23 and %3F in a path, and not more than ${MOST_SEGMENTS} segments where there is one of them or %3B; what needs more belongs into the query or the body`,
  request_syntax:
    'let the client, or the proxy in front, send valid HTTP/1.1; TLS sent to a plain port looks like this, too',
  request_framing:
    'let the client, or the proxy in front, state once where the body ends: by Content-Length, or by `Transfer-Encoding: chunked` alone',
  http_version: 'speak HTTP/1.1, or HTTP/2 over TLS',
  method_unknown: 'use a method that HTTP registers',
  handshake_malformed:
    'let the client, or the proxy in front, send the handshake as RFC 6455 wants it: GET over HTTP/1.1, with `Connection: Upgrade` and a key',
  request_unfit: 'leave out of the header what HTTP/1.1 cannot carry to the backend',
  field_twice: 'send fields only once that HTTP allows only once',
  host_twice: 'send exactly one Host field',
  host_missing: 'send a Host field, as HTTP/1.1 requires',
  host_invalid: 'send a name or address with an optional port as Host, and nothing else',
  client_certificate_field:
    'let the proxy in front set the header of `listen.clientCertHeader` in each request, once and in its `format`, or drop it where the client has no certificate',
  upgrade_refused: 'set `websocket: true` on the route, or send the request without `Upgrade: websocket`',
  route_unknown: 'compare host and path with `sealgate routes`; a prefix ends at a slash, and case counts',
  metadata_of_several:
    'ask for the metadata of one resource: its path stands after the well-known part, and challenges name the whole URL',
  method_not_allowed:
    'add the method to `methods` of the route; a path never falls through to a wider route because of it',
  method_never_forwarded: 'use another method: CONNECT and TRACE are never forwarded',
  front_method:
    'read the metadata and the authorization endpoint of a front with GET, and send POST to its token and registration endpoints',
  front_request:
    'see what the client of the front sends: the reason names the parameter, and docs/oauth-proxy.md has the rules for each',
  event_refused:
    'see the log line of the logout token or security event: it shows what was wrong; docs/revocation.md has the rules for both',
  event_method: 'push logout tokens and security events with POST',
  question_field:
    'let the asking proxy send each field of its way of asking exactly once, as its file in config/examples/decisions does',
  question_spoofed:
    'let the asking proxy drop the field before it asks, or ask over gRPC or /ext-authz, which make it drop such fields',
  question_token:
    'send the token in Authorization or another header, or let the route forward it: `identity.forwardToken: true`',
  question_unknown: 'ask at /forward-auth, /auth-request or, with the path behind it, /ext-authz',
  route_for_decisions:
    'send the request to the proxy that asks about this route, or name an upstream in the place of `none`',
  own_path_asked: 'let the proxy in front send this path to the gateway itself, without asking',
  mcp_asked:
    'send the requests of this route through the gateway: an asking proxy shows no bodies; or take `mcp` off the route',
  proxy_not_trusted:
    'add the address of the asking proxy to `decisions.trustedProxies`; nobody else should reach that listener',
  event_body: 'push one logout token or security event at a time: none needs more',
  front_body: 'send the front only what a token or registration request needs',
  keys_read_only: "read the gateway's own keys with GET or HEAD",
  metadata_read_only: 'read metadata with GET or HEAD',
  preflight_not_routed:
    'set `cors` with the origin of the page on the route of the method that the browser asks for; the gateway then responds to preflights itself',
  preflight_method:
    'call the path with a method that it has, or add the method to `methods` of the route that has `cors`',
  header_timeout:
    'see that the client sends its header without pauses, or raise `listen.limits.headerTimeout`',
  response_stalled: 'see why the client stopped reading, or raise `listen.limits.bodyIdle` for slow ones',
  body_stalled: 'see that the client sends its body without pauses, or raise `listen.limits.bodyIdle`',
  message_slow: 'see that the client sends its message whole: it has 30 seconds for all of it',
  body_too_large: 'send a smaller body, or raise `bodyLimit` of the route',
  expectation_failed: 'leave `Expect` out, or send `Expect: 100-continue`',
  proofs_too_many:
    'raise `dpop.replay.maxEntries`, of which one key may hold a hundredth, lower `dpop.maxAge`, or let the client send fewer requests with one key',
  rate_limited: 'wait for the time in `Retry-After`, or raise `rateLimit` of the route or of `oauthProxy`',
  header_overflow:
    'send fewer or shorter header fields (cookies above all), or raise the limit: `listen.limits.headerBytes` for their size, `listen.limits.headers` for their number',
  header_count: 'send fewer header fields, or raise `listen.limits.headers`',
  header_bytes:
    'send shorter header fields (cookies and tokens above all), or raise `listen.limits.headerBytes`',

  // The message of MCP
  mcp_media_type: 'send each message as `application/json`, in UTF-8, and state that once',
  mcp_content_coding: 'send the message as it is: one that is compressed cannot be checked',
  mcp_body_unexpected:
    'send messages with POST; GET opens a stream and DELETE ends a session, without a body',
  mcp_not_json: 'send one JSON-RPC message as JSON, in UTF-8 and without a byte order mark',
  mcp_names:
    'let the client write each name once and exactly as MCP has it, at most 64 levels deep: servers disagree about everything else',
  mcp_not_message:
    'send one request, notification or response of JSON-RPC 2.0 as MCP defines it; batches are no longer part of MCP',
  mcp_response:
    'let the client speak the version of MCP that it states: from 2026-07-28 on servers ask for nothing',
  mcp_uri:
    'let the client write the URI in its plain form: without dot segments, backslashes and escapes of these or of slashes',
  mcp_header_twice: 'send each of MCP-Protocol-Version, Mcp-Method and Mcp-Name once, spelled like this',
  mcp_header_missing:
    'let the client send MCP-Protocol-Version, Mcp-Method and Mcp-Name as MCP 2026-07-28 requires; a proxy in front may have dropped them',
  mcp_header_mismatch:
    'let the client repeat in the header what stands in the message; a proxy in front must change neither without the other',
  mcp_unlisted: 'add the name, or a pattern for it, to the map of the route if this caller should have it',
  mcp_denied: 'change the rule that the reason names if this caller should have it',

  // The place of the token
  authorization_twice: 'send one Authorization field; see whether a proxy in front adds one',
  tokens_in_one_field: 'send one token; see whether a proxy in front joins two Authorization fields into one',
  tokens_in_two_places: 'send the token in one place: Authorization, or one of those in `tokenFrom`',
  token_hidden:
    'send the name exactly as `tokenFrom` spells it, and no other cookie or parameter that a backend could take for it',
  token_missing:
    'send `Authorization: Bearer TOKEN`; if the client does, see whether a proxy in front drops the field',
  token_elsewhere:
    'send `Authorization: Bearer TOKEN`, or name the place that the reason names in `tokenFrom` of the route',
  other_scheme:
    'send the token with the scheme `Bearer`; for a backend that has its own login, see `passAuthorization`',
  scheme_missing: 'put `Bearer` and one space before the token in Authorization',
  preflight_without_cors:
    'set `cors` with the origin of the page on this route; the gateway then responds to preflights itself, and requests still need their token',
  websocket_without_token:
    'browsers cannot set Authorization on a WebSocket: let the route take the token from a cookie or from `webSocketProtocol` with `tokenFrom`',
  bearer_empty: 'see why the client has no token to put behind `Bearer`',
  bearer_repeated: 'let the client put `Bearer` before the token once: its token already begins with it',
  bearer_spacing: 'send `Bearer`, one space and the token without spaces, tabs or line breaks in it',
  token_place: 'put the token alone into that place; only a header may have `Bearer` and one space before it',

  // The form of the token
  token_placeholder: 'see why the client has no token: a variable or a field of its code was empty',
  token_quoted: 'send the token without quotes: they often stay when it is read out of JSON',
  token_json: 'ask the provider for the compact form of the token, which is one text with two dots',
  token_cut: 'copy the token anew and whole: three parts with dots between them',
  token_encrypted:
    'let the provider sign the access token instead of encrypting it, and see that it is not the token of another API',
  token_opaque:
    'let the provider issue JWTs for this API: many do once the request names its audience or resource; or send the access token in place of a session id or key',
  token_parts: 'send one token alone: three parts with dots between them',
  token_unsigned: 'send the token with its signature, as the provider issued it',
  token_base64:
    'send the token unchanged: something encoded a part of it anew, or the provider writes plain base64',
  token_percent_encoded: 'send the token unchanged: something encoded it for a URL',
  token_not_base64url:
    'send the token unchanged: compare its length and its ends with what the provider issued',
  token_too_long:
    'let the provider put fewer claims into the token (groups above all), or raise `listen.limits.tokenBytes`',
  token_not_json: 'send the access token as the provider issued it: this one was changed, or is not a JWT',
  token_duplicate_names:
    'let the provider write each claim once: look for two mappers that write the same one; the token itself came whole',
  token_nested: 'let the provider put less deeply nested claims into the token',
  token_number: 'let the provider write the number as a text: no program reads it exactly',
  token_header_invalid: 'let the provider write `alg`, `kid` and `typ` as texts into the header of the token',
  token_extension:
    'let the provider sign without extensions (`crit`, `b64`): none is supported, and such a token may not be read without them',

  // The header and the claims of the token
  iss_missing:
    'let the provider write its `iss` into the token as a text, or send the access token of one that does',
  iss_unknown:
    'add the issuer to `issuers` exactly as the token spells its `iss` (see it with --show-claims), or get a token from one that is there',
  iss_nearly_known:
    'spell `issuer` in the file exactly as the token spells its `iss`: the scheme, case and a slash at the end count',
  issuer_not_allowed: 'name the issuer in the `issuers` of the route, or get a token from one that is named',
  algorithm_none: 'send a signed token: unsigned ones are never accepted, since anybody can write them',
  algorithm_symmetric:
    'let the provider sign with an asymmetric key, such as RS256 or ES256; symmetric ones are never accepted, since all who check such a token can make one (Auth0: the signing algorithm of the API; Supabase: asymmetric signing keys)',
  algorithm_unsupported:
    'let the provider sign with RS256, ES256, EdDSA or another algorithm that `sealgate schema` lists under `algorithms`',
  algorithm_not_listed:
    'let the provider sign with an accepted algorithm, or add this one to `algorithms` of the issuer',
  typ_missing:
    'let the provider write `typ` into the header of the token, or take `tokenTypes` off the issuer',
  typ_not_listed: 'send an access token; if it is one, add its `typ` to `tokenTypes` of the issuer',
  foreign_token:
    'send the access token: this one was made for something other than an API call, and is never accepted',
  id_token:
    'send the access token: an ID token informs the client who logged in; if the provider issues nothing else, set `idTokens: true` on the issuer',
  not_access_token:
    "send the access token of the provider's response, not the ID token or another of its tokens",
  key_unknown:
    "look at the provider's keys with `sealgate keys`: the token is signed with one that is not published",
  key_without_id: 'let the provider publish its keys with the key ids (`kid`) that it writes into tokens',
  key_unusable:
    'let the provider sign with a key that is safe and meant for signatures; `sealgate keys` lists what is wrong with each',
  key_for_other_algorithm: 'let the provider sign with the algorithm that it publishes the key for',
  keys_none: 'send an opaque token, or give the issuer keys instead of `jwks: none` if it also issues JWTs',
  key_for_other_issuer: 'get the token from the tenant that the key belongs to; see who signed it',
  signature_invalid: 'send the token unchanged; if it is, somebody else signed it',
  signature_removed:
    'let the client put its token for Cloud Run into `X-Serverless-Authorization`; the one in `Authorization` then comes whole',
  signature_length: 'copy the token anew and whole: its last part is cut, or was encoded in another way',
  exp_missing: 'let the provider write `exp` into the token: one that never ends is not accepted',
  iat_missing: 'let the provider write `iat` into the token, or take `maxTokenAge` off the issuer',
  audience_missing:
    'let the provider write `aud` into the token: many do once the request names its audience or resource',
  claim_missing:
    'let the provider put the claim into the token with a value, or take it off `requiredClaims`',
  date_not_number:
    'let the provider write the date as a JSON number of seconds since 1970: the token itself came whole',
  date_out_of_range: 'let the provider write the date in seconds since 1970, not in milliseconds',
  token_expired: 'get a fresh token from the provider; if it is fresh, compare the clocks',
  token_not_yet_valid:
    "use the token from its `nbf` on; if it is meant to be valid at once, compare the provider's clock with the gateway's (`sealgate keys` shows the difference), or raise `clockTolerance`",
  token_issued_later:
    "compare the provider's clock with the gateway's (`sealgate keys` shows the difference), and see whether something else writes `iat`; `clockTolerance` is for small differences",
  token_too_old: 'get a fresh token, or raise `maxTokenAge` of the issuer',
  audience_mismatch:
    'see its audience with --show-claims; ask the provider for a token for this API, or add the audience to `audiences`',
  audience_nearly_accepted:
    'spell the audience in the file exactly as the token spells its `aud`: case, a slash at the end and `api://` count',
  audience_joined:
    'let the provider write several audiences as a list of texts: `aud` as one text is one audience',
  audience_unreadable: 'let the provider write `aud` as a text or a list of texts',
  token_prefix:
    'send a token of an issuer that the route accepts, or see that `introspection.prefix` is how tokens of the issuer begin',
  token_revoked:
    'let the client get a new token, or the user sign in again; if the entry is a mistake, take it back with DELETE /revocations on the admin listener',
  token_inactive:
    'get a new token: the provider states that this one is not active: expired, revoked or not its own; some providers state it also for tokens that this client may not ask about',
  introspection_unclear:
    'see what the introspection endpoint responds: RFC 7662 wants `active` as JSON true or false, not as a text',
  introspection_differs:
    'see at the provider why its response about the token differs from what it has signed: the reason names the claim',
  introspected_issuer:
    'see which `iss` the provider puts into introspection responses; `issuer` must be that, or the token is not of this issuer',
  introspected_type:
    'send an access token: the provider states that this one is a refresh token, an ID token or another kind',
  proof_missing:
    'let the client send a proof in a `DPoP` field with each request that has a bound token (RFC 9449)',
  proof_twice: 'send exactly one `DPoP` field with one proof',
  proof_malformed:
    'let the client make the proof with a library for RFC 9449: a JWT in the compact form, of at most 8192 characters',
  proof_type: 'let the client set `typ` of the proof to dpop+jwt',
  proof_algorithm:
    'let the client sign proofs with one of `dpop.algorithms`, which challenges list, or add its algorithm there',
  proof_key:
    'let the client put its public key, and nothing else of it, into `jwk` of the proof: RSA of 2048 to 8192 bits, or a point on its curve',
  proof_other_key:
    'let the client sign proofs with the key for which the provider issued the token; a token that came from somewhere else is of no use',
  proof_method: 'let the client make a proof for each request: `htm` is its method, in capitals',
  proof_uri:
    'let the client make a proof for each request: `htu` is the URI that it sends the request to; `explain` shows the expected one, which comes from `listen.publicUrl` and the `host` of the route',
  proof_undated: 'let the client put the time into `iat` of the proof, as a number of seconds',
  proof_old:
    'let the client make a new proof for each request and set its clock right, or raise `dpop.maxAge`',
  proof_early:
    'let the client set its clock right; it may be ahead by `clockTolerance`, or ask for nonces with `dpop.nonce: required`',
  proof_identifier: 'let the client put a new random `jti` of up to 256 characters into each proof',
  proof_token:
    'let the client put the SHA-256 of the token that it sends, in base64url, into `ath` of the proof',
  proof_signature: 'let the client sign the proof with the private key that belongs to its `jwk`',
  proof_replayed:
    'let the client make a new proof for each request, repeated ones too; if it does, somebody has sent its proof before it',
  nonce_missing:
    'let the client make a new proof with the nonce from `DPoP-Nonce` of the response, and send the request again',
  nonce_unknown:
    'let the client take the nonce of the latest response; gateways that serve the same clients need one `dpop.replay` store',
  token_bound:
    'let the client send the token with what it is bound to: the scheme DPoP and a proof where the issuer has `dpop`, or its certificate; or ask the provider for a token that is bound to nothing',
  certificate_missing:
    'send the request with the client certificate of the token; if the client did, see `listen.tls.clientCa`, or `listen.clientCertHeader` and `listen.trustedProxies` behind a proxy',
  certificate_mismatch:
    'send the request with the certificate with which the client obtained the token, or obtain a new token with this one; behind a proxy see that it passes on the certificate of the client, not its own',
  binding_required:
    'obtain a token that is bound as `binding` of the route asks: let the client show its certificate or a DPoP proof to the token endpoint of the provider',

  // The rules
  insufficient_scope: 'ask the provider for a token with the scope, and see that the client may have it',
  scopes_absent:
    'ask the provider for a token with the scope; if it has its scopes in another claim, name that in `scopeClaims` of the issuer (tokens of applications alone often have roles instead)',
  scopes_elsewhere:
    'if the scopes are in the claim that the reason names, write it in `scopeClaims` of the issuer as the reason does (a list is a path); else ask the provider for a token with the scope',
  scopes_nested:
    'write the claim in `scopeClaims` of the issuer as the reason does: a text is one literal name, a list is a path',
  scopes_unreadable:
    'let the provider write the scopes as one text with spaces between them, or as a list of texts',
  scopes_joined:
    'let the provider separate the scopes by spaces (RFC 6749), or write them as a list of texts',
  scopes_as_json:
    'let the provider write the scopes as a list, not as the JSON text of one, or as one text with spaces between them',
  scope_nearly_held:
    'spell the scope in the file exactly as the provider does: case counts (see it with --show-claims)',
  role_missing: 'give the user or client the role at the provider, and get a fresh token',
  roles_absent:
    'let the provider put the roles into the access token; if they are in another claim, name that in `roleClaims` of the issuer',
  roles_elsewhere:
    'if the roles are in the claim that the reason names, write it in `roleClaims` of the issuer as the reason does (a list is a path); else let the provider put them into the access token',
  roles_nested:
    'write the claim in `roleClaims` of the issuer as the reason does: a text is one literal name, a list is a path',
  roles_as_json:
    'let the provider write the roles as a list, not as the JSON text of one: in Keycloak a mapper that is multivalued, of the type String',
  role_nearly_held:
    'spell the role in the file exactly as the provider does: case counts (see it with --show-claims)',
  roles_overage:
    'the user is in more groups than a token holds: use app roles, or let only groups that are assigned to the application into the token',
  roles_unreadable:
    'let the provider write the roles as a list of texts; a role that is a name in an object can be asked for in `when`: "admin" in claims["NAME"]',
  roles_joined: 'let the provider write the roles as a list of texts: one text is one role',
  claim_mismatch: 'see what the claim holds with --show-claims, and change it at the provider or in `claims`',
  claim_absent:
    'let the provider put the claim into the token, or name the one that has the value in `claims`',
  claim_nested:
    'write the claim in the list form of `claims`, with the name as the reason writes it: a text is one literal name, a list is a path',
  claim_unreadable:
    'name a claim inside of it with a path, or ask for it in `when`: only texts, numbers, booleans and lists of them are compared',
  claim_type:
    'write the value in the file with the type of the claim: quoted for a text, bare for a number or boolean',
  claim_joined: 'let the provider write the values as a list of texts, or compare with the whole text',
  condition_failed:
    'see what the condition saw with --show-claims, and change the token, the request or `when`',
  condition_not_evaluated:
    'see what the condition saw with --show-claims; ask with `has(claims.NAME)` for what may be missing before it is used',
  condition_without_certificate:
    'send the request with a client certificate (`--cert` of explain); if the client did, see `listen.tls.clientCa`, or `listen.clientCertHeader` and `listen.trustedProxies` behind a proxy. Where it may be missing, ask with `has(request.certificate)` first',
  condition_certificate_unvouched:
    'use a certificate that is valid now, for clients, and signed by an authority in the file of `listen.tls.clientCa` or `listen.clientCertHeader.ca`, intermediates included; or compare `request.certificate.sha256`, which needs nobody to vouch for it',
  condition_exceeded:
    'let the condition visit fewer entries: ask with `in` rather than with a macro in a macro, and limit what a request may list',
  acr_absent:
    'let the client ask the provider with the `acr_values` of the challenge, and let the provider write `acr` into access tokens (Keycloak: the client scope `acr`); for providers that write another claim, such as `acrs` of Microsoft Entra ID, compare that in `claims`',
  acr_unreadable:
    'let the provider write `acr` as one text; compare another form of it in `claims` or `when`',
  acr_other:
    'let the client send the user to the provider again, with the `acr_values` of the challenge; if the token is as strong as it should be, name its `acr` in the file (see it with --show-claims)',
  auth_time_absent:
    'let the client ask the provider with the `max_age` of the challenge, and let the provider write `auth_time` into access tokens (Keycloak: the client scope `basic`); tokens without a user have none',
  auth_time_unreadable: 'let the provider write `auth_time` as a JSON number of seconds since 1970',
  auth_time_future:
    "let the provider write `auth_time` in seconds since 1970, and compare its clock with the gateway's (`sealgate keys` shows the difference)",
  auth_too_long_ago:
    'let the client send the user to the provider again, with the `max_age` of the challenge: a refreshed token keeps its `auth_time`',
  identity_incomplete: 'let the provider put the claim into the token, or take `required` away',
  identity_filtered:
    'let the `filter` of the header match what the claim holds (see it with --show-claims), or take `required` away',
  identity_unfit: 'write the claim with another `format`, such as `json`, or take `required` away',
  identity_too_large: 'send fewer values with `filter`, or raise `maxBytes` of the header',
  identity_over_budget: 'send fewer values with `filter`, or raise `identity.maxBytes`',
  origin_not_allowed: 'add the origin to `cors.origins` of the route',

  // Backends
  upstream_not_listening: 'start the backend, or write in `url` where it listens',
  upstream_name_unknown:
    'see that the name in `url` is right, and that the machine of the gateway can look it up',
  upstream_no_route: 'see that the network and its firewalls let the gateway reach the address in `url`',
  upstream_sockets_exhausted:
    'raise the limit of open files (`ulimit -n`), or let fewer connections be opened with `connections` of the upstream',
  upstream_closed_early:
    'see in the log of the backend, or of a proxy before it, why it closes connections at once',
  upstream_removed: 'send the request again: a reload took the upstream out of the file as it arrived',
  upstream_failed: 'check that the backend runs at `url`, and what its log has about the request',
  upstream_certificate_invalid:
    'give the backend a certificate that is valid now and for servers; verification is always on',
  upstream_authority_unknown:
    'name the certificate of its authority in `tls.ca` of the upstream, or in NODE_EXTRA_CA_CERTS; verification is always on',
  upstream_certificate_name:
    'use the name of its certificate in `url`, or in `tls.serverName` of the upstream; verification is always on',
  upstream_client_certificate:
    'set `tls.cert` and `tls.key` of the upstream to a certificate that the backend accepts',
  upstream_no_tls: 'write http: in `url` of the upstream, or let the backend speak TLS at that port',
  upstream_no_http2: 'leave out `protocol: h2` of the upstream, or let the backend offer HTTP/2 in its TLS',
  upstream_tls_failed: 'let the backend speak TLS 1.2 or 1.3 with ciphers of today for the name in `url`',
  upstream_other_protocol:
    'change `url` or `protocol` of the upstream as the reason describes, or look at what listens at its port',
  upstream_malformed:
    'let the backend, or the proxy before it, send what HTTP allows: the reason names the part',
  upstream_head_too_large: 'let the backend send fewer or shorter header fields: cookies above all',
  upstream_unasked:
    'let the backend respond to the request it got, once; see whether something before it mixes connections up',
  upstream_lists_unfilterable:
    'let the MCP server respond to lists with plain JSON or events of up to 4 MiB, or set `mcp.filterLists: false`',
  upstream_lost:
    "look for a crash or restart in the log of the backend, and keep `timeouts.keepAlive` below the backend's own",
  upstream_cut:
    'look in the log of the backend, or of a proxy before it, for why it ended the response early',
  upstream_connect_timeout:
    'see that the backend and the firewalls before it accept connections, or raise `timeouts.connect`',
  upstream_dead: 'see why the host of the backend no longer responds: it, or the network, went away',
  upstream_timeout: 'see why the backend is slow, or raise `timeouts.response` of the route or upstream',
  upstream_idle: 'see why the backend pauses within the response, or raise `timeouts.idle`',
  upstream_full: 'add backends, or raise `connections` of the upstream',
  upstream_unhealthy: 'see why no backend passes its health check',

  // The provider behind a front for OAuth clients
  provider_unreachable:
    'see with `sealgate check --online` why the provider of the front cannot be reached: name, port, firewall, certificate',
  provider_invalid:
    'see what the token endpoint of the provider sends: it must be JSON, up to 64 KiB, without a redirect',
  provider_names_itself:
    'let clients use this provider without `oauthProxy`, or turn RFC 9207 off there: clients refuse a response that names another issuer than the front',
  provider_timeout: 'see why the provider takes so long, or raise `keys.timeout` of the issuer',
  provider_full: 'see why the provider of the front responds so slowly that requests to it pile up',

  // Exchange of the token at a provider
  insufficient_claims:
    'let the client log the user in again with the `claims` of the challenge: a policy of the provider wants more for the backend than this login had, such as a second factor',
  exchange_refused:
    'let the client obtain a new token; where that is refused too, let the provider allow the gateway to exchange tokens of this audience for the backend',
  exchange_consent_missing:
    'grant the client of the gateway access to the API of the backend: admin consent, or add the caller as a known client application',
  exchange_unreachable:
    'see with `sealgate check --online` why the token endpoint cannot be reached: name, port, firewall, certificate',
  exchange_timeout: 'see why the token endpoint takes so long, or raise `exchange.timeout` of the upstream',
  exchange_client_refused:
    'compare `exchange.auth` of the upstream with the client at the provider: id, secret (an expired one, too) and method; `sealgate check --online` tries it',
  exchange_grant_refused:
    'let the provider allow this grant to the client of the gateway, or choose the `exchange.grant` that it has',
  exchange_target_refused:
    'compare `audience`, `resource` and `scopes` of the exchange with what the provider knows and the client of the gateway may request',
  exchange_request_invalid:
    'see in the log of the provider what it lacks; some respond so to a token that they refuse, where others have `invalid_grant`',
  exchange_failed: 'see in the log of the provider why its token endpoint fails, and try again later',
  exchange_unreadable:
    'compare `exchange.tokenUrl` with the metadata of the provider: what responds there sends no JSON, or redirects',
  exchange_token_unusable:
    'let the provider issue a bearer access token for the backend: the reason names what is wrong with the one it sent',
  exchange_full:
    'see why the token endpoint responds so slowly that exchanges pile up, or why one client address needs so many; tokens that are cached need none',

  // The gateway and what it depends on
  keys_unavailable: 'see with `sealgate keys` why the keys cannot be fetched, or use saved ones with --jwks',
  introspection_offline: 'add `--online`: only the provider knows what the token stands for',
  introspection_unreachable:
    'see with `sealgate check --online` why the introspection endpoint cannot be reached: name, port, firewall, certificate',
  introspection_timeout: 'see why the provider takes so long, or raise `introspection.timeout` of the issuer',
  introspection_credentials:
    'compare `introspection.auth` with the client at the provider: its id, its secret or key, the method, and its right to introspect',
  introspection_invalid:
    'see what the introspection endpoint responds: status 200 with one JSON object up to 64 KiB, without a redirect',
  introspection_full:
    'see why questions about tokens pile up: a slow provider, or a flood of unknown tokens; raise `introspection.concurrency` if the provider bears it',
  pipelined_too_many:
    'let the client wait for responses, or open more connections, instead of sending all its requests on one',
  event_loop_behind: 'add CPU or workers, or raise `listen.overload`',
  messages_too_many:
    'try again later; the messages of MCP that wait in memory may take 64 MiB in all: see which callers send large ones, or lower `bodyLimit`',
  event_unavailable:
    'let the provider try again; see the log for the keys that cannot be fetched, or the file or store of `revocation` that does not keep entries',
  event_full:
    'raise `revocation.maxEntries`, or see why a provider pushes so much; what is refused so, transmitters push again',
  revocation_unavailable:
    'look at the Redis of `revocation.store`, and at the log lines about it; `revocation.onFailure: open` lets tokens pass by what is known meanwhile',
  replay_store_down:
    'look at the Redis of `dpop.replay`, and at the log lines about it: without it no proof is accepted, and after it has lost its entries no old one',
  replay_store_full: 'raise `dpop.replay.maxEntries`, or the memory of the Redis, or lower `dpop.maxAge`',
  limit_store_down: 'see why `rateLimitStore` does not respond: requests wait for it up to its time-out',
  keys_unusable:
    'let the provider publish a key for signatures by an accepted algorithm; see `sealgate keys`',
  shutting_down: 'send the request to another instance, or raise `shutdown.grace`',
  internal: 'find the request id in the log and report that line: it is a bug',
} as const satisfies Record<Cause, string>;
