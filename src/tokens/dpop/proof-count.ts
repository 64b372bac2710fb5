/** How a proof can end. */
const PROOF_OUTCOMES = ['accepted', 'invalid', 'replayed', 'nonce', 'limited', 'unavailable'] as const;
export type ProofOutcome = (typeof PROOF_OUTCOMES)[number];

/** Counts proofs since the process started, by issuer and outcome. */
export interface ProofCount {
  add(issuer: string, outcome: ProofOutcome): void;
  of(issuer: string): Readonly<Record<ProofOutcome, number>>;
}

export function createProofCount(): ProofCount {
  const counts = new Map<string, Record<ProofOutcome, number>>();
  const of = (issuer: string): Record<ProofOutcome, number> => {
    const known = counts.get(issuer);
    if (known !== undefined) return known;
    const made = { accepted: 0, invalid: 0, replayed: 0, nonce: 0, limited: 0, unavailable: 0 };
    counts.set(issuer, made);
    return made;
  };
  return {
    of,
    add(issuer, outcome) {
      of(issuer)[outcome] += 1;
    },
  };
}
