import { type RevocationEntry, type RevocationTarget, revokedValue } from '../revocation/entry.ts';

/** What a verified logout token or security event states. */
export interface EventStatement {
  readonly jti: string;
  /** From here it is refused for its age; undefined where it has no end. */
  readonly rejectedFromMs: number | undefined;
  /** Undefined where nothing follows from it. */
  readonly entry: RevocationEntry | undefined;
}

/** An entry for a subject, up to a moment, or for a session. */
export function entryFor(
  target: Pick<RevocationTarget, 'issuer' | 'kind'> & { readonly claim: string },
  { before, nowMs }: { readonly before: number; readonly nowMs: number },
): RevocationEntry {
  const { issuer, kind, claim } = target;
  return {
    issuer,
    kind,
    value: revokedValue(claim),
    before: kind === 'subject' ? before : undefined,
    at: Math.floor(nowMs / 1000),
    until: undefined,
  };
}
