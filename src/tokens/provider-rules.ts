import type { Refusal } from '../core/refusals.ts';
import type { Claims } from './verified-token.ts';

/** What is special about the tokens of a provider. Each rule is asked only where there is one. */
export interface ProviderRules {
  /** Recognises the `iss` of tokens whose issuers cannot be listed. */
  readonly recognises?: (unverifiedClaims: Claims) => boolean;
  /** Whether a key that was found may sign this token. `keyIssuer` is the key's `issuer` member. */
  readonly acceptsKey?: (unverifiedClaims: Claims, keyIssuer: string | undefined) => boolean;
  /** Refuses kinds of tokens of this provider that are not meant for APIs. */
  readonly judgeKind?: (claims: Claims, idTokens: boolean) => Refusal | undefined;
  /** The claim that stands in for `aud`. */
  readonly audienceClaim?: (claims: Claims) => string;
}

export const NO_RULES: ProviderRules = {};
