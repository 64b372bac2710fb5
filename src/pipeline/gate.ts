import type { Refusal } from '../core/refusals.ts';
import type { CertificateHeaderReader } from '../http/certificates/certificate-header.ts';
import type { RevocationCheck } from '../tokens/revocation/revocation-check.ts';
import type { VerifiedToken } from '../tokens/verified-token.ts';
import type { TokenVerifier } from '../tokens/verifier.ts';
import type { AssertionSigner } from './identity/assertion/assertion.ts';
import type { ServedHere } from './messages/direct-response.ts';
import type { RequestHeaderFilter } from './messages/request-header-filter.ts';
import type { OwnPaths } from './own/own-paths.ts';
import type { Permit } from './permit.ts';
import type { Route } from './route.ts';
import type { RouteTable } from './routing/match-route.ts';

export interface Decision {
  /** The route that was matched, for logs and metrics, also when it refuses. */
  readonly route: Route | undefined;
  readonly outcome: Permit | Refusal | ServedHere;
  /** The verified token, also where the route refuses it; for the log. Undefined where there is none. */
  readonly token?: VerifiedToken;
  /** Fields of every response to the request, the gateway's own included: CORS and RateLimit, names and values in turn. */
  readonly addedHeaders?: readonly string[];
}

/** The rules of one file, compiled: everything a decision needs. */
export interface Gate {
  readonly table: RouteTable;
  /** What the gateway serves itself, before any route; undefined in files that have it serve nothing. */
  readonly ownPaths: OwnPaths | undefined;
  /** By `Route.index`. */
  readonly routes: readonly Route[];
  readonly headerFilter: RequestHeaderFilter;
  readonly verifier: TokenVerifier;
  /** Reads the client certificate that a trusted proxy passes on; undefined in files that name no header for it. */
  readonly certificateHeader: CertificateHeaderReader | undefined;
  /** Undefined for simulated requests, unless entries were read for them. */
  readonly revocations: RevocationCheck | undefined;
  /** Undefined in files that ask for no assertion. */
  readonly assertion: AssertionSigner | undefined;
  /** Whether proofs of keys are used up. Those of simulated requests are not; undefined in files that accept none. */
  readonly proofs: 'used' | 'simulated' | undefined;
  /** Whether tokens are exchanged. Simulated requests only show that they would be; undefined in files that exchange none. */
  readonly exchanges: 'requested' | 'simulated' | undefined;
  /** False for simulated requests, which are not counted. */
  readonly appliesLimits: boolean;
  /** Bits of the `SPELLINGS` that any route allows. */
  readonly allowableSpellings: number;
}
