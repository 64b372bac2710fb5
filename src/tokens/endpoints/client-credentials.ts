import type { KeyObject } from 'node:crypto';

/** What the gateway identifies itself with at an endpoint of a provider (RFC 6749 §2.3, RFC 7523 §2.2, RFC 8705 §2). */
export type ClientCredentials = { readonly clientId: string } & (
  | { readonly kind: 'secret'; readonly clientSecret: string; readonly method: 'basic' | 'post' }
  | { readonly kind: 'key'; readonly key: AssertionKey }
  | { readonly kind: 'tls'; readonly cert: string; readonly key: string }
);

/** The private key of client assertions, and what their header names. */
export interface AssertionKey {
  readonly key: KeyObject;
  /** The `alg` of the header. */
  readonly alg: AssertionAlgorithm;
  readonly kid: string | undefined;
  /** SHA-256 of the certificate that belongs to the key, in base64url (RFC 7515 §4.1.8). */
  readonly thumbprint: string | undefined;
}

export type AssertionAlgorithm =
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'Ed25519';
