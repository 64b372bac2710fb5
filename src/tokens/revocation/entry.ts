import { createHash } from 'node:crypto';

/** The claim by which an entry finds tokens: their own id, that of a session, or the subject (RFC 7519 §4.1.7; OpenID Connect's `sid`). */
export type RevocationKind = 'jti' | 'sid' | 'subject';

/** Where an entry came from: a file, other gateways, the admin listener, a logout token or a security event. */
export type RevocationSource = 'file' | 'store' | 'admin' | 'logout' | 'events';

/** What tokens an entry is for. Two entries with the same target are one. */
export interface RevocationTarget {
  /** The configured name of the issuer. */
  readonly issuer: string;
  readonly kind: RevocationKind;
  /** As `revokedValue` spells it. */
  readonly value: string;
}

/** A revocation. Times are whole seconds since the epoch, as in tokens. */
export interface RevocationEntry extends RevocationTarget {
  /** For a subject: tokens with an `iat` up to it, or without one. Undefined for other kinds. */
  readonly before: number | undefined;
  /** When it arrived first, anywhere. */
  readonly at: number;
  /** When it ends; undefined where `keep` counts, from `at`. */
  readonly until: number | undefined;
}

/** What sources report: an entry that arrived, or one that was taken back. */
export type RevocationChange =
  | { readonly change: 'added'; readonly entry: RevocationEntry }
  | {
      readonly change: 'takenBack';
      readonly target: RevocationTarget;
      readonly before: number | undefined;
      /** When; undefined means now. */
      readonly at?: number | undefined;
    };

/** Longer values are kept as digests, so that an entry has a largest size. */
const LONGEST_VALUE = 128;

/** The value of a claim as entries have it. */
export function revokedValue(claim: string): string {
  if (claim.length <= LONGEST_VALUE) return claim;
  return `sha-256:${createHash('sha256').update(claim).digest('base64url')}`;
}

/** Zero of each source. */
export function countBySource(): Record<RevocationSource, number> {
  return { file: 0, store: 0, admin: 0, logout: 0, events: 0 };
}
