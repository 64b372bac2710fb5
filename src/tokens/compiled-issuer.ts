import type { JudgedSet } from './key-set.ts';
import type { ProviderRules } from './provider-rules.ts';

/** An issuer of the file with its preset and defaults merged in: all that a request needs, looked up beforehand. */
export interface CompiledIssuer {
  /** Its name in the file. */
  readonly name: string;
  /** Every exact `iss` its tokens may carry; none when the preset recognises them by a rule. */
  readonly issuers: readonly string[];
  readonly audiences: readonly string[] | 'any';
  /** What to say beside an audience that does not match, where the provider has a habit worth knowing. */
  readonly audienceHint: string | undefined;
  readonly algorithms: ReadonlySet<string>;
  readonly tokenTypes: TokenTypes;
  readonly idTokens: boolean;
  readonly requiredClaims: readonly string[];
  readonly scopeClaims: readonly (readonly string[])[];
  readonly roleClaims: readonly (readonly string[])[];
  readonly clockToleranceMs: number;
  readonly maxTokenAgeMs: number | undefined;
  readonly rules: ProviderRules;
  /** Headers in which the provider itself puts the token, lower case; none for `Authorization: Bearer`. */
  readonly tokenHeaders: readonly string[];
  readonly source: KeySource;
  readonly keys: KeySettings;
}

/** Accepted `typ` headers, lower case and without `application/` (RFC 7515 §4.1.9). */
export interface TokenTypes {
  readonly names: ReadonlySet<string>;
  /** Whether a token without `typ` is refused. */
  readonly required: boolean;
}

/** Where the keys come from. */
export type KeySource =
  | { readonly kind: 'static'; readonly judged: JudgedSet }
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
