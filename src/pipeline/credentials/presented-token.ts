/** The token of a request, and how the client presents it. Nothing of it is proven. */
export interface PresentedToken {
  readonly rawToken: string;
  /** The scheme of `Authorization` (RFC 6750 §2.1, RFC 9449 §7.1); tokens in other places count as `Bearer`. */
  readonly scheme: 'Bearer' | 'DPoP';
}
