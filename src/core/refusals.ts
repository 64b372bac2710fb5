import { CAUSES, type Cause } from './causes.ts';

/**
 * A row of the table of all refusals.
 *
 * `source` is what is at fault: the client, the upstream, or the gateway and what it depends on. `challenge` is the `error` of the
 * `WWW-Authenticate: Bearer` header (RFC 6750 §3.1), where another token or consent helps; `none` is a challenge without `error`, for
 * requests without a token (RFC 6750 §3, last paragraph). `closes` marks refusals after which requests and responses on the connection may be out of step, so that it is
 * closed.
 */
export interface RefusalRow {
  readonly status: number;
  readonly title: string;
  readonly source: 'client' | 'upstream' | 'gateway';
  readonly challenge?: 'none' | ChallengeError;
  readonly closes?: true;
}

/** RFC 6750 §3.1; RFC 9470 §3; RFC 9449 §7.1 and §9; Entra ID's claims challenge. */
export type ChallengeError =
  | 'invalid_token'
  | 'insufficient_scope'
  | 'insufficient_user_authentication'
  | 'insufficient_claims'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce';

export const REFUSALS = {
  ambiguous_path: { status: 400, source: 'client', title: 'The request target has more than one reading' },
  bad_request: { status: 400, source: 'client', title: 'The request is malformed', closes: true },
  multiple_tokens: { status: 400, source: 'client', title: 'The request carries more than one token' },
  upgrade_refused: {
    status: 400,
    source: 'client',
    title: 'This route does not accept upgrades',
    closes: true,
  },
  mcp_invalid: { status: 400, source: 'client', title: 'The message is not one that MCP allows' },
  mcp_mismatch: { status: 400, source: 'client', title: 'The header does not agree with the message' },

  token_missing: { status: 401, source: 'client', title: 'A bearer token is required', challenge: 'none' },
  token_malformed: {
    status: 401,
    source: 'client',
    title: 'The token is malformed',
    challenge: 'invalid_token',
  },
  token_expired: {
    status: 401,
    source: 'client',
    title: 'The token has expired',
    challenge: 'invalid_token',
  },
  token_not_yet_valid: {
    status: 401,
    source: 'client',
    title: 'The token is not valid yet',
    challenge: 'invalid_token',
  },
  token_too_old: {
    status: 401,
    source: 'client',
    title: 'The token was issued too long ago',
    challenge: 'invalid_token',
  },
  issuer_unknown: {
    status: 401,
    source: 'client',
    title: 'The issuer of the token is not trusted',
    challenge: 'invalid_token',
  },
  issuer_not_allowed: {
    status: 401,
    source: 'client',
    title: 'The issuer of the token is not accepted here',
    challenge: 'invalid_token',
  },
  audience_mismatch: {
    status: 401,
    source: 'client',
    title: 'The token is meant for another audience',
    challenge: 'invalid_token',
  },
  algorithm_not_allowed: {
    status: 401,
    source: 'client',
    title: 'The signature algorithm is not accepted',
    challenge: 'invalid_token',
  },
  key_unknown: {
    status: 401,
    source: 'client',
    title: 'The issuer publishes no such key',
    challenge: 'invalid_token',
  },
  signature_invalid: {
    status: 401,
    source: 'client',
    title: 'The signature does not verify',
    challenge: 'invalid_token',
  },
  type_not_allowed: {
    status: 401,
    source: 'client',
    title: 'This type of token is not accepted',
    challenge: 'invalid_token',
  },
  claim_missing: {
    status: 401,
    source: 'client',
    title: 'A required claim is missing',
    challenge: 'invalid_token',
  },
  token_bound: {
    status: 401,
    source: 'client',
    title: 'The token is bound to a proof of possession',
    challenge: 'invalid_token',
  },
  binding_required: {
    status: 401,
    source: 'client',
    title: 'A token that is bound to its client is required',
    challenge: 'invalid_token',
  },
  insufficient_claims: {
    status: 401,
    source: 'client',
    title: 'The backend requires more than the token proves',
    challenge: 'insufficient_claims',
  },
  step_up_required: {
    status: 401,
    source: 'client',
    title: 'The user must authenticate again, or in another way',
    challenge: 'insufficient_user_authentication',
  },
  dpop_proof_invalid: {
    status: 401,
    source: 'client',
    title: 'The DPoP proof does not hold',
    challenge: 'invalid_dpop_proof',
  },
  dpop_nonce_required: {
    status: 401,
    source: 'client',
    title: 'The DPoP proof needs the nonce of this gateway',
    challenge: 'use_dpop_nonce',
  },

  token_revoked: {
    status: 401,
    source: 'client',
    title: 'The token was revoked',
    challenge: 'invalid_token',
  },
  token_inactive: {
    status: 401,
    source: 'client',
    title: 'The token is not active',
    challenge: 'invalid_token',
  },

  insufficient_scope: {
    status: 403,
    source: 'client',
    title: 'The token lacks a required scope',
    challenge: 'insufficient_scope',
  },
  role_missing: {
    status: 403,
    source: 'client',
    title: 'The token lacks a required role',
  },
  claim_mismatch: {
    status: 403,
    source: 'client',
    title: 'A claim of the token does not have the required value',
  },
  condition_failed: {
    status: 403,
    source: 'client',
    title: 'The condition of the route does not hold',
  },
  identity_incomplete: {
    status: 403,
    source: 'client',
    title: 'The token lacks a claim that the backend requires',
  },
  identity_too_large: {
    status: 403,
    source: 'client',
    title: 'The identity in the token is too large to pass on',
  },
  origin_not_allowed: {
    status: 403,
    source: 'client',
    title: 'The origin is not accepted',
  },
  mcp_denied: { status: 403, source: 'client', title: 'The rules do not allow what the message asks for' },
  exchange_refused: { status: 403, source: 'client', title: 'The provider issues no token for the backend' },
  proxy_not_trusted: {
    status: 403,
    source: 'client',
    title: 'Decisions are made for trusted proxies only',
  },

  route_unknown: { status: 404, source: 'client', title: 'No route matches' },
  method_not_allowed: { status: 405, source: 'client', title: 'The method is not allowed here' },
  request_timeout: {
    status: 408,
    source: 'client',
    title: 'The request took too long to arrive',
    closes: true,
  },
  body_too_large: { status: 413, source: 'client', title: 'The body is too large', closes: true },
  expectation_failed: { status: 417, source: 'client', title: 'The expectation cannot be met', closes: true },
  rate_limited: { status: 429, source: 'client', title: 'Too many requests' },
  headers_too_large: {
    status: 431,
    source: 'client',
    title: 'The header fields are too large',
    closes: true,
  },

  upstream_unreachable: { status: 502, source: 'upstream', title: 'The backend could not be reached' },
  upstream_invalid: { status: 502, source: 'upstream', title: 'The backend sent an invalid response' },
  upstream_timeout: { status: 504, source: 'upstream', title: 'The backend took too long to respond' },
  keys_unavailable: {
    status: 503,
    source: 'gateway',
    title: 'The keys to verify the token are not available',
  },
  exchange_unavailable: {
    status: 503,
    source: 'gateway',
    title: 'No token for the backend could be obtained',
  },
  introspection_unavailable: {
    status: 503,
    source: 'gateway',
    title: 'The token cannot be introspected',
  },
  revocation_unavailable: {
    status: 503,
    source: 'gateway',
    title: 'Whether the token was revoked is not known',
  },
  replay_unavailable: {
    status: 503,
    source: 'gateway',
    title: 'Whether the proof was used before is not known',
  },
  upstream_unhealthy: { status: 503, source: 'upstream', title: 'No healthy backend is available' },
  overloaded: { status: 503, source: 'gateway', title: 'The gateway is overloaded' },
  shutting_down: { status: 503, source: 'gateway', title: 'The gateway is shutting down', closes: true },
  internal: { status: 500, source: 'gateway', title: 'The gateway failed' },
} as const satisfies Record<string, RefusalRow>;

/** The schemes of `Authorization` that the tokens of an alternative can come under, as far as challenges offer them. */
export type TokenSchemes = 'Bearer' | 'DPoP' | 'both';

export type RefusalCode = keyof typeof REFUSALS;

/** A refusal as a value: phases return it, one writer (`http/problem.ts`) sends it. */
export interface Refusal {
  readonly refused: true;
  readonly code: RefusalCode;
  /** Selects the code, and the advice of `explain`. */
  readonly cause: Cause;
  /**
   * Why, for the log line and `explain`: names of rules, claims and headers. Never a claim value or another part of the token, except
   * its key id and audience, escaped and cut (`quoteForLog`).
   */
  readonly reason: string;
  /**
   * All scopes that the request needs, in place of those of the route's access, for the `scope` attribute of the challenge (RFC 6750 §3):
   * as tokens have them, without the prefix of an issuer. With `insufficient_scope`: only where the token lacks nothing else, since
   * there is no challenge without them.
   */
  readonly scopes?: readonly string[];
  /** The schemes that the challenge offers, in place of those of the route's access. */
  readonly schemes?: TokenSchemes;
  /** Further parameters of the challenge, by name. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Methods that the path accepts, for `Allow` (RFC 9110 §15.5.6). */
  readonly allow?: readonly string[];
  /** Whole seconds, for `Retry-After` (RFC 9110 §10.2.3). */
  readonly retryAfterSeconds?: number;
  /** The configured name of the issuer, where it is known. */
  readonly issuer?: string;
}

type RefusalDetails = Omit<Refusal, 'refused' | 'code' | 'cause' | 'reason'>;

const CODES: Readonly<Record<Cause, RefusalCode>> = CAUSES;

/** Makes a refusal with the code of its cause. `reason` must contain no part of the token. */
export function refuse(cause: Cause, reason: string, details?: RefusalDetails): Refusal {
  const code = CODES[cause];
  return details === undefined
    ? { refused: true, code, cause, reason }
    : { refused: true, code, cause, reason, ...details };
}

/** Narrows the outcome of a phase: its result or a refusal. */
export function isRefusal(outcome: unknown): outcome is Refusal {
  return (
    typeof outcome === 'object' && outcome !== null && (outcome as { refused?: unknown }).refused === true
  );
}
