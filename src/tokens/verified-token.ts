/**
 * The payload of a verified token (RFC 7519 §4). Objects have no prototype. A number that does not print back as written, or that
 * is an unsafe integer, is an `InexactNumber`, so that no comparison of scalars matches it. Strings may hold lone surrogates.
 */
export type Claims = Readonly<Record<string, unknown>>;

/** What counts of a token's header (RFC 7515 §4.1). */
export interface TokenHeader {
  readonly alg: string;
  readonly kid?: string;
  /** As it stands in the header. */
  readonly typ?: string;
}

/**
 * A token whose form, issuer, algorithm, type, key, signature, claims and times held when it was handed out.
 * Its audience is *not* validated yet, nor whether it is bound to a key: that comes with the route (`pipeline/authorize.ts`).
 * Never mutated and shared between requests through the cache.
 */
export interface VerifiedToken {
  /** The configured name of the issuer, not its `iss`. */
  readonly issuer: string;
  readonly header: TokenHeader;
  readonly claims: Claims;
  /**
   * The audiences it names (RFC 7519 §4.1.3, or what the issuer's preset puts in their place); undefined when it names none, empty
   * when what it names has no stated meaning.
   */
  readonly audiences: readonly string[] | undefined;
  /** From the first claim of `scopeClaims` that is present. */
  readonly scopes: readonly string[];
  /** From the first claim of `roleClaims` that is present. */
  readonly roles: readonly string[];
  /** The moment from which it is no longer accepted: exp plus tolerance, in milliseconds since the epoch. */
  readonly rejectedFromMs: number;
  /**
   * Room for what later steps find out about the token and nothing else, kept for as long as the token is remembered. Undefined while
   * it is not: what comes once is better forgotten.
   */
  readonly notes: TokenNotes | undefined;
}

/** Something, and through it whatever else was noted before. */
export interface TokenNotes {
  newest: unknown;
}
