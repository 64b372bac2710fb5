/**
 * The payload of a verified token (RFC 7519 §4), or what introspection states about it. Objects have no prototype. A number that does not print back as written, or that
 * is an unsafe integer, is an `InexactNumber`, so that no comparison of scalars matches it. Strings may hold lone surrogates.
 */
export type Claims = Readonly<Record<string, unknown>>;

/** The parts of a token's header that matter (RFC 7515 §4.1). */
export interface TokenHeader {
  readonly alg: string;
  readonly kid?: string;
  /** As it stands in the header. */
  readonly typ?: string;
}

/**
 * A token whose form, issuer, algorithm, type, key, signature, claims and times held when it was handed out.
 * Its audience is *not* validated yet, nor that its client holds the key it is bound to: that
 * comes with the request (`pipeline/decision/decide-access.ts`).
 * Immutable, since the cache shares it between requests; a `TokenMemo` keeps what is derived from it.
 */
export interface VerifiedToken {
  /** The configured name of the issuer, not its `iss`. */
  readonly issuer: string;
  /** Empty for an introspected token, which has none. */
  readonly header: Partial<TokenHeader>;
  /** The provider was asked about it: it is no JWT, and the claims are those of the response (RFC 7662 §2.2). */
  readonly introspected?: true;
  readonly claims: Claims;
  /**
   * The audiences it names (RFC 7519 §4.1.3, or in the claim of the issuer's preset); undefined when it names none, empty when
   * `aud` is neither text nor a list of texts.
   */
  readonly audiences: readonly string[] | undefined;
  /** From the first claim of `scopeClaims` that is present. */
  readonly scopes: readonly string[];
  /** From the first claim of `roleClaims` that is present. */
  readonly roles: readonly string[];
  /** The moment from which it is no longer accepted: exp plus tolerance, in milliseconds since the epoch. */
  readonly rejectedFromMs: number;
}
