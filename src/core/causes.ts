/**
 * Why a request is refused: the closed set of causes, each with the code its clients get. A code with one cause lends it its name; one
 * with several has a cause for each thing somebody would have to do differently. A cause never leaves the gateway: the advice that
 * hangs on it (`cli/advice.ts`) is for operators.
 */
export const CAUSES = {
  // The request
  ambiguous_path: 'ambiguous_path',
  bad_request: 'bad_request',
  multiple_tokens: 'multiple_tokens',
  upgrade_refused: 'upgrade_refused',
  route_unknown: 'route_unknown',
  method_not_allowed: 'method_not_allowed',
  request_timeout: 'request_timeout',
  body_too_large: 'body_too_large',
  expectation_failed: 'expectation_failed',
  rate_limited: 'rate_limited',
  headers_too_large: 'headers_too_large',

  // The token
  token_missing: 'token_missing',
  token_malformed: 'token_malformed',
  issuer_unknown: 'issuer_unknown',
  issuer_not_allowed: 'issuer_not_allowed',
  algorithm_not_allowed: 'algorithm_not_allowed',
  type_not_allowed: 'type_not_allowed',
  key_unknown: 'key_unknown',
  signature_invalid: 'signature_invalid',
  claim_missing: 'claim_missing',
  token_expired: 'token_expired',
  token_not_yet_valid: 'token_not_yet_valid',
  token_too_old: 'token_too_old',
  audience_mismatch: 'audience_mismatch',
  token_bound: 'token_bound',
  token_revoked: 'token_revoked',

  // The rules
  insufficient_scope: 'insufficient_scope',
  role_missing: 'role_missing',
  claim_mismatch: 'claim_mismatch',
  condition_failed: 'condition_failed',
  identity_incomplete: 'identity_incomplete',
  identity_too_large: 'identity_too_large',
  origin_not_allowed: 'origin_not_allowed',

  // Backends
  upstream_unreachable: 'upstream_unreachable',
  upstream_invalid: 'upstream_invalid',
  upstream_timeout: 'upstream_timeout',
  upstream_unhealthy: 'upstream_unhealthy',

  // The gateway and what it depends on
  keys_unavailable: 'keys_unavailable',
  overloaded: 'overloaded',
  shutting_down: 'shutting_down',
  internal: 'internal',
} as const;

export type Cause = keyof typeof CAUSES;
