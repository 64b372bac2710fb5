import { type Refusal, refuse } from '../../core/refusals.ts';
import type { Claims } from '../../tokens/verified-token.ts';

/** The members of `cnf` that a proof is known for (RFC 8705 §3.1, RFC 9449 §6.1). */
const CONFIRMATIONS = ['x5t#S256', 'jkt'] as const;
export type ConfirmationName = (typeof CONFIRMATIONS)[number];

/**
 * By what a token is bound (RFC 7800 §3): undefined where it is not; a refusal where no member of its `cnf` can be proven here. Members
 * that are not known are passed over beside one that is.
 */
export function readConfirmations({ cnf }: Claims): readonly ConfirmationName[] | undefined | Refusal {
  // An empty `cnf` counts, unlike other optional claims: what is unclear about a binding is refused.
  if (cnf === undefined || cnf === null) return undefined;
  const names =
    typeof cnf === 'object' && !Array.isArray(cnf)
      ? CONFIRMATIONS.filter((name) => Object.hasOwn(cnf, name))
      : [];
  return names.length > 0
    ? names
    : refuse('token_bound', 'it has `cnf`, by none of whose members a client can prove anything here');
}

/** The text of a member of `cnf`; undefined where it is none. */
export function confirmationText({ cnf }: Claims, name: ConfirmationName): string | undefined {
  const value = (cnf as Readonly<Record<string, unknown>>)[name];
  return typeof value === 'string' ? value : undefined;
}
