import type { Refusal } from '../core/refusals.ts';
import type { Trace } from '../core/trace.ts';
import type { VerifiedToken } from './verified-token.ts';

/** Judges raw tokens; the only maker of a `VerifiedToken`. */
export interface TokenVerifier {
  /**
   * Judges form, issuer, algorithm, type, key, signature, claims and times, in this order (contract §3.5). `accepts` holds the
   * configured names of the issuers that count here; undefined means all of the file. Answers at once unless keys must be waited for.
   */
  verify(
    rawToken: string,
    accepts: ReadonlySet<string> | undefined,
    trace?: Trace,
  ): VerifiedToken | Refusal | Promise<VerifiedToken | Refusal>;
}
