import type { Refusal } from '../core/refusals.ts';
import type { DpopPolicy } from './dpop/proof-policy.ts';
import type { ClientCredentials } from './endpoints/client-credentials.ts';
import type { CheckedKeySet } from './keys/key-set.ts';
import type { Claims } from './verified-token.ts';

/** What is special about the tokens of a provider. Most providers have no rules. */
export interface ProviderRules {
  /** Recognizes the `iss` of tokens whose issuers cannot be listed. */
  readonly recognizes?: (unverifiedClaims: Claims) => boolean;
  /** Whether a key that was found may sign this token. `keyIssuer` is the key's `issuer` member. */
  readonly acceptsKey?: (unverifiedClaims: Claims, keyIssuer: string | undefined) => boolean;
  /** Refuses kinds of tokens of this provider that are not meant for APIs. */
  readonly validateKind?: (claims: Claims, idTokens: boolean) => Refusal | undefined;
  /** The claim that stands in for `aud`. */
  readonly audienceClaim?: (claims: Claims) => string;
}

/** An issuer of the file with its preset and defaults merged in: all that a request needs, looked up beforehand. */
export interface CompiledIssuer {
  /** Its name in the file. */
  readonly name: string;
  /** Every exact `iss` its tokens may carry; none when the preset recognizes them by a rule. */
  readonly issuers: readonly string[];
  readonly audiences: readonly string[] | 'any';
  /** Added to the refusal of an audience, where the provider has a habit worth knowing. */
  readonly audienceHint: string | undefined;
  readonly algorithms: ReadonlySet<string>;
  readonly tokenTypes: TokenTypes;
  readonly idTokens: boolean;
  readonly requiredClaims: readonly string[];
  /** Stands before scopes that clients request of it: its tokens have them without. */
  readonly scopePrefix: string | undefined;
  readonly scopeClaims: readonly (readonly string[])[];
  readonly roleClaims: readonly (readonly string[])[];
  readonly clockToleranceMs: number;
  readonly maxTokenAgeMs: number | undefined;
  readonly rules: ProviderRules;
  /** Headers in which the provider itself puts the token, lower case; none for `Authorization: Bearer`. */
  readonly tokenHeaders: readonly string[];
  /** Undefined where its bound tokens are refused. */
  readonly dpop: DpopPolicy | undefined;
  readonly source: KeySource;
  readonly keys: KeySettings;
  /** Undefined where tokens are verified by keys alone. */
  readonly introspection: IntrospectionSettings | undefined;
}

/** Accepted `typ` headers, lower case and without `application/` (RFC 7515 §4.1.9). */
export interface TokenTypes {
  readonly names: ReadonlySet<string>;
  /** Whether a token without `typ` is refused. */
  readonly required: boolean;
}

/** Where the keys come from. */
export type KeySource =
  | { readonly kind: 'static'; readonly checked: CheckedKeySet }
  /** Its tokens are introspected, and no JWT can be verified. */
  | { readonly kind: 'none' }
  | { readonly kind: 'url'; readonly url: URL }
  | { readonly kind: 'discovery'; readonly issuer: string; readonly keysPath: string | undefined };

export interface KeySettings {
  readonly refreshMs: number;
  readonly cooldownMs: number;
  readonly maxStaleMs: number;
  /** For a whole attempt: metadata and keys. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly headers: Readonly<Record<string, string>>;
  /** PEM text. */
  readonly ca: string | undefined;
  readonly snapshot: string | undefined;
  readonly insecure: boolean;
}

/** How the provider is asked about tokens (RFC 7662). */
export interface IntrospectionSettings {
  /** Undefined where the metadata of the issuer names it. */
  readonly url: URL | undefined;
  readonly credentials: ClientCredentials;
  readonly timeoutMs: number;
  /** Questions that run at a time, in all processes together. */
  readonly concurrency: number;
  readonly activeMs: number;
  readonly inactiveMs: number;
  /** For the responses that are kept. */
  readonly maxBytes: number;
  /** How the tokens of this issuer begin, where others are introspected too. */
  readonly prefix: string | undefined;
  /** Whether JWTs of this issuer are introspected as well, after they held. */
  readonly coversJwts: boolean;
}

export const NO_RULES: ProviderRules = {};
