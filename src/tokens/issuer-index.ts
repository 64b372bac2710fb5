import type { Cause } from '../core/causes.ts';
import type { CompiledIssuer } from './compiled-issuer.ts';
import type { Claims } from './verified-token.ts';

/** Finds the configured issuer of a token by its exact, unverified `iss`. */
export interface IssuerIndex {
  find(unverifiedClaims: Claims): CompiledIssuer | undefined;
  /** The likely mistake when none was found: often the scheme, the case or a slash at the end. */
  explainMiss(iss: unknown): readonly [Cause, string];
}

/** Listed issuers are found by one look-up, however many there are; only the few with a rule are tried in turn. */
export function indexIssuers(issuers: readonly CompiledIssuer[]): IssuerIndex {
  const exact = new Map<string, CompiledIssuer>();
  const folded = new Map<string, string>();
  for (const issuer of issuers) {
    for (const iss of issuer.issuers) {
      exact.set(iss, issuer);
      folded.set(fold(iss), issuer.name);
    }
  }
  const byRule = issuers.filter(({ rules }) => rules.recognizes !== undefined);
  return {
    find(unverifiedClaims) {
      const { iss } = unverifiedClaims;
      if (typeof iss !== 'string') return undefined;
      return exact.get(iss) ?? byRule.find(({ rules }) => rules.recognizes?.(unverifiedClaims));
    },
    explainMiss(iss) {
      if (typeof iss !== 'string')
        return iss === undefined
          ? ['iss_missing', 'the token has no `iss`']
          : ['iss_missing', 'its `iss` is not a text'];
      const near = folded.get(fold(iss));
      if (near === undefined) return ['iss_unknown', 'no configured issuer has its `iss`'];
      return [
        'iss_nearly_known',
        `its \`iss\` differs from that of ${near} only by its scheme, by case or by a slash at the end`,
      ];
    },
  };
}

function fold(iss: string): string {
  const lower = iss.toLowerCase().replace(/^https?:\/\//, '');
  return lower.endsWith('/') ? lower.slice(0, -1) : lower;
}
